import { errnoName } from "../sys/errno.ts";
import type { Acknowledgement } from "./extack.ts";

type KernelWords = Omit<Acknowledgement, "errno">;

/** The kernel refused a request, or could not be asked: the one error that this folder's sockets throw. */
export class NetlinkError extends Error {
  override name = "NetlinkError";

  /** What was asked for, for a person: `add route default via 10.0.0.1 dev eth0`. */
  readonly operation: string;
  readonly errno: number;
  /** The kernel's extended ACK: its own words, and the byte of the request they are about. */
  readonly extended: KernelWords;
  readonly sequence: number;

  constructor(operation: string, errno: number, extended: KernelWords = {}, sequence = 0) {
    super(`${operation}: ${errnoName(errno)}${extended.text === undefined ? "" : ` (${extended.text})`}`);
    this.operation = operation;
    this.errno = errno;
    this.extended = extended;
    this.sequence = sequence;
  }

  /** The symbol of errno, for example `EEXIST`. */
  get code(): string {
    return errnoName(this.errno);
  }
}

/** The kernel's answer did not come, or was not to be trusted: not an errno, and not the request's fault. */
export class NetlinkProtocolError extends Error {
  override name = "NetlinkProtocolError";
}
