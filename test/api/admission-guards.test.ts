// Guards 1, 3 and 4: who, verb, subresource → answer, as tables.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ApiServer } from "../ground/api-server.ts";
import type { Answer, ApiClient, KubernetesObject } from "../ground/kubernetes/client.ts";
import { denialOf, startGuarded, untilActs } from "./support/guarded.ts";
import { type Clients, type Row, makeClients, tables, verdictOf } from "./support/who.ts";

const POD_ENI = "vpc.amazonaws.com/pod-eni";
const TRUNK = "branchline.dev/trunk";
const PODS = "/api/v1/namespaces/shop/pods";
const CNI_NODES = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";
const policiesIn = (namespace: string) =>
  `/apis/vpcresources.k8s.aws/v1beta1/namespaces/${namespace}/securitygrouppolicies`;
const MERGE = { "content-type": "application/merge-patch+json" };

const OURS_AND_AWS = ["controller", "aws", "aws-account", "aws-eks-account"];

/** Of an API server, on a machine that starts several. */
const START_MS = 180_000;

let server: ApiServer;
let clients: Clients;
let node: KubernetesObject;

const pod = (name: string, annotations: object, more: object = { nodeName: "node-1" }) => ({
  metadata: { name, annotations },
  spec: { containers: [{ name: "c", image: "c" }], ...more },
});

beforeAll(async () => {
  server = await startGuarded(
    "guard-annotations.yaml",
    "guard-cninodes.yaml",
    "guard-exempt-namespaces.yaml",
  );
  const { admin } = server;
  clients = await makeClients(server, ["node-1", "node-2"]);
  await admin.create("/api/v1/namespaces", { metadata: { name: "shop" } });
  // The last one that was made acts.
  const policy = {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name: "p" },
  };
  await untilActs(
    "guard 4",
    () => admin.request("POST", `${policiesIn("kube-system")}?dryRun=All`, policy),
    (answer) => denialOf(answer) !== undefined,
  );
  const controller = clientOf("controller");
  await controller.create(PODS, pod("bare", {}));
  await controller.create(PODS, pod("annotated", { [POD_ENI]: "old" }));
  await controller.create(PODS, pod("unbound", {}, {}));
  node = await controller.patch("/api/v1/nodes/node-1", "merge", {
    metadata: { annotations: { [TRUNK]: "old" } },
  });
  for (const name of ["node-1", "node-2"]) {
    await controller.create(CNI_NODES, cniNode(name));
  }
}, START_MS);

afterAll(() => server.stop());

function clientOf(who: string): ApiClient {
  const client = clients[who];
  if (client === undefined) throw new Error(`no client of ${who}`);
  return client;
}

const cniNode = (name: string) => ({
  apiVersion: "vpcresources.k8s.aws/v1alpha1",
  kind: "CNINode",
  metadata: { name },
});

const CHANGES = ["added", "changed", "removed", "unchanged", "absent"] as const;
type Change = (typeof CHANGES)[number];

/** From the value `old`, or from none. */
const VALUES = { added: "forged", changed: "forged", removed: null, unchanged: "old", absent: null } as const;
const isOfBare = (change: Change) => change === "added" || change === "absent";

/** The verdict, and `dropped` where the API server takes the rest of the request but not the annotation. */
function verdictOnUpdate(answer: Answer, policy: string, key: string, change: Change): string {
  const verdict = verdictOf(answer, policy);
  if (verdict !== "ok") return verdict;
  const { metadata } = answer.body as KubernetesObject;
  return (metadata.annotations?.[key] ?? null) === VALUES[change] ? "ok" : "dropped";
}

function podRow(subresource: string, change: Change): Row {
  const name = isOfBare(change) ? "bare" : "annotated";
  const url = `${PODS}/${name}${subresource}?dryRun=All`;
  return {
    words: ["update", `pods${subresource}`, change],
    async ask(client) {
      const annotations = { [POD_ENI]: VALUES[change], note: "x" };
      const answer = await client.request("PATCH", url, { metadata: { annotations } }, MERGE);
      return verdictOnUpdate(answer, "branchline-pod-annotation", POD_ENI, change);
    },
  };
}

