// What a verdict says against what became of the packets.
import type { CountPoint } from "../../src/simulator/data-plane/base-table.ts";
import type { Flow } from "../../src/simulator/data-plane/counters.ts";
import { deviceOf } from "../../src/simulator/data-plane/desired.ts";
import { isEnd } from "../../src/verdict/hops.ts";
import type { Verdict } from "../../src/verdict/verdict.ts";

/**
 * What became of the packets, if that is not what the verdict says: whether they were answered, and where in the VPC they
 * were dropped. Undefined when it is; the verdict may also leave it open.
 */
export function differenceOf(
  verdict: Verdict,
  isReached: boolean,
  flows: readonly Flow[],
): string | undefined {
  switch (verdict.answer) {
    case "cannot say":
      return undefined;
    case "does not reach":
      return isReached ? "answered" : misplaced(flows, verdict);
    case "reaches":
      return isReached ? undefined : `not answered${whereOf(flows, verdict)}`;
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
