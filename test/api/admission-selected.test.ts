// Guard 2 and the mutating policy: which pods are selected, and what becomes of them.
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LabelSelector, matchLabels } from "../../src/policy/label-selector.ts";
import type { ApiServer } from "../ground/api-server.ts";
import { type Answer, ApiClient } from "../ground/kubernetes/client.ts";
import { kubectl } from "../ground/kubernetes/tools.ts";
import { admissionObjects, apply, denialOf, startGuarded, untilActs } from "./support/guarded.ts";
import { randomLabels, randomSelectors, selectorText } from "./support/selectors.ts";

const SEED = Number(process.env["SELECTOR_SEED"] ?? 20_261_128);
const SELECTORS = 200;
/** Of them, those for which kubectl itself is started, whose request the others are asked with. */
const BY_KUBECTL = 20;
const POD_ENI = "vpc.amazonaws.com/pod-eni";
const GUARD = "branchline-selected-pods";
const policiesIn = (namespace: string) =>
  `/apis/vpcresources.k8s.aws/v1beta1/namespaces/${namespace}/securitygrouppolicies`;

/** A pod with this label is left to the guard, as on a server without mutating policies. */
const UNMUTATED = "test.branchline.dev/unmutated";

/** Of an API server, on a machine that starts several. */
const START_MS = 180_000;

let server: ApiServer;

beforeAll(async () => {
  server = await startGuarded("guard-selected-pods.yaml");
  for (const object of admissionObjects("mutating-policy.yaml")) {
    const objectSelector = { matchExpressions: [{ key: UNMUTATED, operator: "DoesNotExist" }] };
    const spec = { ...object.spec, matchResources: { objectSelector } };
    await apply(server.admin, object.kind.endsWith("Binding") ? { ...object, spec } : object);
  }
}, START_MS);

afterAll(() => server.stop());

type Labels = Readonly<Record<string, string>>;

interface PodFields {
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly spec?: object;
}

const CONTAINER = { name: "c", image: "c" };

function ask(
  namespace: string,
  { labels = {}, annotations = {}, spec = {} }: PodFields,
  client = server.admin,
) {
  return client.request("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, {
    metadata: { name: "pod", labels, annotations },
    spec: { containers: [CONTAINER], ...spec },
  });
}

const asksOnly = (pod: PodFields): PodFields => ({ ...pod, labels: { ...pod.labels, [UNMUTATED]: "" } });

interface Made {
  readonly spec: { readonly containers: readonly { readonly resources: Resources }[] };
}

interface Resources {
  readonly limits?: Labels;
  readonly requests?: Labels;
}

/** `asks`: with limit and request; `denied` by the guard; `untouched`. */
function outcomeOf(answer: Answer): string {
  const denial = denialOf(answer);
  if (denial !== undefined) return denial.policy === GUARD ? "denied" : denial.policy;
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  const [first] = (answer.body as Made).spec.containers;
  const asked = [first?.resources.limits?.[POD_ENI], first?.resources.requests?.[POD_ENI]];
  if (asked.every((one) => one === undefined)) return "untouched";
  return asked.every((one) => one === "1") ? "asks" : `asks for ${asked.join(" and ")}`;
}

const policy = (name: string, spec: object) => ({
  apiVersion: "vpcresources.k8s.aws/v1beta1",
  kind: "SecurityGroupPolicy",
  metadata: { name },
  spec,
});
const securityGroups = { groupIds: ["sg-0123456789abcdef0"] };

async function makeNamespaceWith(name: string, ...specs: readonly object[]): Promise<void> {
  const { admin } = server;
  await admin.create("/api/v1/namespaces", { metadata: { name } });
  for (const [i, spec] of specs.entries()) await admin.create(policiesIn(name), policy(`policy-${i}`, spec));
}