function createRow(
  words: string,
  path: string,
  change: "added" | "absent",
  body: (annotations: Record<string, string>) => object,
): Row {
  const annotations = change === "added" ? { [POD_ENI]: "forged" } : { note: "x" };
  const url = `/api/v1/namespaces/shop/${path}?dryRun=All`;
  return {
    words: ["create", words, change],
    ask: async (client) =>
      verdictOf(await client.request("POST", url, body(annotations)), "branchline-pod-annotation"),
  };
}

const binding = (annotations: object) => ({
  apiVersion: "v1",
  kind: "Binding",
  metadata: { name: "unbound", annotations },
  target: { kind: "Node", name: "node-1" },
});

const eviction = (annotations: object) => ({
  apiVersion: "policy/v1",
  kind: "Eviction",
  metadata: { name: "bare", namespace: "shop", annotations },
});

function mirror(annotations: object): object {
  const { metadata, spec } = pod("mirror", { ...annotations, "kubernetes.io/config.mirror": "x" });
  const { name, uid } = node.metadata;
  const ownerReferences = [{ apiVersion: "v1", kind: "Node", name, uid, controller: true }];
  return { metadata: { ...metadata, ownerReferences }, spec };
}

it("guard 1: the annotation of a pod", async () => {
  const rows = [
    ...(["added", "absent"] as const).flatMap((change) => [
      createRow("pods", "pods", change, (annotations) => pod("new", annotations)),
      createRow("pods (mirror)", "pods", change, mirror),
      createRow("pods/binding", "pods/unbound/binding", change, binding),
      createRow("bindings", "bindings", change, binding),
      createRow("pods/eviction", "pods/bare/eviction", change, eviction),
    ]),
    ...["", "/status", "/ephemeralcontainers", "/resize"].flatMap((subresource) =>
      CHANGES.map((change) => podRow(subresource, change)),
    ),
  ];
  const who = ["admin", "user", "kubelet-1", "agent-1", ...OURS_AND_AWS];
  const { answered, written } = await tables(
    "pod-annotation",
    ["verb", "resource", "annotation"],
    rows,
    clients,
    who,
  );
  expect(answered).toBe(written);
});

it("a binding's annotations become the pod's, which is why they are guarded", async () => {
  await clientOf("controller").create("/api/v1/namespaces/shop/bindings", binding({ [POD_ENI]: "bound" }));
  const { metadata } = await server.admin.get(`${PODS}/unbound`);
  expect(metadata.annotations?.[POD_ENI]).toBe("bound");
});

it("guard 1: what is said", async () => {
  const url = `${PODS}/annotated/status?dryRun=All`;
  const patch = { metadata: { annotations: { [POD_ENI]: "forged" } } };
  const answer = await clientOf("kubelet-1").request("PATCH", url, patch, MERGE);
  expect(denialOf(answer)?.message).toBe(
    "only the controller writes the annotation vpc.amazonaws.com/pod-eni: leave it as it is; you are system:node:node-1",
  );
});

it("guard 1: the annotation of a node", async () => {
  const policy = "branchline-node-annotation";
  const update = (subresource: string, change: Change): Row => ({
    words: ["update", `nodes${subresource}`, change],
    async ask(client, who) {
      // A kubelet has its own node only.
      const name = who.startsWith("kubelet")
        ? `node-${isOfBare(change) ? 2 : 1}`
        : isOfBare(change)
          ? "node-2"
          : "node-1";
      const asked = who === "kubelet-1" && isOfBare(change) ? clientOf("kubelet-2") : client;
      const annotations = { [TRUNK]: VALUES[change], note: "x" };
      const url = `/api/v1/nodes/${name}${subresource}?dryRun=All`;
      const answer = await asked.request("PATCH", url, { metadata: { annotations } }, MERGE);
      return verdictOnUpdate(answer, policy, TRUNK, change);
    },
  });
  const create = (change: "added" | "absent"): Row => ({
    words: ["create", "nodes", change],
    ask: async (client) =>
      verdictOf(
        await client.request("POST", "/api/v1/nodes?dryRun=All", {
          metadata: { name: "node-3", annotations: change === "added" ? { [TRUNK]: "forged" } : {} },
        }),
        policy,
      ),
  });
  const rows = [
    create("added"),
    create("absent"),
    ...["", "/status"].flatMap((subresource) => CHANGES.map((change) => update(subresource, change))),
  ];
  const who = ["admin", "user", "kubelet-1", "agent-1", ...OURS_AND_AWS];
  const { answered, written } = await tables(
    "node-annotation",
    ["verb", "resource", "annotation"],
    rows,
    clients,
    who,
  );
  expect(answered).toBe(written);
});

