// Run in a guest: everything that needs a VLAN device. Leaves guest.json in the directory given.
import { writeFileSync } from "node:fs";
import { release } from "node:os";
import { atOnce, attach } from "./attach.ts";
import { createNode } from "./sandbox.ts";
import { scale } from "./scale.ts";
import { syscalls } from "./syscalls.ts";
import { traffic } from "./traffic.ts";

const [, , dist = "dist", out = "/run/out", rounds = "30"] = process.argv;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Too few rounds to mean anything: a look at whether it all works. */
const isQuick = Number(rounds) < 5;

// All VLAN ids that any of them uses.
await createNode(Array.from({ length: 119 }, (_, i) => i + 2));
say("ADD and DEL, whole processes");
const attached = attach(dist, Number(rounds));
say("many at once");
const together = await atOnce(dist, isQuick ? 4 : 30);
say("what a call asks of the kernel");
const traced = syscalls(dist);
say("few and many pods on the trunk");
const scaled = await scale(isQuick ? [1, 4] : [1, 50, 110], Number(rounds));
say("traffic, direct and routed in turn");
const moved = await traffic(dist, Number(rounds), 1);
writeFileSync(
  `${out}/guest.json`,
  JSON.stringify({ kernel: release(), attached, together, traced, scaled, moved }),
);