/** All policies that were made before are known where this one is. */
async function untilPoliciesAct(name: string): Promise<void> {
  await makeNamespaceWith(name, { podSelector: {}, securityGroups });
  for (const [pod, outcome] of [
    [{}, "asks"],
    [asksOnly({}), "denied"],
  ] as const) {
    await untilActs(
      `a pod is ${outcome}`,
      () => ask(name, pod),
      (answer) => outcomeOf(answer) === outcome,
    );
  }
}

/** Several at once, in order. */
async function each<T>(items: readonly T[], width: number, act: (item: T, i: number) => Promise<void>) {
  const queue = items.entries();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const [i, item] of queue) await act(item, i);
    }),
  );
}

describe(`${SELECTORS} selectors, SELECTOR_SEED=${SEED}`, () => {
  const selectors = randomSelectors(SEED, SELECTORS);
  const labels = randomLabels(SEED, 24);
  /** By selector, the numbers of the labels that the API server finds, as for `kubectl get -l`. */
  const found: (readonly number[])[] = [];
  /** The same of the first ones, for `kubectl get -l` itself. */
  const byKubectl: (readonly number[])[] = [];

  beforeAll(async () => {
    const { admin } = server;
    await admin.create("/api/v1/namespaces", { metadata: { name: "all" } });
    for (const [i, its] of labels.entries()) {
      const pod = { metadata: { name: `pod-${i}`, labels: its }, spec: { containers: [CONTAINER] } };
      await admin.create("/api/v1/namespaces/all/pods", pod);
    }
    await each(selectors, 3, async (selector, i) => {
      await makeNamespaceWith(`selector-${i}`, { podSelector: selector, securityGroups });
      found[i] = await podsOf(selector);
      if (i < BY_KUBECTL) byKubectl[i] = await podsByKubectl(selector);
    });
    await untilPoliciesAct("after-selectors");
  }, 120_000);

  const numberOf = (name: string) => Number(/^pod-(\d+)$/.exec(name)?.[1]);

  async function podsOf(selector: LabelSelector): Promise<readonly number[]> {
    const query = new URLSearchParams({ labelSelector: selectorText(selector) });
    const pods = await server.admin.list(`/api/v1/namespaces/all/pods?${query.toString()}`);
    return pods.map(({ metadata }) => numberOf(metadata.name));
  }

  async function podsByKubectl(selector: LabelSelector): Promise<readonly number[]> {
    const text = selectorText(selector);
    // What the API server has is looked up once, not by each of them.
    const cache = ["--cache-dir", path.join(server.directory, "kubectl")];
    const args = ["get", "pods", "-n", "all", "-o", "name", ...cache, ...(text === "" ? [] : ["-l", text])];
    const { status, stdout, stderr } = await kubectl(args, { kubeconfig: server.adminKubeconfig });
    if (status !== 0) throw new Error(`${text}: ${stderr}`);
    return [...stdout.matchAll(/^pod\/(.+)$/gm)].map(([, name = ""]) => numberOf(name));
  }

  /** Some that are found and some that are not. */
  function picked(i: number): readonly number[] {
    const all = [...labels.keys()];
    const isFound = (number: number) => found[i]?.includes(number) === true;
    return [...all.filter(isFound).slice(0, 3), ...all.filter((number) => !isFound(number)).slice(0, 3)];
  }

  /** Each outcome that is not what kubectl finds. */
  async function differences(
    outcome: (i: number, its: Labels) => Promise<string>,
    [selected, other]: readonly [string, string],
  ): Promise<readonly string[]> {
    const lines: string[] = [];
    await each(selectors, 4, async (selector, i) => {
      for (const number of picked(i)) {
        const its = labels[number] ?? {};
        const expected = found[i]?.includes(number) === true ? selected : other;
        const is = await outcome(i, its);
        if (is !== expected) {
          lines.push(`${JSON.stringify(selector)} ${JSON.stringify(its)}: ${is}, not ${expected}`);
        }
      }
    });
    return lines;
  }

  it("find the same pods by kubectl get -l as by what the API server is asked here", () => {
    expect(byKubectl).toHaveLength(BY_KUBECTL);
    expect(byKubectl).toEqual(found.slice(0, BY_KUBECTL));
  });

  it("have pods that are selected, and others, with each operator", () => {
    const operators = selectors.flatMap(({ matchExpressions = [] }) =>
      matchExpressions.map((one) => one.operator),
    );
    expect([...new Set(operators)].sort()).toEqual(["DoesNotExist", "Exists", "In", "NotIn"]);
    const numbers = selectors.flatMap((_, i) => picked(i).map((number) => found[i]?.includes(number)));
    expect(numbers.filter((isFound) => isFound).length).toBeGreaterThan(SELECTORS);
    expect(numbers.filter((isFound) => !isFound).length).toBeGreaterThan(SELECTORS);
  });

  it("mean the same to the mutating policy as to kubectl get -l", async () => {
    const outcome = async (i: number, its: Labels) => outcomeOf(await ask(`selector-${i}`, { labels: its }));
    expect(await differences(outcome, ["asks", "untouched"])).toEqual([]);
  });

  it("mean the same to the guard as to kubectl get -l", async () => {
    const outcome = async (i: number, its: Labels) =>
      outcomeOf(await ask(`selector-${i}`, asksOnly({ labels: its })));
    expect(await differences(outcome, ["denied", "untouched"])).toEqual([]);
  });

  it("mean the same to src/policy as to kubectl get -l", async () => {
    const outcome = (i: number, its: Labels) =>
      Promise.resolve(String(matchLabels(selectors[i] ?? {}, its, "").matches));
    expect(await differences(outcome, ["true", "false"])).toEqual([]);
  });
});

