// The agent with the rights of deploy/rbac/agent.yaml: what it asks is allowed, and what it may do it does.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KubernetesObject } from "../ground/kubernetes/client.ts";
import { eventually } from "../ground/run.ts";
import { type Answer, askForBranch } from "./support/ask.ts";
import { Rights, asked } from "./support/rights.ts";
import { RunningAgent } from "./support/running-agent.ts";
import { makeNamespace, shared } from "./support/shared.ts";

const USER = "system:serviceaccount:kube-system:branchline-agent";
const DAEMON_SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets";
const CNI_NODES = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";

const rights = new Rights("agent.yaml");

let directory: string;
let agent: RunningAgent;
let start: () => RunningAgent;
let namespace: string;
let node: string;

beforeAll(async () => {
  await rights.apply(shared);
  directory = mkdtempSync(path.join(tmpdir(), "agent-rights-"));
  mkdirSync(path.join(directory, "bin"));
  mkdirSync(path.join(directory, "net.d"));
  writeFileSync(
    path.join(directory, "net.d", "10-aws.conflist"),
    JSON.stringify({ cniVersion: "1.0.0", name: "aws-cni", plugins: [{ type: "aws-cni" }] }),
  );
  namespace = await makeNamespace("rights");
  node = `node-of-${namespace}`;
  await shared.admin.create("/api/v1/nodes", { metadata: { name: node } });
  await shared.admin.create(CNI_NODES, {
    apiVersion: "vpcresources.k8s.aws/v1alpha1",
    kind: "CNINode",
    metadata: { name: node },
  });
  // For no node: the agent is run here.
  const labels = { app: "branchline-agent" };
  await shared.admin.create(DAEMON_SETS, {
    metadata: { name: "branchline-agent" },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { nodeSelector: { none: "at-all" }, containers: [{ name: "agent", image: "agent" }] },
      },
    },
  });
  const kubeconfig = await shared.kubeconfigOf("kube-system", "branchline-agent");
  const args = ["--trunk-interface", "lo", "--daemon-set", "kube-system/branchline-agent"];
  start = () => new RunningAgent({ directory, node, kubeconfig, args });
  agent = start();
});

afterAll(async () => {
  await agent.end("SIGKILL");
  rmSync(directory, { recursive: true });
});

function ask(name: string, uid: string, timeoutMs = 5_000): Promise<Answer> {
  return askForBranch(path.join(directory, "state"), { namespace, name, uid }, timeoutMs);
}

interface PodEvent extends KubernetesObject {
  readonly reason: string;
  readonly message: string;
}

it("everything that it does is allowed, and everything that it may do it does", async () => {
  await agent.isReady();
  await eventually("the feature", async () => {
    const { spec } = await shared.admin.get(`${CNI_NODES}/${node}`);
    return spec?.["features"] === undefined ? undefined : true;
  });
  // A policy by ServiceAccount, so that its labels have to be read.
  await shared.admin.create(
    `/apis/vpcresources.k8s.aws/v1beta1/namespaces/${namespace}/securitygrouppolicies`,
    {
      apiVersion: "vpcresources.k8s.aws/v1beta1",
      kind: "SecurityGroupPolicy",
      metadata: { name: "by-account" },
      spec: {
        serviceAccountSelector: { matchLabels: { team: "till" } },
        securityGroups: { groupIds: ["sg-0123456789abcdef0"] },
      },
    },
  );
  const { metadata } = await shared.admin.create(`/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name: "web" },
    spec: { nodeName: node, containers: [{ name: "c", image: "c" }] },
  });
  expect(await ask("web", metadata.uid ?? "")).toEqual({ answer: "none" });
  // One that no cache has.
  expect((await ask("nobody", "u1")).answer).toBe("refused");
  // Of one that waits for long, the controller's events are read.
  const late = await shared.admin.create(`/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name: "late" },
    spec: {
      nodeName: node,
      containers: [{ name: "c", image: "c", resources: { limits: { "vpc.amazonaws.com/pod-eni": "1" } } }],
    },
  });
  const lateAnswer = ask("late", late.metadata.uid ?? "", 10_500);
  // A refusal is an event on the pod, and of the next agent the same event.
  await shared.admin.patch(`/api/v1/namespaces/${namespace}/serviceaccounts/default`, "merge", {
    metadata: { labels: { team: "till" } },
  });
  const eventsOf = async () =>
    (await shared.admin.list<PodEvent>(`/api/v1/namespaces/${namespace}/events`)).filter(
      ({ reason }) => reason === "BranchRefused",
    );
  expect((await ask("web", metadata.uid ?? "")).answer).toBe("refused");
  await expect.poll(eventsOf).toHaveLength(1);
  expect((await lateAnswer).answer).toBe("wait");
  await agent.end("SIGTERM");
  agent = start();
  await agent.isReady();
  expect((await ask("web", metadata.uid ?? "")).answer).toBe("refused");
  const patches = () =>
    shared
      .audited(USER)
      .filter(({ verb, objectRef }) => verb === "patch" && objectRef?.resource === "events");
  await expect.poll(patches).not.toEqual([]);
  expect(await eventsOf()).toMatchObject([
    {
      type: "Warning",
      involvedObject: { kind: "Pod", name: "web", uid: metadata.uid },
      message: expect.stringContaining(`SecurityGroupPolicy ${namespace}/by-account selects pod`) as string,
    },
  ]);
  // Its DaemonSet's mark.
  await shared.admin.patch(`${DAEMON_SETS}/branchline-agent`, "merge", {
    metadata: { labels: { "branchline.dev/uninstall": "20261128T150405Z" } },
  });
  await eventually("the report", async () => {
    const { metadata: its } = await shared.admin.get(`${CNI_NODES}/${node}`);
    return its.annotations?.["branchline.dev/uninstalled"]?.includes('"list":"removed"') === true
      ? true
      : undefined;
  });
  expect(readdirSync(path.join(directory, "net.d"))).toEqual(["10-aws.conflist"]);
  const { used, forbidden } = asked(shared, USER);
  expect(forbidden).toEqual([]);
  expect(used).toEqual(rights.granted());
});
