import type { Socket } from "node:net";
import { readPeerUid } from "./unix-socket.ts";

/** The user at the other end of a Unix socket of Node's; undefined once it is closed. */
export function peerUidOf(socket: Socket): number | undefined {
  // Node gives the descriptor in no documented way, and has no call for the peer's credentials.
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
  const fd = handle?.fd;
  return fd === undefined || fd < 0 ? undefined : readPeerUid(fd);
}