const limit = (quantity: string) => ({
  ...CONTAINER,
  resources: { limits: { [POD_ENI]: quantity }, requests: { [POD_ENI]: quantity } },
});
const FARGATE = { "eks.amazonaws.com/fargate-profile": "p" };
const POD_SG = { "fargate.amazonaws.com/pod-sg": "sg-1" };
const MIRROR = { "kubernetes.io/config.mirror": "x" };

/** What becomes of a pod where every pod is selected: of an ordinary one, and where nothing mutates. */
const PODS: readonly (readonly [what: string, pod: PodFields, mutated: string, guarded: string])[] = [
  ["an ordinary one", {}, "asks", "denied"],
  ["one in its node's network", { spec: { hostNetwork: true } }, "untouched", "untouched"],
  ["one that says so, and is not", { spec: { hostNetwork: false } }, "asks", "denied"],
  [
    "one for Windows",
    { spec: { nodeSelector: { "kubernetes.io/os": "windows" } } },
    "untouched",
    "untouched",
  ],
  [
    "one for Windows, the old way",
    { spec: { nodeSelector: { "beta.kubernetes.io/os": "windows" } } },
    "untouched",
    "untouched",
  ],
  ["one for Linux", { spec: { nodeSelector: { "kubernetes.io/os": "linux" } } }, "asks", "denied"],
  ["one with the label windows", { labels: { "kubernetes.io/os": "windows" } }, "asks", "denied"],
  ["one on Fargate", { labels: FARGATE, annotations: POD_SG }, "untouched", "untouched"],
  ["one that says it is on Fargate", { labels: FARGATE }, "asks", "denied"],
  ["one with Fargate's annotation alone", { annotations: POD_SG }, "asks", "denied"],
  ["one that says it is a mirror", { annotations: MIRROR, spec: { nodeName: "n" } }, "asks", "denied"],
  ["one that asks", { spec: { containers: [limit("1")] } }, "asks", "asks"],
  ["one that asks for two", { spec: { containers: [limit("2")] } }, "asks for 2 and 2", "asks for 2 and 2"],
  ["one that asks for none", { spec: { containers: [limit("0")] } }, "asks", "denied"],
  [
    "one whose second container asks",
    { spec: { containers: [CONTAINER, { ...limit("1"), name: "d" }] } },
    "untouched",
    "untouched",
  ],
  [
    "one whose init container asks",
    { spec: { initContainers: [{ ...limit("1"), name: "d" }] } },
    "untouched",
    "untouched",
  ],
  [
    "one with an init container that does not ask",
    { spec: { initContainers: [{ ...CONTAINER, name: "d" }] } },
    "asks",
    "denied",
  ],
];

