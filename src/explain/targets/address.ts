import { listFact } from "../../facts/api.ts";
import { isFinished } from "../../facts/pods.ts";
import { readServicesAt } from "../../facts/services.ts";
import { contains, familyOf, parsePrefix } from "../../values/ip.ts";
import { HOST_ROUTES } from "../../verdict/node-local.ts";
import { type Asked, partyOf, type Target } from "../party.ts";
import { EXPLAINED_PODS } from "../pod.ts";
import type { Port } from "../question.ts";
import { type Asking, familiesOf, otherFamily, settled, unseen, wanted } from "./asking.ts";
import { toService } from "./service.ts";

/** Whose an address is: an agent's on each node, the node's own, a Service's, a pod's, or one of the VPC or beyond. */

const LOOPBACK = ["127.0.0.0/8", "::1/128"];
const LINK_LOCAL = "169.254.0.0/16";
const OF_EC2 = "fd00:ec2::/32";

/** `name`: as it was asked for. */
export async function toAddress(
  asking: Asking,
  what: { readonly asked: Asked; readonly title: string } & Port,
  name: string,
  address: string,
  notes: readonly string[] = [],
): Promise<readonly Target[]> {
  const { api, facts, subject } = asking;
  const { settings, node } = facts;
  const family = familyOf(address);
  if (LOOPBACK.some((cidr) => isIn(cidr, address)))
    return [settled(what, "reaches", "", [...notes, `${address} is the pod itself, and nothing leaves it`])];
  if (subject.kind === "pod" && !familiesOf(facts.pod).includes(family))
    return [settled(what, "cannot say", otherFamily(family), notes)];
  const more = { family, notes } as const;
  const routes = (settings.known && settings.value?.hostRoutes) || HOST_ROUTES;
  if ([LINK_LOCAL, OF_EC2, ...routes].some((cidr) => isIn(cidr, address)))
    return [wanted(what, subject, { kind: "node-local", name, address }, more)];
  if (node.known && node.value?.addresses.includes(address) === true)
    return [wanted(what, subject, { kind: "node", name: node.value.name }, more)];
  const ranges = settings.known ? settings.value?.serviceCidrs : undefined;
  const mayBeService =
    ranges === undefined || ranges.length === 0 || ranges.some((cidr) => isIn(cidr, address));
  if (mayBeService) {
    const services = await readServicesAt(api, address);
    if (!services.known) return [unseen(what, services.gap)];
    const [service] = services.value;
    if (service !== undefined) return toService(asking, service, what);
  }
  const pods = await listFact(api, EXPLAINED_PODS, { fieldSelector: `status.podIP=${address}` });
  if (!pods.known) return [unseen(what, pods.gap)];
  const pod = pods.value.find((one) => !one.usesHostNetwork && !isFinished(one));
  if (pod === undefined) return [wanted(what, subject, { kind: "address", name, address }, more)];
  const found = `${address} is pod ${pod.namespace}/${pod.name}`;
  return [wanted(what, subject, partyOf(pod), { family, notes: [...notes, found] })];
}

/** A name that is not the cluster's. */
export async function toResolved(
  asking: Asking,
  what: { readonly asked: Asked; readonly title: string } & Port,
  host: string,
  families: readonly (4 | 6)[],
): Promise<readonly Target[]> {
  let addresses: readonly string[];
  try {
    addresses = await asking.resolve(host);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    return [settled(what, "cannot say", `${host} has no address here (${code}): give its address instead`)];
  }
  const address = families.flatMap((family) => addresses.filter((one) => familyOf(one) === family))[0];
  if (address === undefined)
    return [
      settled(
        what,
        "cannot say",
        `${host} is ${addresses.join(", ")}; ${otherFamily(families[0] === 6 ? 4 : 6)}`,
      ),
    ];
  const rest = addresses.length - 1;
  const taken = `${host} is ${address} here${rest > 0 ? `, the first of its ${addresses.length} addresses` : ""}`;
  return toAddress(asking, what, host, address, [taken]);
}

function isIn(cidr: string, address: string): boolean {
  const block = parsePrefix(cidr);
  return block !== undefined && contains(block, address);
}
