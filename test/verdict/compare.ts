// A world played: each call's verdict against what became of its packets, and of those that nobody got, against where the
// VPC has dropped them.
import { TABLE } from "../../src/simulator/data-plane/base-table.ts";
import { flowsOf, type Flow } from "../../src/simulator/data-plane/counters.ts";
import type { DataPlane } from "../../src/simulator/data-plane/data-plane.ts";
import type { Filters } from "../../src/verdict/facts.ts";
import { isEnd } from "../../src/verdict/hops.ts";
import { judge, type Path, type Verdict } from "../../src/verdict/verdict.ts";
import { mustExec } from "../ground/index.ts";
import { apply, forget } from "./apply.ts";
import { Cluster } from "./cluster.ts";
import { differenceOf } from "./difference.ts";
import { pathOf, readFacts } from "./facts.ts";
import { Player } from "./player.ts";
import { authorize } from "./remedies.ts";
import { sourcePortsOf } from "./source-ports.ts";
import type { Call, World } from "./world.ts";

export interface Judged {
  readonly call: Call;
  readonly path: Path;
  readonly verdict: Verdict;
  /** By real packets. */
  readonly isReached: boolean;
}

/** A call of which verdict and packets say different things. */
export interface Disagreement extends Judged {
  /** What became of the packets, in words. */
  readonly packets: string;
}

export interface Played {
  readonly judged: readonly Judged[];
  readonly disagreements: readonly Disagreement[];
  /** What the verdicts were told, and what the VPC has seen of the packets. */
  readonly filters: Filters;
  readonly flows: readonly Flow[];
}

/** What answers does so within a few milliseconds; a machine that is busy gets more for what ought to be answered. */
export interface Patience {
  readonly milliseconds: number;
  readonly secondMs: number;
}

/** Where the cast lives, for as long as worlds are played. */
export class Ground {
  readonly #cluster: Cluster;
  readonly #player: Player;
  readonly #patience: Patience;

  private constructor(cluster: Cluster, patience: Patience) {
    this.#cluster = cluster;
    this.#player = new Player(cluster);
    this.#patience = patience;
  }

  static async open(patience: Patience, Plane?: typeof DataPlane): Promise<Ground> {
    return new Ground(await Cluster.open(Plane), patience);
  }

  async close(): Promise<void> {
    this.#player.close();
    await this.#cluster.close();
  }

  async play(world: World): Promise<Played> {
    await apply(this.#cluster, world);
    return this.#compare(world);
  }

  /** The same once more for those calls that lack nothing but rules, with the rules that the verdicts name. */
  async playMended(world: World, judged: readonly Judged[]): Promise<Played> {
    const lacking = judged.filter(
      ({ verdict: { hops, remedies } }) =>
        remedies.length > 0 &&
        remedies.length === hops.filter((hop) => isEnd(hop) || hop.kind === "unknown").length,
    );
    for (const command of new Set(lacking.flatMap(({ verdict }) => verdict.remedies)))
      authorize(this.#cluster.cloud, command);
    await this.#cluster.cloud.settled();
    await forget(this.#cluster);
    const played = await this.#compare({ ...world, calls: lacking.map(({ call }) => call) });
    const useless = played.judged.filter(({ verdict }) => verdict.answer !== "reaches");
    return {
      ...played,
      disagreements: [
        ...played.disagreements,
        ...useless.map((one) => ({ ...one, packets: "the remedies of the first verdict were to be enough" })),
      ],
    };
  }

  async #compare(world: World): Promise<Played> {
    const facts = await readFacts(this.#cluster, world);
    const { filters } = facts;
    const reached = this.#reached(world, world.calls, { milliseconds: this.#patience.milliseconds });
    const flows = flowsOf(await this.#listTable());
    const judged: Judged[] = [];
    for (const [i, call] of world.calls.entries()) {
      const path = pathOf(this.#cluster, facts, world, call);
      const verdict = judge(filters, path);
      const isReached =
        reached[i] === true
          ? !isByChance(call, verdict) || (await this.#isReachedAlone(call))
          : verdict.answer === "reaches" && (await this.#isReachedInTime(world, call));
      judged.push({ call, path, verdict, isReached });
    }
    const disagreements = judged.flatMap((one) => {
      const packets = differenceOf(one.verdict, one.isReached, flows);
      return packets === undefined ? [] : [{ ...one, packets }];
    });
    return { judged, disagreements, filters, flows };
  }

  /** Packets are lost where a machine is busy: once more, with time to send again. */
  async #isReachedInTime(world: World, call: Call): Promise<boolean> {
    await forget(this.#cluster);
    return this.#reached(world, [call], { milliseconds: this.#patience.secondMs, againMs: 300 })[0] === true;
  }

  /** From a port that no other call has, a few times. */
  async #isReachedAlone(call: Call): Promise<boolean> {
    await forget(this.#cluster);
    const attempts = [1, 2, 3].map(() => ({ call, sourcePort: undefined }));
    return this.#player.play(attempts, { milliseconds: this.#patience.milliseconds }).every((is) => is);
  }

  /** Whether each call is answered, whatever ephemeral port it comes from. */
  #reached(
    world: World,
    calls: readonly Call[],
    patience: { readonly milliseconds: number; readonly againMs?: number },
  ): boolean[] {
    const attempts = calls.flatMap((call, index) =>
      sourcePortsOf(world, call).map((sourcePort) => ({ call, sourcePort, index })),
    );
    const answered = this.#player.play(attempts, patience);
    return calls.map((_, index) =>
      attempts.every((attempt, i) => attempt.index !== index || answered[i] === true),
    );
  }

  async #listTable(): Promise<string> {
    const list = ["nft", "-j", "list", "table", ...TABLE.split(" ")] as const;
    return (await mustExec(this.#cluster.cloud.vpcNetns, [...list])).stdout;
  }
}

/**
 * Early demultiplexing of UDP looks at the first socket only of those whose port and address have the same hash
 * (__udp4_lib_demux_lookup), so that where callers share a port some are answered.
 */
function isByChance({ protocol }: Call, { hops }: Verdict): boolean {
  return protocol === "udp" && hops.find(isEnd)?.kind === "early-demux";
}