describe("a pod that is selected", () => {
  beforeAll(async () => {
    await makeNamespaceWith("every", { podSelector: {}, securityGroups });
    await untilPoliciesAct("after-every");
  });

  it.each(PODS)("%s", async (_what, pod, mutated, guarded) => {
    expect(outcomeOf(await ask("every", pod))).toBe(mutated);
    expect(outcomeOf(await ask("every", asksOnly(pod)))).toBe(guarded);
  });

  it("keeps the other limits and requests of its container", async () => {
    const resources = { limits: { cpu: "2", memory: "1Gi" }, requests: { cpu: "1" } };
    const answer = await ask("every", { spec: { containers: [{ ...CONTAINER, resources }] } });
    expect((answer.body as Made).spec.containers[0]?.resources).toEqual({
      limits: { cpu: "2", memory: "1Gi", [POD_ENI]: "1" },
      requests: { cpu: "1", memory: "1Gi", [POD_ENI]: "1" },
    });
  });

  it("asks once when several policies select it", async () => {
    await makeNamespaceWith(
      "twice",
      { podSelector: {}, securityGroups },
      { podSelector: {}, securityGroups },
    );
    await untilPoliciesAct("after-twice");
    expect(outcomeOf(await ask("twice", {}))).toBe("asks");
  });

  it("is a kubelet's own mirror", async () => {
    const { admin } = server;
    const { metadata } = await admin.create("/api/v1/nodes", { metadata: { name: "node-1" } });
    const kubelet = ApiClient.of(
      await server.kubeconfigFor({ user: "system:node:node-1", groups: ["system:nodes"] }),
    );
    const owner = { apiVersion: "v1", kind: "Node", name: "node-1", uid: metadata.uid, controller: true };
    const mirror = (annotations: Labels, labels: Labels) =>
      kubelet.request("POST", "/api/v1/namespaces/every/pods?dryRun=All", {
        metadata: { name: "mirror", annotations, labels, ownerReferences: [owner] },
        spec: { nodeName: "node-1", containers: [CONTAINER] },
      });
    expect(outcomeOf(await mirror(MIRROR, {}))).toBe("untouched");
    expect(outcomeOf(await mirror(MIRROR, { [UNMUTATED]: "" }))).toBe("untouched");
  });

  it("is denied with the policy's name and what to do", async () => {
    expect(denialOf(await ask("every", asksOnly({})))?.message).toBe(
      'SecurityGroupPolicy every/policy-0 selects this pod, which asks for no branch: nobody added the limit vpc.amazonaws.com/pod-eni. Create it again, or set limit and request vpc.amazonaws.com/pod-eni: "1" on its first container',
    );
  });
});

it.each<[string, object]>([
  ["without groups", { podSelector: {} }],
  ["without a selector", { securityGroups }],
  ["for service accounts", { serviceAccountSelector: {}, securityGroups }],
  ["with both selectors", { podSelector: {}, serviceAccountSelector: {}, securityGroups }],
])("a policy %s is left to others", async (what, spec) => {
  const name = what.replaceAll(" ", "-");
  await makeNamespaceWith(name, spec);
  await untilPoliciesAct(`after-${name}`);
  expect(outcomeOf(await ask(name, {}))).toBe("untouched");
  expect(outcomeOf(await ask(name, asksOnly({})))).toBe("untouched");
});

it("a policy of another namespace concerns nobody here", async () => {
  await makeNamespaceWith("without-policies");
  await untilPoliciesAct("after-without-policies");
  expect(outcomeOf(await ask("without-policies", {}))).toBe("untouched");
  expect(outcomeOf(await ask("without-policies", asksOnly({})))).toBe("untouched");
});
