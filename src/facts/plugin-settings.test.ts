import { expect, it } from "vitest";
import { ReadApi } from "../../test/unit/read-api.ts";
import { known, unknown } from "./fact.ts";
import { readPluginSettings, settingsIn } from "./plugin-settings.ts";
import type { WorkloadFact } from "./workloads.ts";

const daemonSet = (name: string, more: object = {}, env: object = {}, args: readonly string[] = []) =>
  ({
    kind: "DaemonSet",
    namespace: "kube-system",
    name,
    labels: {},
    containers: [{ name, image: "", args, env }],
    ...more,
  }) as unknown as WorkloadFact;
const AGENT_LABELS = { "app.kubernetes.io/name": "branchline", "app.kubernetes.io/component": "agent" };
const AGENT = daemonSet("branchline-agent", { labels: AGENT_LABELS });
const MAP = "/api/v1/namespaces/kube-system/configmaps/branchline-agent";

const entry = (keys: object) => settingsIn(AGENT, { "entry.json": JSON.stringify(keys) });

it("has the plugin's defaults for what is not said, or cannot be used", () => {
  const defaults = {
    from: "ConfigMap kube-system/branchline-agent",
    datapath: "direct",
    mode: "strict",
    mayOverride: false,
    managesEarlyDemux: false,
    serviceCidrs: undefined,
    hostRoutes: undefined,
    networkPolicies: "auto",
  };
  expect(entry({})).toEqual(defaults);
  expect(entry({ datapath: "odd", podSGEnforcingMode: 1, serviceCIDRs: "x" })).toEqual(defaults);
  expect(settingsIn(AGENT, { "entry.json": "no JSON" })).toEqual(defaults);
  expect(settingsIn(AGENT, {})).toEqual(defaults);
});

it("has what is said", () => {
  const keys = {
    datapath: "auto",
    podSGEnforcingMode: "standard",
    allowDatapathOverride: "true",
    manageEarlyDemux: true,
    serviceCIDRs: ["172.20.0.0/16"],
    hostRoutes: [],
  };
  const agent = daemonSet("branchline-agent", { labels: AGENT_LABELS }, {}, ["--network-policies=ignore"]);
  expect(settingsIn(agent, { "entry.json": JSON.stringify(keys) })).toMatchObject({
    datapath: "auto",
    mode: "standard",
    mayOverride: true,
    managesEarlyDemux: true,
    serviceCidrs: ["172.20.0.0/16"],
    hostRoutes: [],
    networkPolicies: "ignore",
  });
});

it("is of the agent's ConfigMap, of aws-node, or nothing that is known", async () => {
  const data = { "entry.json": '{"datapath":"routed"}' };
  const read = (objects: object, daemonSets: readonly WorkloadFact[], forbidden: readonly string[] = []) =>
    readPluginSettings(new ReadApi(objects as never, forbidden).api, known(daemonSets));
  const awsNode = daemonSet("aws-node", {}, { ENABLE_POD_ENI: "true" });
  const standard = daemonSet(
    "aws-node",
    {},
    { ENABLE_POD_ENI: "true", POD_SECURITY_GROUP_ENFORCING_MODE: "standard" },
  );
  expect(await read({ [MAP]: { data } }, [awsNode, AGENT])).toMatchObject({ value: { datapath: "routed" } });
  expect(await read({}, [AGENT])).toMatchObject({
    gap: { message: "there is no ConfigMap kube-system/branchline-agent" },
  });
  expect(await read({}, [AGENT], ["configmaps"])).toMatchObject({
    gap: { permission: "get configmaps in kube-system" },
  });
  expect(await read({}, [awsNode])).toMatchObject({
    value: { from: "DaemonSet kube-system/aws-node", datapath: "routed", mode: "strict" },
  });
  expect(await read({}, [standard])).toMatchObject({ value: { mode: "standard" } });
  expect(await read({}, [daemonSet("aws-node")])).toEqual(known(undefined));
  const gap = unknown({ what: "daemonsets", reason: "failed", message: "x" });
  expect(await readPluginSettings(new ReadApi({}).api, gap)).toBe(gap);
});
