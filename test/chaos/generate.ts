import { applicable } from "./model/applicable.ts";
import { goneByGc } from "./model/later.ts";
import type { Add, Call, Del, Gc, Kill, Mode, Network, Operation } from "./model/operation.ts";
import { ENIS, type Family, PODS, type Sandbox, VLAN_IDS, vlanIdOf } from "./model/pool.ts";
import { type SandboxState, type World, attachmentOf, holderOf, sandboxesIn } from "./model/world.ts";
import type { Random } from "./random.ts";

/** Chooses the next round: what a runtime, a person and bad luck may do, each about as often as it is worth looking at. */

export interface Choice {
  /** Whether the executable may be called, which takes a second or more. */
  readonly executable: boolean;
}

/** How many sandboxes a node has at most that are not buried. */
const CROWD = 26;

/** With fewer attachments than this there is little that anything could be done to. */
const QUIET = 7;

type Maker<T extends Operation> = (world: World, random: Random, choice: Choice) => T | undefined;

/** kubelet's next try: another sandbox of the same pod, while the last one is still there. */
const retry: Maker<Add> = (world, random) => {
  const state = random.pick(known(world).filter(({ lastEni }) => lastEni !== undefined));
  if (state === undefined) return undefined;
  return addOf(world, random, { ...newSandbox(world, random), ...podOf(state.spec) }, state.lastEni);
};

const newPod: Maker<Add> = (world, random) =>
  addOf(world, random, newSandbox(world, random), freeEni(world, random));

/** An annotation that has been true: the VLAN id is another branch's by now, which lives. */
const staleVlan: Maker<Add> = (world, random) => {
  const holder = random.pick(world.attachments);
  if (holder === undefined) return undefined;
  const others = enisOf(vlanIdOf(holder.eni)).filter((eni) => eni !== holder.eni);
  return addOf(world, random, anySandbox(world, random), random.pick(others));
};

const del: Maker<Del> = (world, random) => delOf(random, attached(world, random));

/** Of one that has nothing, or is long gone. */
const lateDel: Maker<Del> = (world, random) => {
  const without = sandboxesIn(world).filter(({ spec }) => attachmentOf(world, spec.id) === undefined);
  return delOf(random, random.pick(without)?.spec.id);
};

const gcTrue: Maker<Gc> = (world, random) => gcOf(random, living(world));
const gcPartial: Maker<Gc> = (world, random) =>
  gcOf(
    random,
    living(world).filter(() => random.chance(0.85)),
  );

const makers = {
  newPod,
  retry,
  /** The same container once more, as after an answer that got lost. */
  again: (world, random) => {
    const state = random.pick(known(world).filter(({ lastEni }) => lastEni !== undefined));
    return state === undefined ? undefined : addOf(world, random, state.spec, state.lastEni);
  },
  /** A StatefulSet's pod comes again, with the branch of the last one of its name. */
  successor: (world, random) => {
    const state = random.pick(known(world).filter(({ lastEni }) => lastEni !== undefined));
    if (state === undefined) return undefined;
    const { pod } = state.spec;
    const spec = { ...newSandbox(world, random), pod, incarnation: world.incarnations[pod] ?? 0 };
    return addOf(world, random, spec, state.lastEni);
  },
  staleVlan,
  /** An annotation that has been true: the branch itself is another pod's by now. */
  staleEni: (world, random) => {
    const holder = random.pick(world.attachments);
    return holder === undefined ? undefined : addOf(world, random, anySandbox(world, random), holder.eni);
  },
  broken: (world, random) => ({
    ...addOf(world, random, anySandbox(world, random), random.below(ENIS)),
    broken: true,
  }),
  passThrough: (world, random) => addOf(world, random, anySandbox(world, random), undefined),
  killedAdd: (world, random, choice) => killed(newPod(world, random, choice), gate(random, 24)),
  killedRetry: (world, random, choice) => killed(retry(world, random, choice), gate(random, 34)),
  killedStale: (world, random, choice) => killed(staleVlan(world, random, choice), gate(random, 34)),
  killedDel: (world, random, choice) => killed(del(world, random, choice), gate(random, 12)),
  /** With few to take back: each of them may be back or not. */
  killedGc: (world, random, choice) => {
    const call = gcPartial(world, random, choice);
    const isShort = call !== undefined && goneByGc(world, call).length <= 4;
    return isShort ? killed(call, gate(random, 16)) : undefined;
  },
  reallyKilledAdd: (world, random, choice) =>
    choice.executable ? killed(newPod(world, random, choice), real(random)) : undefined,
  reallyKilledDel: (world, random, choice) =>
    choice.executable ? killed(del(world, random, choice), real(random)) : undefined,
  check: (world, random) => ({ op: "check", sandbox: attached(world, random) ?? 0 }),
  checkOther: (world, random) => ({ op: "check", sandbox: random.pick(known(world))?.spec.id ?? 0 }),
  /** What a pod's life ends with, whether it has a branch or not. */
  end: (world, random) => {
    const call = delOf(random, random.pick(known(world))?.spec.id);
    return call === undefined ? undefined : { ...call, bury: true };
  },
  del,
  lateDel,
  gcTrue,
  gcUnknown: (_world, random) => gcOf(random, random.of([null, "absent"])),
  gcPartial,
  gcElsewhere: (_world, random) => ({ ...gcOf(random, []), network: "elsewhere" }),
  status: () => ({ op: "status" }),
  destroy: (world, random) => ({ op: "destroy", sandbox: random.pick(known(world))?.spec.id ?? 0 }),
  replace: (world, random) => {
    const state = random.pick(known(world));
    if (state === undefined) return undefined;
    const by = { ...newSandbox(world, random), netns: state.spec.netns };
    return { op: "replace", sandbox: state.spec.id, by };
  },
  unplug: (world, random) => ({ op: "unplug", sandbox: random.pick(known(world))?.spec.id ?? 0 }),
  trunk: ({ trunkUp }, random) => ({ op: "trunk", up: trunkUp ? random.chance(0.1) : true }),
  neighbour: ({ strictNeighbour }) => ({ op: "neighbour", strict: !strictNeighbour }),
  pair: (world, random, choice) => (choice.executable ? pairOf(world, random, choice) : undefined),
} satisfies Record<string, Maker<Operation>>;

