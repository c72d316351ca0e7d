import { mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { useScratch } from "../../../test/unit/scratch.ts";
import { look } from "./sight.ts";

const scratch = useScratch();
const at = (...names: string[]) => join(scratch.path, ...names);
const first = "pid:[4026531836]";

/** A process of that network namespace, which is a file here. */
function processOf(name: string, of: string | undefined, pid = first): void {
  mkdirSync(at("proc", name, "ns"), { recursive: true });
  symlinkSync(pid, at("proc", name, "ns", "pid"));
  if (of !== undefined) symlinkSync(at(of), at("proc", name, "ns", "net"));
}

function namespace(name: string): string {
  writeFileSync(at(name), "");
  return identityOf(name);
}

function identityOf(name: string): string {
  const { dev, ino } = statSync(at(name));
  return `${dev}:${ino}`;
}

const seen = () => {
  const sight = look({ proc: at("proc"), mountDirectories: [at("netns"), at("none")] });
  return "blind" in sight ? sight.blind.replaceAll(scratch.path, "") : sight;
};

it("sees those of processes and those of paths", () => {
  const [node, one, two] = [namespace("node"), namespace("one"), namespace("two")];
  processOf("self", "node");
  processOf("1", "node");
  processOf("77", "one");
  // It is ending.
  processOf("78", undefined);
  mkdirSync(at("proc", "sys"));
  mkdirSync(at("netns"));
  symlinkSync(at("two"), at("netns", "cni-1"));
  expect(seen()).toEqual({ identities: new Set([node, one, two]), hidden: new Set() });
});

it("tells what is mounted for the node alone, unless a process is in it", () => {
  const [node, one, , hidden] = [namespace("node"), namespace("one"), namespace("two"), namespace("hidden")];
  processOf("self", "node");
  processOf("1", "node");
  processOf("77", "one");
  // Where nothing is mounted there is the file that the other is mounted on.
  mkdirSync(at("netns"));
  const file = namespace("netns/cni-2");
  symlinkSync(at("two"), at("netns", "cni-3"));
  const ofNode = at("proc", "1", "root", at("netns"));
  mkdirSync(ofNode, { recursive: true });
  symlinkSync(at("one"), `${ofNode}/cni-1`);
  symlinkSync(at("hidden"), `${ofNode}/cni-2`);
  symlinkSync(at("two"), `${ofNode}/cni-3`);
  const two = identityOf("two");
  expect(seen()).toEqual({ identities: new Set([node, one, file, two]), hidden: new Set([hidden]) });
});

it("is blind in another pid namespace", () => {
  processOf("self", undefined, "pid:[77]");
  expect(seen()).toBe("the agent is not in the node's own pid namespace: it needs hostPID");
});

it("is blind when the kernel says nothing of the node's first process", () => {
  processOf("self", undefined);
  processOf("1", undefined);
  expect(seen()).toBe("/proc/1/ns/net is not there");
});

it("is blind when it cannot look somewhere", () => {
  namespace("node");
  processOf("self", "node");
  processOf("1", "node");
  writeFileSync(at("netns"), "");
  expect(seen()).toBe("ENOTDIR: not a directory, scandir '/netns': the agent needs SYS_PTRACE");
});
