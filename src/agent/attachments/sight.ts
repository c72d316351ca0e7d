import { readlinkSync } from "node:fs";
import { errorCode } from "../../sys/errno.ts";

/** Whether the processes of the node can be seen, and not only those of one container. */

/** PROC_PID_INIT_INO (linux/proc_ns.h): the first pid namespace of a machine. */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";

/**
 * Undefined when they can. Without hostPID, process 1 of a container is the container's own: it has the container's mount
 * namespace, where the node's first process has another. Without SYS_PTRACE the kernel says nothing of process 1.
 */
export function blindness(proc = "/proc"): string | undefined {
  let own: string;
  try {
    own = readlinkSync(`${proc}/self/ns/mnt`);
    readlinkSync(`${proc}/1/ns/net`);
    if (readlinkSync(`${proc}/1/ns/mnt`) !== own) return undefined;
    // Not in a container.
    if (readlinkSync(`${proc}/self/ns/pid`) === FIRST_PID_NAMESPACE) return undefined;
  } catch (error) {
    return `${proc}/1/ns cannot be read (${errorCode(error) ?? "?"}): the agent needs SYS_PTRACE`;
  }
  return `process 1 is in the agent's own mount namespace ${own}: the agent needs hostPID`;
}
