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
 * After an association EC2 may take seconds until a branch carries packets. The first sign is that the branch's gateway
 * answers ARP or a neighbour solicitation: we ask the kernel to resolve it on the branch's device and watch its
 * neighbour entry.
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

/** The kernel itself asks only three times, once a second. */
const ASK_AGAIN_MS = 200;
/** Between two looks: short at first, since most answer within a millisecond. */
const FIRST_POLL_MS = 1;
const LAST_POLL_MS = 20;

/** What a neighbour entry says about a gateway. */
export type GatewayState = "answers" | "asked" | "failed";

/**
 * By the entry's state (ndm_state), undefined without an entry: any state with a link-layer address counts as an
 * answer.
 */
export function gatewayState(state: number | undefined): GatewayState {
  if (state === undefined) return "failed";
  if ((state & NeighbourState.VALID) !== 0) return "answers";
  return (state & NeighbourState.INCOMPLETE) !== 0 ? "asked" : "failed";
}

/** One gateway that has not answered yet. */
interface Waiting {
  readonly address: string;
  askedAt: number;
  /** Milliseconds until it is asked again; short at first, while the device still gets its own IPv6 address. */
  patience: number;
}

/**
 * Waits until every gateway answers. DatapathError `gateway` names the first that does not answer in time. The
 * neighbour entries stay, so the pod's first packet need not resolve them again.
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
      // The kernel has given up or was not asked: ask again without waiting for the interval to end.
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

/** Asks again through a new entry: the kernel does not repeat its question for one that is pending. */
function ask(device: number, gateway: Waiting, now: number): Request[] {
  const { address } = gateway;
  const isFirst = gateway.askedAt === -Infinity;
  gateway.patience = isFirst ? LAST_POLL_MS : Math.min(gateway.patience * 2, ASK_AGAIN_MS);
  gateway.askedAt = now;
  return [...(isFirst ? [] : [forgetNeighbour({ address, device })]), askForNeighbour({ address, device })];
}
