// A call and all that it meets: what is on the node, what was attached before, what the runtime passes, what goes wrong.
import * as fc from "fast-check";
import { type LogFiles, environments, stdins } from "./configurations.ts";
import type { Mishap } from "./faults.ts";
import type { SysctlMishap, WorldOptions } from "./world.ts";
import { TROUBLES, type Trouble } from "./troubles.ts";

export interface Scene {
  readonly world: WorldOptions;
  /** The datapath of what was attached before the call, to VLAN id 7. */
  readonly prior: string | undefined;
  /** Its container; the call is mostly for c1. */
  readonly priorId: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string | Uint8Array;
  /** Counted from the beginning of the call. */
  readonly mishaps: readonly Mishap[];
  readonly sysctl: SysctlMishap | undefined;
  /** What is wrong with the state directory. */
  readonly trouble: Trouble | undefined;
}

/** Errors of a kernel that will not do it; that a thing is there already it says of devices and rules only. */
const refusals = fc.constantFrom(1, 13, 16, 17, 22, 28, 95, 101, 105, 113);
/** Errors that have to be believed: that something is not there, that a family is not known. */
const ABSENCES = [2, 3, 6, 19, 97, 99];

/**
 * Whether what the plugin is told can be relied upon: after a lie of the kernel nobody knows what is there, without
 * strict.json nobody knows what strict mode changed, and without its record what a routed pod's primary had made, or that
 * the loopback device was down.
 */
export function isHonest({ mishaps, trouble, prior, world }: Scene): boolean {
  if (trouble?.at === "strict.json") return false;
  if (trouble?.at === "RECORDS" && (prior === "routed" || !world.loopbackUp)) return false;
  return mishaps.every(({ how }) => how === "lost" || (typeof how === "number" && !ABSENCES.includes(how)));
}

const spoiling = fc
  .tuple(fc.nat(40), fc.nat(255), fc.nat(60))
  .map(([at, value, length]) => (answer: Uint8Array) => {
    const spoilt = Uint8Array.from(answer);
    if (at < spoilt.length) spoilt[at] = value;
    return length < 30 ? spoilt.subarray(0, length) : spoilt;
  });

const mishaps: fc.Arbitrary<readonly Mishap[]> = fc.oneof(
  { weight: 1, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.record({
        of: fc.constantFrom("changes", "all"),
        at: fc.integer({ min: 1, max: 50 }),
        how: fc.oneof(
          { weight: 8, arbitrary: refusals },
          { weight: 2, arbitrary: fc.constant<"lost">("lost") },
          { weight: 1, arbitrary: fc.constantFrom(...ABSENCES) },
          { weight: 1, arbitrary: spoiling },
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  },
);

/** Mostly this one. */
const usually = <T>(usual: T, ...others: T[]) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

const worlds: fc.Arbitrary<WorldOptions> = fc.record({
  ipv6: fc.boolean(),
  nodeHasEth0: fc.boolean(),
  trunk: usually<WorldOptions["trunk"]>("up", "down", "none"),
  loopbackUp: usually(true, false),
  primary: usually<WorldOptions["primary"]>("veth", "macvlan", "none"),
  left: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    fc.subarray<WorldOptions["left"][number]>(["rule", "route", "device", "device in the pod"]),
  ),
  earlyDemux: fc.boolean(),
});

const sysctlMishaps = fc.oneof(
  { weight: 10, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.record({
      of: fc.constantFrom<SysctlMishap["of"]>("read", "write"),
      at: fc.integer({ min: 1, max: 12 }),
      code: fc.constantFrom("EROFS", "EACCES", "EINVAL"),
    }),
  },
);

export function scenes(logs: LogFiles): fc.Arbitrary<Scene> {
  return fc.record({
    world: worlds,
    prior: fc.constantFrom(undefined, undefined, "direct", "routed"),
    priorId: usually("c1", "c2"),
    env: environments,
    stdin: stdins(logs),
    mishaps,
    sysctl: sysctlMishaps,
    trouble: fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom(...TROUBLES) },
    ),
  });
}
