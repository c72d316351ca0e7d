// The executable asks, the agent's socket answers, and a real API server knows.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Answerer } from "../../src/agent/answer/answerer.ts";
import { AgentSocket } from "../../src/agent/answer/socket.ts";
import { Cache } from "../../src/kubernetes/cache.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { connectTo } from "../../src/kubernetes/connect.ts";
import { loadKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { PODS, SECURITY_GROUP_POLICIES } from "../../src/kubernetes/objects.ts";
import { systemTimer } from "../../src/sys/timer.ts";
import type { KubernetesObject } from "../ground/kubernetes/client.ts";
import { askForBranch } from "./support/ask.ts";
import { makeNamespace, shared } from "./support/shared.ts";

const OURS = path.resolve(import.meta.dirname, "../../dist/branchline");
const CAPABILITY = "io.kubernetes.cri.pod-annotations";
const ANNOTATION = "vpc.amazonaws.com/pod-eni";

const stop = new AbortController();
let directory: string;
let socket: AgentSocket;
let node: string;
let namespace: string;
const logged: string[] = [];

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "agent-answers-"));
  node = `node-of-${await makeNamespace("agent")}`;
  await shared.admin.create("/api/v1/nodes", { metadata: { name: node } });
  const client = new KubernetesClient(
    connectTo(loadKubeconfig({ path: shared.adminKubeconfig }, {}), "branchline-agent"),
  );
  const common = {
    client,
    timer: systemTimer,
    random: Math.random,
    warn: (message: string) => logged.push(message),
  };
  const pods = new Cache({
    ...common,
    resource: PODS,
    scope: { fieldSelector: `spec.nodeName=${node}` },
  });
  const policies = new Cache({ ...common, resource: SECURITY_GROUP_POLICIES, scope: {} });
  const answerer = new Answerer({
    client,
    nodeName: node,
    pods,
    policies,
    timer: systemTimer,
    networkPoliciesOf: () => ({ enforced: "none" }),
    obstacle: () => "",
    unrequested: "refuse",
    tell: () => undefined,
    signal: stop.signal,
  });
  void pods.run(stop.signal);
  void policies.run(stop.signal);
  await Promise.all([pods.whenComplete(stop.signal), policies.whenComplete(stop.signal)]);
  socket = await AgentSocket.open({
    stateDirectory: path.join(directory, "state"),
    answer: (question) => answerer.answer(question),
    log: (_level, message) => logged.push(message),
  });
});

