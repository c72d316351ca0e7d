import { readdirSync, readlinkSync, statSync } from "node:fs";
import { type Places, PLACES } from "../../netns/find.ts";
import { errorCode } from "../../sys/errno.ts";
import { namesIn } from "../../sys/names-in.ts";

/** Which network namespaces there are, as far as this process can see; and whether it can. */

/** PROC_PID_INIT_INO (linux/proc_ns.h): the first pid namespace of a machine. */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";

/**
 * `identities` are as a Namespace's. `hidden` are those that are mounted for the node and cannot be opened here: the agent's
 * own mounts lack them, and no process is in them. `blind`: why somebody's namespace may be missing among both; one line.
 */
export type Sight =
  | { readonly identities: ReadonlySet<string>; readonly hidden: ReadonlySet<string> }
  | { readonly blind: string };

/**
 * All network namespaces that a process is in or a path leads to. It sees all of them or says that it does not: processes
 * of other pid namespaces are not in a container's /proc without hostPID, and without SYS_PTRACE the kernel says nothing of
 * their namespaces. Mounts are looked at as the node has them too: what was mounted after a container's start reaches it only
 * by HostToContainer. On a node that is a container itself it is blind.
 */
export function look({ proc, mountDirectories }: Places = PLACES): Sight {
  const identities = new Set<string>();
  const ofNode = new Set<string>();
  /** False when it is gone; anything else that is wrong is thrown. */
  const see = (path: string, seen = identities): boolean => {
    try {
      const { dev, ino } = statSync(path);
      seen.add(`${dev}:${ino}`);
      return true;
    } catch (error) {
      // ESRCH: a process that is ending.
      if (["ENOENT", "ESRCH"].includes(errorCode(error) ?? "")) return false;
      throw error;
    }
  };
  try {
    if (readlinkSync(`${proc}/self/ns/pid`) !== FIRST_PID_NAMESPACE) {
      return { blind: `the agent is not in the node's own pid namespace: it needs hostPID` };
    }
    if (!see(`${proc}/1/ns/net`)) return { blind: `${proc}/1/ns/net is not there` };
    // Before the agent's own: what is mounted meanwhile is not hidden.
    for (const directory of mountDirectories.map((one) => `${proc}/1/root${one}`))
      for (const name of namesIn(directory)) see(`${directory}/${name}`, ofNode);
    for (const name of readdirSync(proc)) if (/^\d+$/.test(name)) see(`${proc}/${name}/ns/net`);
    for (const directory of mountDirectories)
      for (const name of namesIn(directory)) see(`${directory}/${name}`);
  } catch (error) {
    return { blind: `${error instanceof Error ? error.message : String(error)}: the agent needs SYS_PTRACE` };
  }
  return { identities, hidden: new Set([...ofNode].filter((one) => !identities.has(one))) };
}
