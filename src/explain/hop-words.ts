import type { GroupRule } from "../verdict/facts.ts";
import type { Hop } from "../verdict/hops.ts";
import { isEnd } from "../verdict/hops.ts";
import { wordsOfEnd } from "../verdict/words.ts";
import { listed } from "./problems/words.ts";

/** A hop for people: what decided, by its id. Pure. */

/** `nameOf`: of a group, with its name where it is known. */
export function wordsOfHop(hop: Hop, nameOf: (group: string) => string): string {
  if (isEnd(hop)) return wordsOfEnd(hop);
  switch (hop.kind) {
    case "group":
      return `${nameOf(hop.rule.group)} lets it ${hop.isEgress ? "out" : "in"} by ${hop.rule.id}: ${wordsOfRule(hop.rule)}`;
    case "tracked":
      return `${listed(hop.at.groups.map(nameOf))} ${hop.at.groups.length === 1 ? "knows" : "know"} the connection`;
    case "route":
      return `route table ${hop.table.id} of ${hop.at.subnet}: ${hop.route.destination} by ${hop.route.target}`;
    case "acl":
      return `network ACL ${hop.acl.id} lets it ${hop.isEgress ? "out" : "in"}`;
    case "policy":
      return hop.policy === undefined
        ? `no NetworkPolicy limits what ${hop.pod.name} ${hop.isEgress ? "sends" : "gets"} here`
        : `NetworkPolicy ${hop.policy.namespace}/${hop.policy.name} lets it ${hop.isEgress ? "out" : "in"}`;
    case "unenforced-policy":
      return `NetworkPolicy ${hop.policy.namespace}/${hop.policy.name} selects ${hop.pod.name}, and is not enforced on a direct pod`;
    case "unknown":
      return hop.why;
  }
}

/** Such as `tcp 5432 from sg-…`, `all to 0.0.0.0/0`. */
function wordsOfRule({ protocol, fromPort, toPort, isEgress, peer }: GroupRule): string {
  const all = fromPort === undefined || fromPort === -1 || (fromPort === 0 && toPort === 65_535);
  const ports = all
    ? ""
    : ` ${fromPort}${toPort === undefined || toPort === fromPort ? "" : ` to ${toPort}`}`;
  const what = protocol === "-1" ? "all" : `${protocol}${ports}`;
  return `${what} ${isEgress ? "to" : "from"} ${peer.kind === "cidr" ? peer.cidr : peer.id}`;
}
