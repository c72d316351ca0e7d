import { type Api, listFact } from "../facts/api.ts";
import { readCniNode } from "../facts/cni-nodes.ts";
import { readEventsOf } from "../facts/events.ts";
import { CannotLookError } from "../facts/exit-status.ts";
import { type Fact, gapLine, known, mapFact, skipped } from "../facts/fact.ts";
import { readProxyMode } from "../facts/kube-proxy.ts";
import { readLeases } from "../facts/leases.ts";
import { requireNamespace } from "../facts/namespaces.ts";
import { readNetworkPolicies } from "../facts/network-policies.ts";
import { readNode } from "../facts/nodes.ts";
import { readPluginSettings } from "../facts/plugin-settings.ts";
import { readPods, readPodsOf } from "../facts/pods.ts";
import { readServiceAccount } from "../facts/policies.ts";
import { readDaemonSets } from "../facts/workloads.ts";
import type { Labels } from "../policy/label-selector.ts";
import { quote } from "../text/json.ts";
import { didYouMean } from "../text/nearest.ts";
import { enforcementIn } from "../facts/enforcement.ts";
import type { PodFacts } from "./facts.ts";
import { type ExplainedPod, readExplainedPod } from "./pod.ts";
import { EXPLAINED_POLICIES, type ExplainedPolicy } from "./policy.ts";
import type { PodName } from "./question.ts";

/** Reads what an explanation of a pod needs of the API server, and no more. */

const LEASE = "branchline-controller";

/** The pod itself. CannotLookError without one: it names those of a similar name. */
export async function lookForPod(api: Api, name: PodName): Promise<ExplainedPod> {
  const pod = await readExplainedPod(api, name);
  if (!pod.known) throw new CannotLookError(gapLine(pod.gap));
  if (pod.value !== undefined) return pod.value;
  const { namespace } = name;
  const { elsewhere, here } = await hintsFor(api, name);
  const more = elsewhere === undefined ? "" : `; there is a pod ${quote(name.name)} in ${elsewhere}`;
  await requireNamespace(api, namespace, more);
  throw new CannotLookError(`there is no pod ${quote(name.name)} in namespace ${quote(namespace)}${here}`);
}

/** Whoever has forgotten the namespace, or half of the name: most of one is made up by controllers. */
async function hintsFor(
  api: Api,
  { namespace, name }: PodName,
): Promise<{ readonly elsewhere?: string; readonly here: string }> {
  const [own, all] = await Promise.all([
    readPods(api, namespace),
    readPodsOf(api, { fieldSelector: `metadata.name=${name}` }),
  ]);
  const [other] = all.known ? all.value : [];
  if (other !== undefined) {
    const where = `namespace ${other.namespace}: give -n ${other.namespace}`;
    return { elsewhere: where, here: `; there is one in ${where}` };
  }
  if (!own.known) return { here: "" };
  const names = own.value.map((one) => one.name);
  if (names.length === 0) return { here: ", which has none" };
  const beginning = names.filter((one) => one.startsWith(`${name}-`)).slice(0, 3);
  if (beginning.length > 0) return { here: `; there is ${beginning.map(quote).join(", ")}` };
  return { here: didYouMean(name, names) };
}

export async function lookAtPod(api: Api, pod: ExplainedPod, now: number): Promise<PodFacts> {
  const { namespace, name, node } = pod;
  const isWaiting = pod.asksForBranch && pod.branch === undefined;
  const onNode = <T>(read: () => Promise<Fact<T>>): Promise<Fact<T>> =>
    node === "" ? Promise.resolve(skipped("node", "the pod is not scheduled")) : read();
  const [policies, events, nodeFact, nodeEvents, cniNode, neighbours, daemonSets, proxyMode, leases] =
    await Promise.all([
      readAllPolicies(api, namespace),
      readEventsOf(api, { kind: "Pod", namespace, name }),
      onNode(() => readNode(api, node)),
      isWaiting
        ? onNode(() => readEventsOf(api, { kind: "Node", namespace: "", name: node }))
        : skipped("events", "the pod does not wait"),
      onNode(() => readCniNode(api, node)),
      onNode(() => readPodsOf(api, { fieldSelector: `spec.nodeName=${node}` })),
      readDaemonSets(api),
      readProxyMode(api),
      isWaiting ? readLeases(api, LEASE) : skipped("leases", "the pod does not wait"),
    ]);
  const [accountLabels, settings] = await Promise.all([
    readAccount(api, pod, policies),
    readPluginSettings(api, daemonSets),
  ]);
  const isEnforced =
    daemonSets.known &&
    enforcementIn(daemonSets.value, settings.known ? settings.value : undefined) !== undefined;
  return {
    now,
    pod,
    policies,
    accountLabels,
    events: mapFact(events, (all) => all.filter(({ about }) => about.uid === pod.uid)),
    node: nodeFact,
    nodeEvents,
    cniNode,
    neighbours,
    daemonSets,
    settings,
    networkPolicies: isEnforced
      ? await readNetworkPolicies(api, namespace)
      : skipped("NetworkPolicies", "nothing is known to enforce them"),
    proxyMode,
    leases,
  };
}

/** Those of other namespaces only say why they do not count: where they may not be read, nothing is missing. */
async function readAllPolicies(api: Api, namespace: string): Promise<Fact<readonly ExplainedPolicy[]>> {
  const all = await listFact(api, EXPLAINED_POLICIES);
  if (all.known || all.gap.reason !== "denied") return all;
  return listFact(api, EXPLAINED_POLICIES, { namespace });
}

async function readAccount(
  api: Api,
  { namespace, serviceAccount }: ExplainedPod,
  policies: Fact<readonly ExplainedPolicy[]>,
): Promise<Fact<Labels | undefined>> {
  const isAsked =
    policies.known && policies.value.some(({ policy }) => policy.serviceAccountSelector !== undefined);
  if (!isAsked) return known(undefined);
  return mapFact(await readServiceAccount(api, namespace, serviceAccount), (account) => account?.labels);
}
