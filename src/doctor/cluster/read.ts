import { readBoundPolicies, readPodWebhooks } from "../../facts/admission-chain.ts";
import { type Api, listFact } from "../../facts/api.ts";
import { readCniNodes } from "../../facts/cni-nodes.ts";
import { readConfigMap } from "../../facts/config-maps.ts";
import { type Fact, gapLine, known, mapFact } from "../../facts/fact.ts";
import { readProxyMode } from "../../facts/kube-proxy.ts";
import { readLeases } from "../../facts/leases.ts";
import { readNetworkPolicies } from "../../facts/network-policies.ts";
import { readPolicies, readServiceAccounts } from "../../facts/policies.ts";
import { readEndpointSlices } from "../../facts/services.ts";
import { BRANCHLINE, readDaemonSets, readDeployments } from "../../facts/workloads.ts";
import type { ClusterFacts, Source } from "../facts.ts";
import { EVENTS, NODES, PODS } from "./resources.ts";
import { cniNodeOf, daemonSetOf, entryIn, policyOf } from "./shape.ts";

/** What the API server says, each kind of it once. */

export type ApiFacts = Omit<ClusterFacts, "interfaces" | "subnets" | "groups" | "rules" | "routes">;

export interface ApiRead {
  readonly facts: ApiFacts;
  /** Of the controller's --cluster-name; undefined when there is none. */
  readonly clusterName: string | undefined;
}

const SYSTEM = "kube-system";
const CONTROLLER = "branchline-controller";
const SPEAKERS = ["branchline-agent", CONTROLLER, "vpc-resource-controller"];

/** Rejects with the signal's reason only. */
export async function readApi(api: Api, now: number): Promise<ApiRead> {
  const [nodes, cniNodes, pods, policies, accounts, daemonSets, deployments] = await Promise.all([
    listFact(api, NODES),
    readCniNodes(api),
    listFact(api, PODS),
    readPolicies(api),
    readServiceAccounts(api),
    readDaemonSets(api),
    readDeployments(api, BRANCHLINE),
  ]);
  const [webhooks, guards, mutating, leases, networkPolicies, events, types, proxy] = await Promise.all([
    readPodWebhooks(api),
    readBoundPolicies(api, "Validating"),
    readBoundPolicies(api, "Mutating"),
    readLeases(api, CONTROLLER),
    readNetworkPolicies(api),
    readEvents(api),
    readConfigMap(api, SYSTEM, "branchline-instance-types"),
    readProxyMode(api),
  ]);
  const facts: ApiFacts = {
    now: { value: now },
    nodes: sourceOf(nodes),
    cniNodes: sourceOf(mapFact(cniNodes, (all) => all.map(cniNodeOf))),
    pods: sourceOf(pods),
    policies: sourceOf(mapFact(policies, (all) => all.map(policyOf))),
    accounts: sourceOf(
      mapFact(
        accounts,
        (all) => new Map(all.map(({ namespace, name, labels }) => [`${namespace}/${name}`, labels])),
      ),
    ),
    daemonSets: sourceOf(mapFact(daemonSets, (all) => all.map(daemonSetOf))),
    entry: sourceOf(await readEntry(api, daemonSets)),
    typeOverrides: sourceOf(mapFact(types, (data) => data ?? {})),
    proxyMode: sourceOf(proxy),
    webhooks: sourceOf(webhooks),
    guards: sourceOf(guards),
    mutators: sourceOf(
      mapFact(mutating, (all) => [...all].flatMap(([name, bound]) => (bound.length > 0 ? [name] : []))),
    ),
    endpoints: sourceOf(await readEndpoints(api, webhooks)),
    leases: sourceOf(
      mapFact(leases, (all) =>
        all.map(({ metadata, holder, renewed = "", durationMs }) => ({
          namespace: metadata.namespace,
          name: metadata.name,
          holder,
          renewedAt: Date.parse(renewed) || 0,
          seconds: durationMs / 1000,
        })),
      ),
    ),
    networkPolicies: sourceOf(
      mapFact(networkPolicies, (all) =>
        all.map(({ namespace, name, podSelector }) => ({ namespace, name, podSelector })),
      ),
    ),
    events: sourceOf(events),
  };
  return { facts, clusterName: clusterNameIn(deployments) };
}

/** What could not be read keeps its reason. */
export function sourceOf<T>(fact: Fact<T>): Source<T> {
  return fact.known ? { value: fact.value } : { missing: gapLine(fact.gap) };
}

async function readEvents(api: Api) {
  const lists = await Promise.all(
    SPEAKERS.map((speaker) => listFact(api, EVENTS, { fieldSelector: `source=${speaker}` })),
  );
  const refused = lists.find((list) => !list.known);
  return refused ?? known(lists.flatMap((list) => (list.known ? list.value : [])));
}

/** Of the agent's DaemonSet: the ConfigMap has its name. */
async function readEntry(
  api: Api,
  daemonSets: Awaited<ReturnType<typeof readDaemonSets>>,
): Promise<Fact<ReturnType<typeof entryIn>>> {
  if (!daemonSets.known) return daemonSets;
  const agent = daemonSets.value.find(({ labels }) => labels["app.kubernetes.io/name"] === "branchline");
  if (agent === undefined) return known(undefined);
  const { namespace, name } = agent;
  const map = await readConfigMap(api, namespace, name);
  return mapFact(map, (data) => (data === undefined ? undefined : entryIn(`${namespace}/${name}`, data)));
}

async function readEndpoints(
  api: Api,
  webhooks: Awaited<ReturnType<typeof readPodWebhooks>>,
): Promise<Fact<ReadonlyMap<string, number>>> {
  if (!webhooks.known) return webhooks;
  const services = new Set(
    webhooks.value
      .filter(
        ({ name, configuration }) => name.endsWith("branchline.dev") || configuration.startsWith("vpc-"),
      )
      .flatMap(({ service }) => service ?? []),
  );
  const ready = new Map<string, number>();
  for (const service of services) {
    const [namespace = "", name = ""] = service.split("/");
    const slices = await readEndpointSlices(api, namespace, name);
    if (!slices.known) return slices;
    const endpoints = slices.value.flatMap((slice) => slice.endpoints);
    ready.set(service, endpoints.filter(({ isReady }) => isReady).length);
  }
  return known(ready);
}

function clusterNameIn(deployments: Awaited<ReturnType<typeof readDeployments>>): string | undefined {
  if (!deployments.known) return undefined;
  const args = deployments.value.flatMap(({ containers }) => containers.flatMap((one) => one.args));
  const flag = "--cluster-name=";
  return args.find((arg) => arg.startsWith(flag))?.slice(flag.length);
}
