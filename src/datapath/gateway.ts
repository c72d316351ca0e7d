import type { NetlinkError } from "../netlink/error.ts";
import {
  NeighbourState,
  askForNeighbour,
  decodeNeighbour,
  forgetNeighbour,
  getNeighbour,
} from "../netlink/route/neighbour.ts";
import type { Request } from "../netlink/socket.ts";
import type { Clock } from "../sys/clock.ts";
import { DatapathError } from "./error.ts";
import { type Kernel, isAbsence } from "./kernel.ts";
import type { Device, Netns } from "./operation.ts";

/**
 * EC2 may take seconds, after an association, until a branch carries packets. The first sign that it does is an answer
 * of the branch's gateway, to ARP or to a neighbour solicitation: the kernel is asked to resolve it on the branch's
 * device, and its neighbour entry is watched.
 */

export interface Gateways {
  readonly at: Netns;
  /** The branch's VLAN device. */
  readonly device: Device;
  readonly addresses: readonly string[];
  readonly vlanId: number;
  readonly eniId: string;
  /** Until all of them answer. */
  readonly seconds: number;
}

/** The kernel itself asks once a second, three times: too seldom, and then no more. */
const ASK_AGAIN_MS = 200;
/** Between two looks: short at first, since most answer within a millisecond. */
const FIRST_POLL_MS = 1;
const LAST_POLL_MS = 20;

/** What a neighbour entry says about a gateway. */
export type GatewayState = "answers" | "asked" | "failed";

/** By its state (ndm_state), undefined when there is none: every one with a link-layer address counts. */
export function gatewayState(state: number | undefined): GatewayState {
  if (state === undefined) return "failed";
  if ((state & NeighbourState.VALID) !== 0) return "answers";
  return (state & NeighbourState.INCOMPLETE) !== 0 ? "asked" : "failed";
}

/** One gateway that has not answered yet. */
interface Waiting {
  readonly address: string;
  askedAt: number;
  /** Milliseconds until it is asked again; at first soon, while the device's own IPv6 address is being made. */
  patience: number;
}

/**
 * Waits until every gateway answers. DatapathError `gateway` names the first one that does not in time. What the kernel
 * has learned stays: the pod's first packet need not ask again.
 */
export function waitForGateways(kernel: Kernel, clock: Clock, gateways: Gateways): void {
  const { at, addresses, vlanId, eniId, seconds } = gateways;
  const device = kernel.indexOf(at, gateways.device);
  const deadline = clock.now() + seconds * 1000;
  let waiting: Waiting[] = addresses.map((address) => ({ address, askedAt: -Infinity, patience: 0 }));
  let refusal: NetlinkError | undefined;
  for (let pause = FIRST_POLL_MS; waiting.length > 0; pause = Math.min(pause * 2, LAST_POLL_MS)) {
    const now = clock.now();
    const due = waiting.filter(({ askedAt, patience }) => now - askedAt >= patience);
    const requests = [
      ...due.flatMap((gateway) => ask(device, gateway, now)),
      ...waiting.map(({ address }) => getNeighbour({ address, device })),
    ];
    const outcomes = kernel.socket(at).batch(requests);
    const asked = outcomes.splice(0, requests.length - waiting.length);
    // An entry to forget may be gone already.
    refusal = asked.find(({ error }) => error !== undefined && !isAbsence(error))?.error ?? refusal;
    waiting = waiting.filter((gateway, i) => {
      const reply = outcomes[i]?.replies[0];
      const found = gatewayState(reply === undefined ? undefined : decodeNeighbour(reply.payload)?.state);
      // The kernel has given up, or nobody asked it: no reason to wait for the time to be over.
      if (found === "failed") gateway.patience = LAST_POLL_MS;
      return found !== "answers";
    });
    const [silent] = waiting;
    if (silent === undefined) return;
    if (clock.now() >= deadline) {
      throw new DatapathError(
        "gateway",
        `the gateway ${silent.address} does not answer on VLAN ${vlanId} (${eniId}) after ${seconds} s: the branch carries no packets yet`,
        refusal === undefined ? {} : { cause: refusal },
      );
    }
    clock.sleep(pause);
  }
}

/** Asked again by a new entry: the kernel asks no more often for one that it waits for. */
function ask(device: number, gateway: Waiting, now: number): Request[] {
  const { address } = gateway;
  const isFirst = gateway.askedAt === -Infinity;
  gateway.patience = isFirst ? LAST_POLL_MS : Math.min(gateway.patience * 2, ASK_AGAIN_MS);
  gateway.askedAt = now;
  return [...(isFirst ? [] : [forgetNeighbour({ address, device })]), askForNeighbour({ address, device })];
}