const WEIGHTS: Readonly<Record<keyof typeof makers, number>> = {
  newPod: 80,
  retry: 25,
  again: 25,
  successor: 20,
  staleVlan: 20,
  staleEni: 20,
  broken: 8,
  passThrough: 12,
  killedAdd: 40,
  killedRetry: 20,
  killedStale: 15,
  killedDel: 40,
  killedGc: 12,
  reallyKilledAdd: 10,
  reallyKilledDel: 10,
  check: 40,
  checkOther: 20,
  end: 80,
  del: 25,
  lateDel: 30,
  gcTrue: 12,
  gcUnknown: 8,
  gcPartial: 8,
  gcElsewhere: 6,
  status: 6,
  destroy: 22,
  replace: 12,
  unplug: 12,
  trunk: 12,
  neighbour: 8,
  pair: 16,
};

export function chooseOperation(world: World, random: Random, choice: Choice): Operation {
  for (;;) {
    const isCrowded = known(world).length > CROWD;
    const isQuiet = world.attachments.length < QUIET && random.chance(0.4);
    const kind = isCrowded ? "end" : isQuiet ? "newPod" : random.weighted(WEIGHTS);
    const operation = (makers[kind] as Maker<Operation>)(world, random, choice);
    if (operation !== undefined && applicable(world, operation)) return operation;
  }
}

function known(world: World): SandboxState[] {
  return sandboxesIn(world).filter(({ buried: isBuried }) => !isBuried);
}

/** Those whose namespace is there: what a runtime lists. */
function living(world: World): number[] {
  return known(world)
    .filter(({ namespace }) => namespace)
    .map(({ spec }) => spec.id);
}

function attached(world: World, random: Random): number | undefined {
  return random.pick(world.attachments)?.sandbox;
}

function newSandbox(world: World, random: Random): Sandbox {
  const id = world.nextSandbox;
  const running = new Set(known(world).map(({ spec }) => spec.pod));
  const free = Array.from({ length: PODS }, (_, pod) => pod).filter((pod) => !running.has(pod));
  const pod = random.pick(free) ?? random.below(PODS);
  const families = random.of<readonly Family[]>([[4], [4], [4, 6], [4, 6], [6]]);
  return {
    id,
    pod,
    incarnation: world.incarnations[pod] ?? 0,
    families,
    netns: `sb-${id}`,
    ...(!families.includes(6) && random.chance(0.3) && { withoutIpv6: true as const }),
  };
}

function podOf({ pod, incarnation }: Sandbox): Pick<Sandbox, "pod" | "incarnation"> {
  return { pod, incarnation };
}

/** One that has nothing yet, or a new one. */
function anySandbox(world: World, random: Random): Sandbox {
  const idle = known(world).filter(({ spec }) => attachmentOf(world, spec.id) === undefined);
  const state = random.chance(0.5) ? random.pick(idle) : undefined;
  return state?.spec ?? newSandbox(world, random);
}

function enisOf(vlanId: number): number[] {
  return Array.from({ length: ENIS }, (_, eni) => eni).filter((eni) => vlanIdOf(eni) === vlanId);
}

/** A branch whose VLAN id is free, as EC2 gives it. */
function freeEni(world: World, random: Random): number | undefined {
  const ids = Array.from({ length: VLAN_IDS }, (_, i) => i + 1);
  const vlanId = random.pick(ids.filter((id) => holderOf(world, id) === undefined));
  return vlanId === undefined ? undefined : random.pick(enisOf(vlanId));
}

