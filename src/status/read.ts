import type { Api } from "../facts/api.ts";
import { readCniNode, readCniNodes } from "../facts/cni-nodes.ts";
import { readConfigMap } from "../facts/config-maps.ts";
import { enforcementIn } from "../facts/enforcement.ts";
import { type EventFact, readBranchEvents } from "../facts/events.ts";
import { type Fact, known, mapFact, unknown, valueOr } from "../facts/fact.ts";
import { readNetworkPolicies } from "../facts/network-policies.ts";
import { readNode, readNodes } from "../facts/nodes.ts";
import { readPluginSettings } from "../facts/plugin-settings.ts";
import { type PolicyFact, readPolicies, readServiceAccounts } from "../facts/policies.ts";
import { readDaemonSets } from "../facts/workloads.ts";
import type { Labels } from "../policy/label-selector.ts";
import type { ClusterFacts, Scope } from "./facts.ts";
import { type PodOverview, readPodOverviews } from "../facts/pod-overviews.ts";

/** What the API server says. */
export type ApiFacts = Omit<ClusterFacts, "interfaces" | "groupNames" | "now">;

const AGENTS = { "app.kubernetes.io/name": "branchline", "app.kubernetes.io/component": "agent" };
const AGENT_SELECTOR = Object.entries(AGENTS)
  .map(([key, value]) => `${key}=${value}`)
  .join();
const TYPES = ["kube-system", "branchline-instance-types"] as const;
/** Who says more than kubelet, whose words are those of the plugin. */
const KUBELET = "kubelet";

/** What is known before the pods are, of which there are the most. */
export type AboutNodes = Pick<ApiFacts, "nodes" | "cniNodes">;

/** Rejects with the signal's reason only. */
export async function readAboutNodes(api: Api, scope: Scope): Promise<AboutNodes> {
  const [nodes, cniNodes] = await Promise.all([nodesIn(api, scope), cniNodesIn(api, scope)]);
  return { nodes, cniNodes };
}

/** Rejects with the signal's reason only. */
export async function readOthers(api: Api, scope: Scope): Promise<Omit<ApiFacts, keyof AboutNodes>> {
  const [pods, policies, agents, types, datapaths] = await Promise.all([
    podsIn(api, scope),
    readPolicies(api, scope.namespace),
    agentsBeside(api, scope),
    readConfigMap(api, ...TYPES),
    readDatapaths(api, scope),
  ]);
  const [accounts, events] = await Promise.all([
    accountsFor(api, policies, scope),
    eventsFor(api, pods, policies, scope),
  ]);
  return {
    scope,
    pods,
    policies,
    agents: agents ?? mapFact(pods, (all) => all.filter(isAgent)),
    accounts,
    ...datapaths,
    typeOverrides: mapFact(types, (data) => data ?? {}),
    events,
  };
}

type Datapaths = Pick<ApiFacts, "settings" | "enforcement" | "networkPolicies">;

/** What the datapaths of pods follow from. */
async function readDatapaths(api: Api, { namespace, node }: Scope): Promise<Datapaths> {
  const daemonSets = await readDaemonSets(api);
  const settings = await readPluginSettings(api, daemonSets);
  const said = valueOr(settings, undefined);
  const enforcement = mapFact(daemonSets, (all) => enforcementIn(all, said));
  const decides = said?.datapath === "auto" && enforcement.known && enforcement.value?.hasOwnKinds === false;
  const networkPolicies = decides
    ? await readNetworkPolicies(api, node === undefined ? namespace : undefined)
    : known([]);
  return { settings, enforcement, networkPolicies };
}

function podsIn(api: Api, { namespace, node }: Scope): Promise<Fact<readonly PodOverview[]>> {
  if (node !== undefined) return readPodOverviews(api, { fieldSelector: `spec.nodeName=${node}` });
  return readPodOverviews(api, namespace === undefined ? {} : { namespace });
}

/** Undefined: they are among the scope's pods. */
async function agentsBeside(
  api: Api,
  { namespace, node }: Scope,
): Promise<Fact<readonly PodOverview[]> | undefined> {
  if (namespace === undefined || node !== undefined) return undefined;
  const agents = await readPodOverviews(api, { labelSelector: AGENT_SELECTOR });
  return agents.known ? agents : unknown({ ...agents.gap, what: "agents" });
}

function isAgent({ labels }: PodOverview): boolean {
  return Object.entries(AGENTS).every(([key, value]) => labels[key] === value);
}

async function nodesIn(api: Api, { node }: Scope) {
  if (node === undefined) return readNodes(api);
  return mapFact(await readNode(api, node), (found) => (found === undefined ? [] : [found]));
}

async function cniNodesIn(api: Api, { node }: Scope) {
  if (node === undefined) return readCniNodes(api);
  return mapFact(await readCniNode(api, node), (found) => (found === undefined ? [] : [found]));
}

async function accountsFor(
  api: Api,
  policies: Fact<readonly PolicyFact[]>,
  { namespace }: Scope,
): Promise<Fact<ReadonlyMap<string, Labels>>> {
  const asks = valueOr(policies, []).some(({ policy }) => policy.serviceAccountSelector !== undefined);
  if (!asks) return known(new Map());
  return mapFact(
    await readServiceAccounts(api, namespace),
    (all) => new Map(all.map((one) => [`${one.namespace}/${one.name}`, one.labels])),
  );
}

/** Only while a pod waits: a large cluster has tens of thousands. */
async function eventsFor(
  api: Api,
  pods: Fact<readonly PodOverview[]>,
  policies: Fact<readonly PolicyFact[]>,
  { namespace }: Scope,
): Promise<Fact<ReadonlyMap<string, EventFact>>> {
  // One that a policy selects waits too when it asks for no branch: its agent refuses it.
  const governed = new Set(valueOr(policies, []).map(({ policy }) => policy.namespace));
  const waits = valueOr(pods, []).some(
    (pod) =>
      pod.networkAt === undefined &&
      pod.phase === "Pending" &&
      !pod.usesHostNetwork &&
      (pod.asksForBranch || governed.has(pod.namespace)),
  );
  if (!waits) return known(new Map());
  return mapFact(await readBranchEvents(api, namespace), newestByPod);
}

/** The newest of each pod; kubelet's only where nobody else says anything. They come in the order of their times. */
export function newestByPod(events: readonly EventFact[]): ReadonlyMap<string, EventFact> {
  const newest = new Map<string, EventFact>();
  for (const event of events) {
    const { kind, namespace, name } = event.about;
    if (kind !== "Pod") continue;
    const key = `${namespace}/${name}`;
    const before = newest.get(key);
    const isOfSamePod = before?.about.uid === event.about.uid;
    if (isOfSamePod && event.component === KUBELET && before?.component !== KUBELET) continue;
    newest.set(key, event);
  }
  return newest;
}
