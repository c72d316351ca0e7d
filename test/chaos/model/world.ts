import type { Mode, Network } from "./operation.ts";
import { type Family, type Sandbox, PODS, eniOf, uidOf, vlanIdOf } from "./pool.ts";

/** What should exist, as data: which sandboxes, and which attachments of branches to them. */

export interface SandboxState {
  readonly spec: Sandbox;
  /** Its namespace is there. */
  namespace: boolean;
  /** Its veth pair is there. */
  veth: boolean;
  /** The primary's rules on the node. A routed branch's take their place, and are not followed by them once the pod is gone. */
  rules: "there" | "gone" | "maybe";
  /** Part of a branch may be in it for good: nothing says any more that it is the namespace that was attached. */
  littered: boolean;
  /** The primary's DEL has been: nothing of it is left but the memory of its container id. */
  buried: boolean;
  /** The branch in the annotation of its last ADD. */
  lastEni?: number;
}

export interface Attachment {
  readonly sandbox: number;
  readonly eni: number;
  readonly mode: Mode;
  readonly network: Network;
  /** A call that worked on it was killed: the record is there, and of the rest any part. */
  loose: boolean;
  /** The trunk was down meanwhile: the kernel took all routes by the VLAN device, and its IPv6 addresses. */
  flushed: boolean;
}

/** What strict mode changes for the whole node. */
export interface Shared {
  /** Each family's rule for table local; `between`: a call was killed that moved it, or put it back. */
  localRule: Record<Family, "home" | "moved" | "between">;
  earlyDemux: "on" | "off" | "either";
  /** strict.json, which says what to put back. */
  file: "absent" | "present" | "maybe";
}

export interface World {
  trunkUp: boolean;
  shared: Shared;
  /** Another maker's strict pod is on the node. */
  strictNeighbour: boolean;
  /** The routes by another maker's VLAN device; they go when the trunk goes down, and come back by their maker. */
  neighboursRoutes: boolean;
  sandboxes: Record<number, SandboxState>;
  attachments: Attachment[];
  /** How many pods had each name. */
  incarnations: number[];
  nextSandbox: number;
  /** VLAN ids whose record a killed call may have begun to write. */
  unfinished: number[];
  /** The same for strict.json. */
  strictUnfinished: boolean;
}

export function newWorld(): World {
  return {
    trunkUp: true,
    shared: { localRule: { 4: "home", 6: "home" }, earlyDemux: "on", file: "absent" },
    strictNeighbour: false,
    neighboursRoutes: true,
    sandboxes: {},
    attachments: [],
    incarnations: Array.from({ length: PODS }, () => 0),
    nextSandbox: 1,
    unfinished: [],
    strictUnfinished: false,
  };
}

export function sandboxesIn(world: World): SandboxState[] {
  return Object.values(world.sandboxes);
}

export function attachmentOf(world: World, sandbox: number): Attachment | undefined {
  return world.attachments.find((attachment) => attachment.sandbox === sandbox);
}

/** Never more than one: the plugin frees an id before it writes a record for it. */
export function holderOf(world: World, vlanId: number): Attachment | undefined {
  return world.attachments.find((attachment) => vlanIdOf(attachment.eni) === vlanId);
}

/** Whose namespace a path leads to. */
export function atPath(world: World, netns: string): SandboxState | undefined {
  return sandboxesIn(world).find(({ spec, namespace }) => namespace && spec.netns === netns);
}

export function isSamePod(world: World, a: number, b: number): boolean {
  const [one, other] = [world.sandboxes[a], world.sandboxes[b]];
  return one !== undefined && other !== undefined && uidOf(one.spec) === uidOf(other.spec);
}

/**
 * Whether an attachment's pod lives: its namespace is there with something in it that was there when it was attached.
 * One without any of that cannot be told from the next namespace that gets the same number.
 */
export function lives(world: World, { sandbox, mode, loose }: Attachment): boolean | "maybe" {
  const state = world.sandboxes[sandbox];
  if (state === undefined || !state.namespace) return false;
  if (state.veth) return true;
  if (mode !== "direct") return false;
  return loose ? "maybe" : true;
}

export function hasFamily(eni: number, family: Family): boolean {
  return eniOf(eni).addresses[family] !== undefined;
}