function addOf(world: World, random: Random, sandbox: Sandbox, eni: number | undefined): Add {
  const mode = random.of<Mode>(["direct", "direct", "standard", "strict"]);
  // A container keeps its network.
  const own = attachmentOf(world, sandbox.id);
  const network = own?.network ?? (random.chance(0.15) ? "second" : "chaos");
  return {
    op: "add",
    sandbox,
    ...(eni !== undefined && { eni }),
    mode,
    network,
    ...(mode === "strict" && random.chance(0.5) && { earlyDemux: true as const }),
  };
}

function delOf(random: Random, sandbox: number | undefined): Del | undefined {
  if (sandbox === undefined) return undefined;
  const forgotten = random.of<Del["forgotten"]>([undefined, undefined, "path", "all"]);
  return { op: "del", sandbox, ...(forgotten !== undefined && { forgotten }) };
}

function gcOf(random: Random, valid: Gc["valid"]): Gc {
  const network = random.of<Network>(["chaos", "chaos", "second"]);
  return { op: "gc", network, valid, ...(random.chance(0.2) && { draft: true as const }) };
}

function killed<T extends Add | Del | Gc>(call: T | undefined, kill: Kill): T | undefined {
  return call === undefined ? undefined : { ...call, kill };
}

function gate(random: Random, changes: number): Kill {
  return { by: "gate", change: 1 + random.below(changes) };
}

/** At a system call that may change something, or after a time in which a call may be anywhere. */
function real(random: Random): Kill {
  if (random.chance(0.4)) return { by: "delay", milliseconds: 300 + random.below(2_000) };
  const [syscall, most] = random.of<readonly [string, number]>([
    ["sendto", 30],
    ["sendto", 30],
    ["rename", 2],
    ["unlink", 2],
    ["exit_group", 1],
  ]);
  return { by: "strace", syscall, when: 1 + random.below(most) };
}

/** Two calls of which at least one changes something. */
function pairOf(world: World, random: Random, choice: Choice): Operation | undefined {
  const first = oneOfPair(world, random, choice);
  if (first === undefined) return undefined;
  const second = random.chance(0.5)
    ? rivalOf(world, random, choice, first)
    : oneOfPair(world, random, choice);
  if (second === undefined || sharesSandbox(first, second)) return undefined;
  return { op: "pair", calls: [first, numbered(first, second)] };
}

const PAIRED = { newPod, retry, staleVlan, del, lateDel, gcPartial, gcTrue };

function oneOfPair(world: World, random: Random, choice: Choice): Call | undefined {
  const weights = { newPod: 4, retry: 2, staleVlan: 2, del: 3, lateDel: 1, gcPartial: 1, gcTrue: 1 };
  return PAIRED[random.weighted(weights)](world, random, choice);
}

/** One that wants what the first has, or has what it wants. */
function rivalOf(world: World, random: Random, choice: Choice, first: Call): Call | undefined {
  if (first.op === "del") {
    const eni = world.sandboxes[first.sandbox]?.lastEni;
    return random.chance(0.3) ? first : addOf(world, random, newSandbox(world, random), eni);
  }
  if (first.op !== "add" || first.eni === undefined) return newPod(world, random, choice);
  const holder = holderOf(world, vlanIdOf(first.eni));
  if (holder !== undefined && random.chance(0.4)) return delOf(random, holder.sandbox);
  const eni = random.pick(enisOf(vlanIdOf(first.eni)));
  const isRetry = random.chance(0.4);
  const sandbox = { ...newSandbox(world, random), ...(isRetry && podOf(first.sandbox)) };
  return addOf(world, random, sandbox, isRetry ? first.eni : eni);
}

/** Two DELs of one sandbox are a runtime's business as usual; two ADDs of one are nobody's. */
function sharesSandbox(first: Call, second: Call): boolean {
  const of = (call: Call) => (call.op === "add" ? call.sandbox.id : undefined);
  const [a, b] = [of(first), of(second)];
  if (a !== undefined && second.op === "del") return second.sandbox === a;
  if (b !== undefined && first.op === "del") return first.sandbox === b;
  return false;
}

/** Two new sandboxes have two numbers. */
function numbered(first: Call, second: Call): Call {
  if (first.op !== "add" || second.op !== "add" || first.sandbox.id !== second.sandbox.id) return second;
  const id = first.sandbox.id + 1;
  const isAnother = second.sandbox.pod !== first.sandbox.pod;
  const incarnation = isAnother ? second.sandbox.incarnation : first.sandbox.incarnation;
  return { ...second, sandbox: { ...second.sandbox, id, netns: `sb-${id}`, incarnation } };
}