afterAll(async () => {
  stop.abort(new Error("the tests are over"));
  await socket[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

beforeEach(async () => {
  namespace = await makeNamespace("agent");
});

interface MadePod extends KubernetesObject {
  readonly metadata: KubernetesObject["metadata"] & { readonly uid: string };
}

async function makePod(
  name: string,
  { asks = false, labels = {} }: { asks?: boolean; labels?: object } = {},
) {
  const resources = asks ? { limits: { [ANNOTATION]: "1" } } : {};
  return shared.admin.create<MadePod>(`/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name, labels },
    spec: { nodeName: node, containers: [{ name: "c", image: "c", resources }] },
  });
}

function branchOf(number: number): string {
  const hex = number.toString(16).padStart(2, "0");
  return JSON.stringify([
    {
      eniId: `eni-0b0000000000000${hex}`,
      ifAddress: `02:b1:00:00:00:${hex}`,
      privateIp: `10.0.2.${number}`,
      vlanId: number,
      subnetCidr: "10.0.2.0/24",
    },
  ]);
}

async function annotate(name: string, value: string): Promise<void> {
  await shared.admin.patch(`/api/v1/namespaces/${namespace}/pods/${name}`, "merge", {
    metadata: { annotations: { [ANNOTATION]: value } },
  });
}

const selectsAll = { spec: { podSelector: {}, securityGroups: { groupIds: ["sg-0123456789abcdef0"] } } };

async function makePolicy(more: object = selectsAll): Promise<void> {
  await shared.admin.create(
    `/apis/vpcresources.k8s.aws/v1beta1/namespaces/${namespace}/securitygrouppolicies`,
    {
      apiVersion: "vpcresources.k8s.aws/v1beta1",
      kind: "SecurityGroupPolicy",
      metadata: { name: "web" },
      ...more,
    },
  );
}

interface Added {
  readonly code?: number;
  readonly msg?: string;
  readonly ips?: readonly { readonly address: string }[];
}

/** ADD as a runtime calls it, without an annotation. That a branch was taken shows in the namespace that is not there. */
async function add({ metadata: { name, uid } }: MadePod, branchTimeout = 20): Promise<Added> {
  const config = {
    cniVersion: "1.0.0",
    name: "net",
    type: "branchline",
    enablePodENI: true,
    branchTimeout,
    gatewayTimeout: 0,
    serviceCIDRs: [],
    trunk: { interface: "lo" },
    capabilities: { [CAPABILITY]: true },
    runtimeConfig: { [CAPABILITY]: null },
    prevResult: {
      cniVersion: "1.0.0",
      interfaces: [{ name: "eni1" }, { name: "eth0", sandbox: "/run/netns/none" }],
      ips: [{ address: "10.0.0.50/32", interface: 1 }],
      dns: {},
    },
  };
  const script = `mount -t tmpfs tmpfs /run; mkdir -m 700 /run/branchline; mount --bind "$STATE" /run/branchline; exec "$OURS"`;
  const child = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-euc", script], {
    stdio: ["pipe", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"],
      OURS,
      STATE: path.join(directory, "state"),
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: `sandbox-of-${name}`,
      CNI_NETNS: "/run/netns/none",
      CNI_IFNAME: "eth0",
      CNI_PATH: "/opt/cni/bin",
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};K8S_POD_UID=${uid}`,
    },
  });
  child.stdin.end(JSON.stringify(config));
  return JSON.parse(await text(child.stdout)) as Added;
}

const passedThrough = { ips: [{ address: "10.0.0.50/32" }] };

describe("ADD", () => {
  it("of a pod that nothing selects passes through", async () =>
    expect(await add(await makePod("plain"))).toMatchObject(passedThrough));

  it("of a pod that a policy selects and that asks for no branch is refused, by both names", async () => {
    // The policy is an instant older than the pod: no cache may be taken for the truth.
    await makePolicy();
    const refused = await add(await makePod("missed"));
    expect(refused.code).toBe(106);
    expect(refused.msg).toContain(
      `SecurityGroupPolicy ${namespace}/web selects pod ${namespace}/missed, but no container of it has the limit`,
    );
  });

  it("of a pod whose ServiceAccount a policy selects is refused as well", async () => {
    await makePolicy({
      spec: {
        serviceAccountSelector: { matchLabels: { team: "till" } },
        securityGroups: { groupIds: ["sg-1"] },
      },
    });
    const pod = await makePod("by-account");
    expect(await add(pod)).toMatchObject(passedThrough);
    await shared.admin.patch(`/api/v1/namespaces/${namespace}/serviceaccounts/default`, "merge", {
      metadata: { labels: { team: "till" } },
    });
    expect((await add(pod)).code).toBe(106);
  });

  it("waits for the annotation, and goes on with it", async () => {
    const pod = await makePod("late", { asks: true });
    const added = add(pod);
    await new Promise((done) => setTimeout(done, 1_500));
    await annotate("late", branchOf(201));
    // 104: it has the branch, and the namespace is not there.
    expect((await added).code).toBe(104);
  });

  it("says what it waited for when the time is up", async () => {
    const pod = await makePod("never", { asks: true });
    const { code, msg } = await add(pod, 5);
    expect(code).toBe(11);
    expect(msg).toContain(`waiting for the annotation ${ANNOTATION}`);
  });

  it("of a pod that is gone is refused", async () => {
    const pod = await makePod("gone");
    await shared.admin.request("DELETE", `/api/v1/namespaces/${namespace}/pods/gone`, {
      gracePeriodSeconds: 0,
    });
    const { code, msg } = await add(pod);
    expect(code).toBe(106);
    expect(msg).toContain(`the API server has no pod ${namespace}/gone with UID ${pod.metadata.uid}`);
  });

  it("of a pod with the branch of another living pod is refused", async () => {
    const [first, second] = [await makePod("first", { asks: true }), await makePod("second", { asks: true })];
    await annotate("first", branchOf(202));
    expect((await add(first)).code).toBe(104);
    await annotate("second", branchOf(202));
    const { code, msg } = await add(second);
    expect(code).toBe(106);
    expect(msg).toContain(`is the branch of pod ${namespace}/first as well`);
  });
});

it("110 that wait at once: each gets its own, soon after it is there", async () => {
  const pods = await Promise.all(Array.from({ length: 110 }, (_, i) => makePod(`many-${i}`, { asks: true })));
  const annotated = new Map<number, number>();
  const answers = pods.map(async ({ metadata: { name, uid } }, i) => {
    const answer = await askForBranch(path.join(directory, "state"), { namespace, name, uid }, 60_000);
    return { i, answer, at: performance.now() };
  });
  for (const [i, { metadata }] of pods.entries()) {
    annotated.set(i, performance.now());
    await annotate(metadata.name, branchOf(i + 1));
  }
  const late: number[] = [];
  for (const { i, answer, at } of await Promise.all(answers)) {
    expect(answer).toMatchObject({ answer: "branch", annotation: branchOf(i + 1) });
    late.push(at - (annotated.get(i) ?? 0));
  }
  late.sort((a, b) => a - b);
  // Not a figure: only that nobody waited for the next look, 5 s later.
  expect(late[54]).toBeLessThan(1_000);
  console.log(`median ${late[54]?.toFixed(0)} ms, slowest ${late.at(-1)?.toFixed(0)} ms`);
  expect(logged).toEqual([]);
});
