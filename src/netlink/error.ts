import { errnoName } from "../sys/errno.ts";
import type { Acknowledgement } from "./extack.ts";

type KernelWords = Omit<Acknowledgement, "errno">;

/** The kernel refused a request, or what the request is about does not exist. */
export class NetlinkError extends Error {
  override name = "NetlinkError";

  /** The request in words: `add route default via 10.0.0.1 dev eth0`. */
  readonly operation: string;
  readonly errno: number;
  /** The kernel's extended ACK: its message, and the offset in the request that it is about. */
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

/** The kernel's answer was missing, malformed or inconsistent; there is no errno. */
export class NetlinkProtocolError extends Error {
  override name = "NetlinkProtocolError";
}
