import { readFileSync } from "node:fs";
import { type Message, decodeMessages } from "../../src/netlink/message.ts";
import { hex } from "./hex.ts";

/** What capture.ts brought back from one kernel. */
interface Recording {
  readonly kernel: string;
  readonly captures: readonly { readonly name: string; readonly messages: readonly string[] }[];
}

/** The kernels that were captured: two series, as what a message holds grows. */
export const KERNELS = ["6.1", "6.12"] as const;
export type Kernel = (typeof KERNELS)[number];

const recordings = new Map(
  KERNELS.map((kernel) => [
    kernel,
    JSON.parse(readFileSync(`${import.meta.dirname}/linux-${kernel}.json`, "utf8")) as Recording,
  ]),
);

/** The names of all that was captured. */
export function captureNames(kernel: Kernel): string[] {
  return (recordings.get(kernel)?.captures ?? []).map(({ name }) => name);
}

/** The whole messages of one capture, as bytes. */
export function goldenBytes(kernel: Kernel, name: string): Uint8Array[] {
  const found = recordings.get(kernel)?.captures.find((capture) => capture.name === name);
  if (found === undefined) throw new Error(`Nothing named "${name}" was captured on ${kernel}`);
  return found.messages.map((message) => hex(message));
}

/** The messages of one capture. */
export function golden(kernel: Kernel, name: string): Message[] {
  return goldenBytes(kernel, name).flatMap((bytes) => decodeMessages(bytes));
}

/** The payloads of one capture. */
export function goldenPayloads(kernel: Kernel, name: string): Uint8Array[] {
  return golden(kernel, name).map(({ payload }) => payload);
}
