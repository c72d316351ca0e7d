import type { Filters } from "../verdict/facts.ts";
import type { Place, Source } from "../verdict/places.ts";
import { judge, type Path, type Verdict } from "../verdict/verdict.ts";
import type { Alternative } from "./alternatives/alternative.ts";
import type { Wanted } from "./party.ts";
import type { Places } from "./places.ts";

/** Paths with their verdicts. Pure. */

export interface Judged {
  readonly wanted: Wanted;
  readonly path: Path;
  readonly verdict: Verdict;
  /** All that the other end may be. */
  readonly to: Places;
  /** What else than a rule would let it pass. */
  readonly alternatives?: readonly Alternative[];
}

/** Of several that the ends may be: what all of them say, or that it depends on which it is. */
export function judgeAll(filters: Filters, wanted: Wanted, from: Places, to: Places): Judged {
  const paths = from.places.flatMap((source) =>
    to.places.flatMap((place) => (source.kind === "node-local" ? [] : [pathOf(wanted, source, place)])),
  );
  const judged = paths.map((path) => ({ wanted, path, verdict: judge(filters, path), to }));
  const [first] = judged;
  if (first === undefined) throw new TypeError("a path from an address that each node has for itself");
  if (judged.every(({ verdict }) => verdict.answer === first.verdict.answer)) return first;
  const doubt = [from.doubt, to.doubt].filter((one) => one !== "").join(", and ");
  return {
    ...first,
    verdict: {
      ...first.verdict,
      answer: "cannot say",
      line: `cannot say: it depends on ${doubt}`,
      remedies: [],
    },
  };
}

function pathOf({ protocol, port, service }: Wanted, from: Source, to: Place): Path {
  return {
    from,
    to,
    protocol,
    port,
    throughService: service !== undefined,
    ...(service !== undefined && { serviceAddress: service }),
  };
}
