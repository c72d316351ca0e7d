import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { blindness } from "./sight.ts";

let proc: string;
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), "proc-"));
});
afterEach(() => rmSync(proc, { recursive: true }));

type Links = Readonly<Partial<Record<"net" | "mnt" | "pid", string>>>;

function processOf(name: string, links: Links): void {
  mkdirSync(join(proc, name, "ns"), { recursive: true });
  for (const [kind, target] of Object.entries(links)) symlinkSync(target, join(proc, name, "ns", kind));
}

const first = "pid:[4026531836]";

it.each<{ what: string; one: Links; self: Links; said: string | undefined }>([
  {
    what: "a container with hostPID",
    one: { net: "net:[1]", mnt: "mnt:[1]" },
    self: { mnt: "mnt:[2]", pid: first },
    said: undefined,
  },
  {
    what: "a container with hostPID, on a node that is a container itself",
    one: { net: "net:[1]", mnt: "mnt:[1]" },
    self: { mnt: "mnt:[2]", pid: "pid:[77]" },
    said: undefined,
  },
  {
    what: "a process of the node",
    one: { net: "net:[1]", mnt: "mnt:[1]" },
    self: { mnt: "mnt:[1]", pid: first },
    said: undefined,
  },
  {
    what: "a container without hostPID",
    one: { net: "net:[1]", mnt: "mnt:[2]" },
    self: { mnt: "mnt:[2]", pid: "pid:[77]" },
    said: "process 1 is in the agent's own mount namespace mnt:[2]: the agent needs hostPID",
  },
  {
    what: "a process 1 of which the kernel says nothing",
    one: {},
    self: { mnt: "mnt:[2]", pid: first },
    said: "/1/ns cannot be read (ENOENT): the agent needs SYS_PTRACE",
  },
])("$what", ({ one, self, said }) => {
  processOf("1", one);
  processOf("self", self);
  expect(blindness(proc)?.replace(proc, "")).toBe(said);
});
