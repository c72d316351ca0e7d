// Named network namespaces, by iproute2: slow beside netlink, but independent of the code under test.
import { readFileSync } from "node:fs";
import { ipLine, ipObject } from "./macvlan/iproute.ts";
import { eventually, must, run, type Outcome, type RunOptions } from "./run.ts";

/** A namespace's name under /run/netns, or undefined for the one the caller is in. */
export type Netns = string | undefined;

/** The path a CNI runtime would pass for a named namespace. */
export function netnsPath(name: string): string {
  return `/run/netns/${name}`;
}

/**
 * Creates a named namespace with lo up. Without an address a namespace has no local table
 * and resolves every neighbour to broadcast.
 */
export async function createNetns(name: string): Promise<string> {
  await must(["ip", "netns", "add", name]);
  await must(["ip", "-n", name, "link", "set", "lo", "up"]);
  return name;
}

/**
 * Ends what still runs in a named namespace and deletes it; a namespace that is gone is fine.
 *
 * The kernel takes the devices of a namespace away some time after it, later where others go as well. `veth` is the near
 * end of one that leads into it, for tests in which it has to be gone: they wait for that.
 */
export async function deleteNetns(name: string, veth?: string): Promise<void> {
  const pids = await run(["ip", "netns", "pids", name]);
  for (const line of pids.stdout.split("\n")) {
    if (line === "") continue;
    try {
      process.kill(Number(line), "SIGKILL");
    } catch {
      // It ended by itself meanwhile.
    }
  }
  const outcome = await run(["ip", "netns", "del", name]);
  if (outcome.status !== 0 && !/No such file/.test(outcome.stderr)) throw new Error(outcome.stderr.trim());
  if (veth === undefined) return;
  await eventually(`${veth} to go`, () => (ownDevices().includes(veth) ? undefined : true));
}

/** Names of the devices in the caller's own namespace. */
function ownDevices(): string[] {
  const lines = readFileSync("/proc/self/net/dev", "utf8").split("\n");
  return lines.slice(2).map((line) => line.split(":")[0]?.trim() ?? "");
}

/** The argv that runs `argv` in a namespace. */
export function inNetns(netns: Netns, argv: readonly [string, ...string[]]): [string, ...string[]] {
  return netns === undefined ? [...argv] : ["ip", "netns", "exec", netns, ...argv];
}

/** Runs a command in a namespace and answers with its outcome, whatever its status. */
export function exec(
  netns: Netns,
  argv: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<Outcome> {
  return run(inNetns(netns, argv), options);
}

/** Like {@link exec}, and throws unless the command succeeded. */
export function mustExec(
  netns: Netns,
  argv: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<Outcome> {
  return must(inNetns(netns, argv), options);
}

/** Runs many `ip` commands in one process; each line is what would follow `ip`. */
export async function ipBatch(netns: Netns, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await must(["ip", ...flags(netns), "-batch", "-"], { input: `${lines.map(ipLine).join("\n")}\n` });
}

/** An object of iproute2's JSON: what it holds depends on the command. */
export type IpObject = Readonly<Record<string, unknown>>;

/** The parsed output of `ip -j …` in a namespace: always an array, as iproute2 answers. */
export async function ipJson<T extends object = IpObject>(netns: Netns, ...args: string[]): Promise<T[]> {
  const outcome = await must(["ip", ...flags(netns), "-d", "-j", ...args]);
  return parseArray<T>(outcome.stdout);
}

/** The arrays that one `ip -j -batch` printed, one for each of its commands. */
export async function ipJsonBatch<T extends object = IpObject>(
  netns: Netns,
  family: "-4" | "-6" | undefined,
  lines: readonly string[],
): Promise<T[][]> {
  const options = [...flags(netns), ...(family === undefined ? [] : [family])];
  const outcome = await must(["ip", ...options, "-d", "-j", "-batch", "-"], {
    input: `${lines.join("\n")}\n`,
  });
  const arrays = outcome.stdout.split("\n").filter((line) => line !== "");
  if (arrays.length !== lines.length)
    throw new Error(`ip -batch printed ${arrays.length} of ${lines.length} answers`);
  return arrays.map((text) => parseArray<T>(text));
}

function flags(netns: Netns): string[] {
  return netns === undefined ? [] : ["-n", netns];
}

function parseArray<T extends object>(text: string): T[] {
  const parsed: T[] = text.trim() === "" ? [] : JSON.parse(text);
  // iproute2 prints empty objects for what a filter left out.
  return parsed.filter((item) => Object.keys(item).length > 0).map(ipObject);
}