it("guard 3: a CNINode", async () => {
  const patch = { metadata: { annotations: { note: "x" } } };
  const ways: readonly (readonly [verb: string, method: string, path: string, body?: object])[] = [
    ["create", "POST", "", cniNode("node-3")],
    ["update", "PATCH", "/node-1", patch],
    ["update", "PATCH", "/node-1/status", { status: { trunkInterface: { id: "eni-1" } } }],
    ["delete", "DELETE", "/node-1"],
    ["delete all", "DELETE", ""],
    ["update", "PATCH", "/node-2", patch],
  ];
  const rows = ways.map(([verb, method, path, body]): Row => ({
    words: [verb, `cninodes${path}`],
    ask: async (client) =>
      verdictOf(
        await client.request(method, `${CNI_NODES}${path}?dryRun=All`, body, method === "PATCH" ? MERGE : {}),
        "branchline-cninodes",
      ),
  }));
  const who = ["admin", "user", "kubelet-1", "agent-1", "agent-2", "agent", ...OURS_AND_AWS];
  const { answered, written } = await tables("cninodes", ["verb", "object"], rows, clients, who);
  expect(answered).toBe(written);
});

it("guard 3: what is said", async () => {
  const url = `${CNI_NODES}/node-1?dryRun=All`;
  const patch = { spec: { tags: { a: "b" } } };
  const of = async (who: string) =>
    denialOf(await clientOf(who).request("PATCH", url, patch, MERGE))?.message;
  expect(await of("agent-2")).toBe(
    "an agent writes the CNINode of its own node only, not node-1: its token is of node node-2",
  );
  expect(await of("agent")).toBe(
    "an agent writes the CNINode of its own node only, not node-1: its token is of no node; use that of its pod",
  );
});

it("guard 4: a SecurityGroupPolicy in an exempt namespace", async () => {
  const { admin } = server;
  const policy = (name: string) => ({
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name },
    spec: { podSelector: {}, securityGroups: { groupIds: ["sg-1"] } },
  });
  const post = (namespace: string) => admin.request("POST", policiesIn(namespace), policy("new"));
  expect((await post("shop")).status).toBe(201);
  expect(denialOf(await post("kube-system"))).toEqual({
    policy: "branchline-exempt-namespaces",
    message:
      "no SecurityGroupPolicy in namespace kube-system: it is exempt from branches; move these pods to another namespace",
  });
});

it("guard 4: one that is older is changed in its metadata and status only, and can be deleted", async () => {
  const { admin } = server;
  // Older than the guard: as if its namespace had not been exempt.
  const binding4 =
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/branchline-exempt-namespaces";
  const url = policiesIn("kube-system");
  const { apiVersion, kind, metadata, spec } = await admin.get(binding4);
  await admin.delete(binding4);
  const old = {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name: "old", finalizers: ["branchline.dev/test"] },
    spec: { podSelector: {}, securityGroups: { groupIds: ["sg-1"] } },
  };
  await untilActs(
    "the binding is gone",
    () => admin.request("POST", url, old),
    ({ status }) => status === 201,
  );
  await admin.create(binding4.replace(/\/[^/]*$/, ""), {
    apiVersion,
    kind,
    metadata: { name: metadata.name },
    spec,
  });
  const patch = (subresource: string, body: object) =>
    admin.request("PATCH", `${url}/old${subresource}`, body, MERGE);
  await untilActs(
    "the binding is back",
    () => patch("?dryRun=All", { spec: { securityGroups: { groupIds: ["sg-2"] } } }),
    (answer) => denialOf(answer) !== undefined,
  );
  expect((await patch("/status", { status: { matched: 1 } })).status).toBe(200);
  expect((await admin.request("DELETE", `${url}/old`)).status).toBe(200);
  expect((await patch("", { metadata: { finalizers: null } })).status).toBe(200);
  expect((await admin.request("GET", `${url}/old`)).status).toBe(404);
});
