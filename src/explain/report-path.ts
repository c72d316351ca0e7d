import type { End } from "../verdict/facts.ts";
import { type Hop, isEnd } from "../verdict/hops.ts";
import type { Place } from "../verdict/places.ts";
import type { Way } from "../verdict/way.ts";
import { wordsOfHop } from "./hop-words.ts";
import type { Judged } from "./judged.ts";
import type { Settled } from "./party.ts";
import type { Path } from "./paths.ts";
import type { Alternative } from "./alternatives/alternative.ts";
import { listed } from "./problems/words.ts";
import type { ReportedAlternative, ReportedEnd, ReportedGroup, ReportedHop, ReportedPath } from "./report.ts";

/** Paths as a report has them. Pure. */

export interface Names {
  /** A group with what EC2 says of it. */
  readonly group: (id: string) => ReportedGroup;
  /** Flags that the AWS CLI needs besides, such as `--region eu-west-1`; empty for none. */
  readonly flags: string;
}

/** Endpoints of one Service to which the same happens are one path, which names them all. */
export function reportPaths(paths: readonly Path[], names: Names): readonly ReportedPath[] {
  const reported: ReportedPath[] = [];
  const ways: string[] = [];
  for (const path of paths) {
    const one = "wanted" in path ? reportJudged(path, names) : reportSettled(path);
    const way = JSON.stringify([
      one.title,
      one.answer,
      one.way,
      one.hops.map(({ kind, rule, result }) => [kind, rule, result]),
    ]);
    const at = "wanted" in path ? ways.indexOf(way) : -1;
    const before = reported[at];
    if (before === undefined) {
      reported.push(one);
      ways.push(way);
    } else {
      const same = `the same to ${one.to?.name ?? ""} (${one.to?.address ?? ""})`;
      reported[at] = { ...before, notes: [...before.notes, same] };
    }
  }
  return reported;
}

function reportSettled({ asked, title, protocol, port, answer, why, notes }: Settled): ReportedPath {
  return {
    asked,
    title,
    protocol,
    port,
    answer,
    line: why === "" ? answer : `${answer}: ${why}`,
    way: [],
    hops: [],
    commands: [],
    alternatives: [],
    notes,
  };
}

function reportJudged({ wanted, path, verdict, alternatives = [] }: Judged, names: Names): ReportedPath {
  const { way, hops } = verdict;
  const isVpc = way.kind === "vpc";
  return {
    asked: wanted.asked,
    title: wanted.title,
    protocol: wanted.protocol,
    port: wanted.port,
    from: endOf(path.from, isVpc ? way.from : undefined, names),
    to: endOf(path.to, isVpc ? way.to : undefined, names),
    answer: verdict.answer,
    line: verdict.line,
    way: wordsOfWay(way),
    hops: hops.map((hop) => reportHop(hop, names)),
    commands: verdict.remedies.map((command) => (names.flags === "" ? command : `${command} ${names.flags}`)),
    alternatives: alternatives.map((one) => reportAlternative(one, names)),
    notes: wanted.notes,
  };
}

function reportAlternative(
  { kind, policy, labels, groups, commands, isByHand }: Alternative,
  { group }: Names,
): ReportedAlternative {
  const name = `${policy.namespace}/${policy.name}`;
  const its = groups.map(group);
  const has = listed(its.map(wordsOfGroup));
  const pairs = listed(Object.entries(labels).map(([key, value]) => `${key}=${value}`));
  const anew = isByHand ? "; create the pod again, as no controller does" : "";
  const line =
    kind === "label"
      ? `with the label ${pairs} it would reach: SecurityGroupPolicy ${name} then gives it ${has} instead of its node's groups${anew}`
      : `with a SecurityGroupPolicy it would reach: one that gives pods with ${pairs} ${has} instead of their node's groups${anew}`;
  return { kind, line, policy: name, labels, groups: its, commands };
}

function wordsOfWay(way: Way): readonly string[] {
  return way.kind === "vpc" ? way.notes : [way.why];
}

/** `used`: the interface and the address by which it really goes. */
function endOf(place: Place, used: End | undefined, { group }: Names): ReportedEnd {
  if (place.kind === "node-local") return { name: place.name, address: place.address, groups: [] };
  const { address, interface: eni } = used ?? place.end;
  const its = eni.known ? eni.value : undefined;
  return {
    name: place.kind === "node" ? `node ${place.name}` : place.name,
    address,
    ...(its !== undefined && { interface: its.id }),
    groups: (its?.groups ?? []).map(group),
  };
}

const KINDS = {
  group: "group",
  "no-rule": "group",
  tracked: "tracked",
  acl: "acl",
  "refused-by-acl": "acl",
  route: "route",
  "no-route": "route",
  policy: "network-policy",
  "refused-by-policy": "network-policy",
  "unenforced-policy": "network-policy",
  "early-demux": "early-demux",
  unknown: "unknown",
} as const;

function reportHop(hop: Hop, { group }: Names): ReportedHop {
  const rule = ruleOf(hop);
  const at = placeOf(hop);
  return {
    kind: KINDS[hop.kind],
    result: hop.kind === "unknown" ? "unknown" : isEnd(hop) ? "refused" : "passes",
    direction: hop.isEgress ? "out" : "in",
    answers: hop.isAnswer,
    ...(at !== undefined && { at }),
    ...(rule !== undefined && { rule }),
    text: wordsOfHop(hop, (id) => wordsOfGroup(group(id))),
  };
}

/** Such as `sg-… (web)`. */
export function wordsOfGroup({ id, name, exists }: ReportedGroup): string {
  if (exists === false) return `${id} (does not exist)`;
  return name === undefined ? id : `${id} (${name})`;
}

function ruleOf(hop: Hop): string | undefined {
  switch (hop.kind) {
    case "group":
      return hop.rule.id;
    case "route":
    case "no-route":
      return hop.table.id;
    case "acl":
    case "refused-by-acl":
      return hop.acl.id;
    case "policy":
    case "unenforced-policy":
      return hop.policy && `${hop.policy.namespace}/${hop.policy.name}`;
    case "refused-by-policy":
      return hop.policies.map(({ namespace, name }) => `${namespace}/${name}`).join(",");
    case "no-rule":
    case "tracked":
    case "early-demux":
    case "unknown":
      return undefined;
  }
}

function placeOf(hop: Hop): string | undefined {
  if ("at" in hop) return hop.at.id;
  if ("pod" in hop) return hop.pod.name;
  return "node" in hop ? `node ${hop.node.name}` : undefined;
}
