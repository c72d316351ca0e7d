import { familyOf, parsePrefix } from "../values/ip.ts";
import { isIn } from "./addresses.ts";
import type { Filters, Interface, Known, Route, RouteTable } from "./facts.ts";

/** Where the route table of an interface's subnet sends a packet that leaves the subnet. */

export type Routed =
  | { readonly goes: "on"; readonly table: RouteTable; readonly route: Route }
  /** `route` is a blackhole, or an internet gateway's of an interface without a public address; undefined: none matches. */
  | { readonly goes: "nowhere"; readonly table: RouteTable; readonly route: Route | undefined }
  | { readonly goes: "unknown"; readonly why: string };

/** `isInVpc`: an interface of the VPC has the address. */
export function routeTo(
  { routeTables, prefixLists }: Pick<Filters, "routeTables" | "prefixLists">,
  at: Interface,
  { address, isInVpc }: { readonly address: string; readonly isInVpc: boolean },
): Routed {
  if (!routeTables.known) return unknown(routeTables.why);
  const ofVpc = routeTables.value.filter(({ vpc }) => vpc === at.vpc);
  const table =
    ofVpc.find(({ subnets }) => subnets.includes(at.subnet)) ?? ofVpc.find(({ isMain }) => isMain);
  if (table === undefined) return unknown(`no route table of ${at.subnet} was shown`);
  const { best, doubt } = longest(table.routes, address, prefixLists);
  if (doubt !== undefined && best?.target !== "local") return unknown(doubt);
  if (best === undefined || !best.isActive) return { goes: "nowhere", table, route: best };
  if (best.target !== "local" && isInVpc)
    return unknown(`${table.id} leads to ${address} by ${best.target}, and what that does was not looked at`);
  if (best.target.startsWith("igw-") && familyOf(address) === 4) {
    if (at.hasPublicAddress === undefined)
      return unknown(`whether ${at.id} has a public address, which ${best.target} needs, was not looked at`);
    if (!at.hasPublicAddress) return { goes: "nowhere", table, route: best };
  }
  return { goes: "on", table, route: best };
}

/** The route with the longest prefix that has the address; `doubt` when the entries of a list are not known. */
function longest(
  routes: readonly Route[],
  address: string,
  lists: Filters["prefixLists"],
): { readonly best: Route | undefined; readonly doubt: string | undefined } {
  let [best, length]: [Route | undefined, number] = [undefined, -1];
  let doubt: string | undefined;
  for (const route of routes) {
    const blocks = blocksOf(route.destination, lists);
    if (!blocks.known) {
      doubt ??= blocks.why;
      continue;
    }
    for (const block of blocks.value) {
      const own = parsePrefix(block)?.length ?? -1;
      if (own > length && isIn(block, address)) [best, length] = [route, own];
    }
  }
  return { best, doubt };
}

function blocksOf(destination: string, lists: Filters["prefixLists"]): Known<readonly string[]> {
  if (!destination.startsWith("pl-")) return { known: true, value: [destination] };
  return lists.get(destination) ?? { known: false, why: `the entries of ${destination} were not read` };
}

function unknown(why: string): Routed {
  return { goes: "unknown", why };
}
