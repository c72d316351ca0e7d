import type { NetworkInterface } from "../../ec2/types.ts";
import type { Look } from "./look.ts";
import { createdAt, instanceOf, trunkOf } from "../../ec2/eni-tags.ts";

/** What is younger may be somebody's work under way. */
export const YOUNG_MS = 5 * 60_000;
/** States in which an instance is no more, or never will be again. */
const OVER = new Set(["shutting-down", "terminated"]);

export interface Item {
  readonly id: string;
  readonly kind: "trunk" | "branch";
  readonly subnet: string;
  readonly instance: string | undefined;
  /** Of the instance; "gone" when EC2 does not know it. */
  readonly state: string;
  /** Of a branch: to be removed first. */
  readonly association: string | undefined;
  /** The trunk of a branch, as far as is known. */
  readonly trunk: string | undefined;
  /** Of a trunk that is still attached. */
  readonly attachment: string | undefined;
  /** Why it is left alone; undefined: it is to be deleted. */
  readonly stays: string | undefined;
}

export interface PlanOptions {
  /** Also what belongs to an instance that is not over. */
  readonly includeRunning: boolean;
  /** Also what is young, new or changing. */
  readonly includeYoung: boolean;
  /** What we have changed ourselves: it may look otherwise than before. */
  readonly touched: ReadonlySet<string>;
}

/**
 * What of a look is to be deleted, branches first. What was not there in the look before, or was otherwise, is somebody's
 * work: nothing is deleted on the strength of one look.
 */
export function plan(look: Look, before: Look | undefined, options: PlanOptions): readonly Item[] {
  const items = look.interfaces.map((eni) => itemOf(eni, look, before, options));
  const branches = items.filter(({ kind }) => kind === "branch");
  const trunks = items.filter(({ kind }) => kind === "trunk");
  return [
    ...branches,
    ...trunks.map((trunk) => ({ ...trunk, stays: trunk.stays ?? heldBy(trunk, branches, look) })),
  ];
}

function itemOf(eni: NetworkInterface, look: Look, before: Look | undefined, options: PlanOptions): Item {
  const { id, type, subnet, attachment, tags } = eni;
  const association = look.associations?.find(({ branch }) => branch === id);
  const trunk = association?.trunk ?? trunkOf(tags);
  const holder = look.interfaces.find((one) => one.id === trunk)?.attachment?.instance;
  const instance = attachment?.instance ?? holder ?? instanceOf(tags);
  const state = instance === undefined ? "unknown" : (look.instances.get(instance) ?? "gone");
  const isTrunk = type === "trunk";
  const item = {
    id,
    kind: isTrunk ? "trunk" : "branch",
    subnet,
    instance,
    state,
    association: association?.id,
    trunk: isTrunk ? undefined : trunk,
    attachment: isTrunk ? attachment?.id : undefined,
  } as const;
  return { ...item, stays: reasonOf(item, eni, look, before, options) };
}

function reasonOf(
  { instance, state }: Omit<Item, "stays">,
  eni: NetworkInterface,
  look: Look,
  before: Look | undefined,
  { includeRunning, includeYoung, touched }: PlanOptions,
): string | undefined {
  const { id, type, attachment, tags } = eni;
  if (type !== "trunk" && type !== "branch" && type !== "interface") return `it is of type ${type}`;
  if (type !== "trunk" && attachment !== undefined)
    return `it is neither trunk nor branch: attached to ${attachment.instance ?? "an instance"} as device ${attachment.deviceIndex}`;
  const isAlive = state !== "unknown" && state !== "gone" && !OVER.has(state);
  if (isAlive && !includeRunning) return `${instance} is ${state}`;
  if (includeYoung || touched.has(id)) return undefined;
  const since = Math.max(createdAt(tags) ?? 0, attachment?.attachedAt ?? 0);
  if (look.at - since < YOUNG_MS) return `it is ${Math.max(0, Math.round((look.at - since) / 1000))} s old`;
  if (before === undefined) return undefined;
  const earlier = before.interfaces.find((one) => one.id === id);
  if (earlier === undefined) return "it was not there at the first look";
  return signature(earlier, before) === signature(eni, look)
    ? undefined
    : "it has changed since the first look";
}

/** What others would change of it: its state, what it is attached to, its association, its groups. */
function signature(
  { id, status, type, attachment, groups }: NetworkInterface,
  { associations }: Look,
): string {
  const association = associations?.find(({ branch }) => branch === id)?.id;
  return JSON.stringify([status, type, attachment?.id, attachment?.status, association, groups]);
}

/** The branch for which a trunk has to stay. */
function heldBy(trunk: Item, branches: readonly Item[], { associations = [] }: Look): string | undefined {
  const staying = branches.find((branch) => branch.trunk === trunk.id && branch.stays !== undefined);
  if (staying !== undefined) return `its branch ${staying.id} stays`;
  const foreign = associations.find(
    (one) => one.trunk === trunk.id && !branches.some(({ id }) => id === one.branch),
  );
  return foreign === undefined
    ? undefined
    : `it has the branch ${foreign.branch}, which is not of this cluster`;
}
