// A world played: each call's verdict against what became of its packets, and of those that nobody got, against where the
// VPC has dropped them.
import { TABLE, type CountPoint } from "../../src/simulator/data-plane/base-table.ts";
import { flowsOf, type Flow } from "../../src/simulator/data-plane/counters.ts";
import { deviceOf } from "../../src/simulator/data-plane/desired.ts";
import { isEnd } from "../../src/verdict/hops.ts";
import { judge, type Verdict } from "../../src/verdict/verdict.ts";
import { mustExec } from "../ground/index.ts";
import { apply, forget } from "./apply.ts";
import { Cluster } from "./cluster.ts";
import { pathOf, readFacts } from "./facts.ts";
import { Player } from "./player.ts";
import { authorize } from "./remedies.ts";
import { sourcePortsOf } from "./source-ports.ts";
import type { Call, World } from "./world.ts";

export interface Judged {
  readonly call: Call;
  readonly verdict: Verdict;
}

/** A call of which verdict and packets say different things. */
export interface Disagreement extends Judged {
  /** What became of the packets, in words. */
  readonly packets: string;
}

export interface Played {
  readonly judged: readonly Judged[];
  readonly disagreements: readonly Disagreement[];
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

  static async open(patience: Patience): Promise<Ground> {
    return new Ground(await Cluster.open(), patience);
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
      judged: played.judged,
      disagreements: [
        ...played.disagreements,
        ...useless.map((one) => ({ ...one, packets: "the remedies of the first verdict were to be enough" })),
      ],
    };
  }

  async #compare(world: World): Promise<Played> {
    const facts = await readFacts(this.#cluster, world);
    const judged = world.calls.map((call) => ({
      call,
      verdict: judge(facts.filters, pathOf(this.#cluster, facts, world, call)),
    }));
    const reached = this.#reached(world, world.calls, { milliseconds: this.#patience.milliseconds });
    const flows = flowsOf(await this.#listTable());
    const disagreements: Disagreement[] = [];
    for (const [i, one] of judged.entries()) {
      const packets = await this.#differenceOf(world, one, reached[i] === true, flows);
      if (packets !== undefined) disagreements.push({ ...one, packets });
    }
    return { judged, disagreements };
  }

  /** What became of the packets, if that is not what the verdict says. */
  async #differenceOf(
    world: World,
    { call, verdict }: Judged,
    isReached: boolean,
    flows: readonly Flow[],
  ): Promise<string | undefined> {
    switch (verdict.answer) {
      case "cannot say":
        return undefined;
      case "does not reach":
        return isReached ? "answered" : misplaced(flows, verdict);
      case "reaches":
        if (isReached || (await this.#isReachedInTime(world, call))) return undefined;
        return `not answered${whereOf(flows, verdict)}`;
    }
  }

  /** Packets are lost where a machine is busy: once more, with time to send again. */
  async #isReachedInTime(world: World, call: Call): Promise<boolean> {
    await forget(this.#cluster);
    return this.#reached(world, [call], { milliseconds: this.#patience.secondMs, againMs: 300 })[0] === true;
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

const DROPS: readonly CountPoint[] = ["withheld", "denied", "refused"];

/** Where the verdict says that packets end in the VPC; undefined when they end, or may end, elsewhere. */
function placeOf({ hops }: Verdict): { readonly point: CountPoint; readonly eni?: string } | undefined {
  const end = hops.find((hop) => isEnd(hop) || hop.kind === "unknown");
  if (end?.kind === "refused-by-acl") return { point: "denied" };
  if (end?.kind !== "no-rule") return undefined;
  return { point: end.isEgress ? "withheld" : "refused", eni: end.at.id };
}

/** What the VPC has dropped of the call's packets, and of their answers. */
function dropsOf(flows: readonly Flow[], { way }: Verdict): Flow[] {
  if (way.kind !== "vpc") return [];
  const ends = [way.from.address, way.to.address];
  return flows.filter(
    ({ point, from, to }) => DROPS.includes(point) && ends.includes(from) && ends.includes(to),
  );
}

function whereOf(flows: readonly Flow[], verdict: Verdict): string {
  const drops = dropsOf(flows, verdict).map(
    ({ point, device, from, to }) => `${point} at ${device}: ${from} → ${to}`,
  );
  return drops.length === 0 ? "" : `; dropped on the way: ${drops.join(", ")}`;
}

/** What is wrong with where the verdict says that packets end; undefined when that is where they did. */
function misplaced(flows: readonly Flow[], verdict: Verdict): string | undefined {
  const place = placeOf(verdict);
  if (place === undefined) return undefined;
  const isThere = dropsOf(flows, verdict).some(
    ({ point, device }) =>
      point === place.point && (place.eni === undefined || device === deviceOf(place.eni)),
  );
  if (isThere) return undefined;
  const where = place.eni === undefined ? "" : ` at ${place.eni}`;
  return `not answered, and not ${place.point}${where}${whereOf(flows, verdict)}`;
}
