// Run in a guest: everything that needs a VLAN device. Leaves guest.json in the directory given.
import { writeFileSync } from "node:fs";
import { release } from "node:os";
import { atOnce, attach } from "./attach.ts";
import { createNode } from "./sandbox.ts";
import { scale } from "./scale.ts";
import { traffic } from "./traffic.ts";

const [, , dist = "dist", out = "/run/out", rounds = "30"] = process.argv;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

createNode();
say("ADD and DEL, whole processes");
const attached = attach(dist, Number(rounds));
say("30 at once");
const together = await atOnce(dist, 30);
say("1, 50 and 110 pods on the trunk");
const scaled = await scale([1, 50, 110], Number(rounds));
say("traffic, direct and routed in turn");
const moved = await traffic(dist, 5, 3);
writeFileSync(`${out}/guest.json`, JSON.stringify({ kernel: release(), attached, together, scaled, moved }));
