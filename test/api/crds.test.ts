// The CRDs that we ship, as a real API server takes them.
import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../ground/kubernetes/client.ts";
import { conditionsOf, crds } from "../ground/kubernetes/crds.ts";
import { eventually } from "../ground/run.ts";
import { makeNamespace, shared } from "./support/shared.ts";

const GROUP = "/apis/vpcresources.k8s.aws";
const NODES = `${GROUP}/v1alpha1/cninodes`;
const policiesOf = (namespace: string) => `${GROUP}/v1beta1/namespaces/${namespace}/securitygrouppolicies`;
const NOW = "2026-11-28T12:00:00Z";

let count = 0;

/** A CNINode that no other test has. */
function cniNode(fields: object): { apiVersion: string; kind: string; metadata: { name: string } } {
  const name = `node-${process.pid}-${(count += 1)}`;
  return { apiVersion: "vpcresources.k8s.aws/v1alpha1", kind: "CNINode", metadata: { name }, ...fields };
}

function policy(spec: object, name = "policy"): object {
  return {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name },
    spec,
  };
}

const groups = { groupIds: ["sg-0123456789abcdef0"] };

it("ships two", () => {
  expect(crds().map(({ metadata }) => metadata.name)).toEqual([
    "cninodes.vpcresources.k8s.aws",
    "securitygrouppolicies.vpcresources.k8s.aws",
  ]);
});

describe.each(crds().map((crd) => [crd.metadata.name, crd] as const))("%s", (name, shipped) => {
  const url = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;

  it("is established, with a structural schema and its names", async () => {
    const conditions = conditionsOf(await shared.admin.get(url));
    expect(Object.fromEntries(conditions)).toEqual({ NamesAccepted: "True", Established: "True" });
  });

  it("has no field that the API server drops", async () => {
    const { spec } = await shared.admin.get(url);
    expect(spec).toMatchObject(shipped.spec ?? {});
  });

  it("describes every field, for kubectl explain", async () => {
    const { name: version, schema } = versionOf(shipped);
    expect(undescribed(schema.openAPIV3Schema)).toEqual([".metadata"]);
    // A moment after it is served; until then there is no such page, or it has the other kind alone.
    const fields = await eventually("the schema is published", async () => {
      const { status, body } = await shared.admin.request("GET", `/openapi/v3${GROUP}/${version}`);
      if (status !== 200) return undefined;
      const { components } = body as { components: { schemas: Record<string, Schema> } };
      const [, published] =
        Object.entries(components.schemas).find(([key]) => key.endsWith(`.${kindOf(shipped)}`)) ?? [];
      return published?.properties && Object.keys(published.properties);
    });
    expect(fields.toSorted()).toEqual(["apiVersion", "kind", "metadata", "spec", "status"]);
  });
});

function versionOf({ spec }: KubernetesObject): { name: string; schema: { openAPIV3Schema: Schema } } {
  const { versions } = spec as { versions: [ReturnType<typeof versionOf>] };
  return versions[0];
}

function kindOf({ spec }: KubernetesObject): string {
  return (spec as { names: { kind: string } }).names.kind;
}

/** The parts of a schema that are looked at. */
interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

/** Paths of fields without a description; what they are made of counts with them if it has fields. */
function undescribed({ properties = {}, items }: Schema): string[] {
  const below = Object.entries(properties).flatMap(([name, schema]) => [
    ...(schema.description === undefined ? [`.${name}`] : []),
    ...undescribed(schema).map((path) => `.${name}${path}`),
  ]);
  return items === undefined ? below : [...below, ...undescribed(items).map((path) => `[]${path}`)];
}

it("has AWS's names, short names and columns", async () => {
  const { resources } = await shared.admin.get<{ resources: object[] }>(`${GROUP}/v1beta1`);
  expect(resources).toMatchObject([
    {
      name: "securitygrouppolicies",
      singularName: "securitygrouppolicy",
      kind: "SecurityGroupPolicy",
      namespaced: true,
      shortNames: ["sgp"],
    },
    { name: "securitygrouppolicies/status" },
  ]);
  const alpha = await shared.admin.get<{ resources: object[] }>(`${GROUP}/v1alpha1`);
  expect(alpha.resources).toMatchObject([
    { name: "cninodes", singularName: "cninode", kind: "CNINode", namespaced: false, shortNames: ["cnd"] },
    { name: "cninodes/status" },
  ]);
});

describe("a SecurityGroupPolicy", () => {
  it.each<[string, object]>([
    [
      "as EKS's documentation shows it",
      {
        podSelector: { matchLabels: { role: "my-role" } },
        securityGroups: { groupIds: ["my_pod_security_group_id"] },
      },
    ],
    [
      "for service accounts",
      { serviceAccountSelector: { matchLabels: { role: "db" } }, securityGroups: groups },
    ],
    ["for all pods", { podSelector: {}, securityGroups: groups }],
    ["without a selector", { securityGroups: groups }],
    ["without groups", { podSelector: {} }],
    [
      "with sixteen groups",
      { podSelector: {}, securityGroups: { groupIds: Array.from({ length: 16 }, (_, i) => `sg-${i}`) } },
    ],
    [
      "with all operators",
      {
        podSelector: {
          matchLabels: { a: "b" },
          matchExpressions: [
            { key: "a", operator: "In", values: ["b", "c"] },
            { key: "d", operator: "NotIn", values: [""] },
            { key: "e", operator: "Exists" },
            { key: "f", operator: "DoesNotExist", values: [] },
          ],
        },
        securityGroups: groups,
      },
    ],
  ])("is taken %s, with nothing left out", async (_, spec) => {
    const namespace = await makeNamespace();
    const url = `${policiesOf(namespace)}?fieldValidation=Strict`;
    expect(await shared.admin.create(url, policy(spec))).toMatchObject({ spec, metadata: { generation: 1 } });
  });

  const withExpression = (expression: object) => ({
    podSelector: { matchExpressions: [expression] },
    securityGroups: groups,
  });
  it.each<[string, object, string]>([
    [
      "an empty list of groups",
      { podSelector: {}, securityGroups: { groupIds: [] } },
      "spec.securityGroups.groupIds in body should have at least 1 items",
    ],
    [
      "a group that is no text",
      { podSelector: {}, securityGroups: { groupIds: [7] } },
      'spec.securityGroups.groupIds[0] in body must be of type string: "integer"',
    ],
    [
      "groups that are no list",
      { podSelector: {}, securityGroups: { groupIds: "sg-1" } },
      'spec.securityGroups.groupIds in body must be of type array: "string"',
    ],
    [
      "an operator that nobody knows",
      withExpression({ key: "a", operator: "in", values: ["b"] }),
      'spec.podSelector.matchExpressions[0].operator: Unsupported value: "in": supported values: "In", "NotIn", "Exists", "DoesNotExist"',
    ],
    [
      "In without values",
      withExpression({ key: "a", operator: "In" }),
      "In and NotIn need values, Exists and DoesNotExist have none",
    ],
    [
      "Exists with values",
      withExpression({ key: "a", operator: "Exists", values: ["b"] }),
      "In and NotIn need values, Exists and DoesNotExist have none",
    ],
    [
      "a requirement without a label",
      withExpression({ operator: "Exists" }),
      "spec.podSelector.matchExpressions[0].key: Required value",
    ],
    [
      "the same in serviceAccountSelector",
      {
        serviceAccountSelector: { matchExpressions: [{ key: "a", operator: "Equals" }] },
        securityGroups: groups,
      },
      'spec.serviceAccountSelector.matchExpressions[0].operator: Unsupported value: "Equals"',
    ],
    [
      "a field that it does not have",
      { podSelectors: {}, securityGroups: groups },
      'strict decoding error: unknown field "spec.podSelectors"',
    ],
  ])("is refused with %s", async (_, spec, message) => {
    const url = `${policiesOf("default")}?dryRun=All&fieldValidation=Strict`;
    const answer = await shared.admin.request("POST", url, policy(spec));
    expect(answer.body).toMatchObject({ message: expect.stringContaining(message) });
    expect(answer.status).toBeGreaterThanOrEqual(400);
  });

  it("has a status of its own: neither writes the other, and only spec counts generations", async () => {
    const url = policiesOf(await makeNamespace());
    const status = {
      observedGeneration: 1,
      matched: 4,
      applied: 1,
      pending: 1,
      uncovered: 2,
      conditions: [
        { type: "GroupsFound", status: "True", reason: "AllFound", message: "", lastTransitionTime: NOW },
        {
          type: "Applied",
          status: "False",
          reason: "Uncovered",
          message: "2 pods run without a branch: start them again",
          lastTransitionTime: NOW,
          observedGeneration: 1,
        },
      ],
    };
    const made = await shared.admin.create(url, {
      ...policy({ podSelector: {}, securityGroups: groups }),
      status,
    });
    expect(made.status).toBeUndefined();
    const changed = await shared.admin.replace(`${url}/policy/status`, { ...made, spec: {}, status });
    expect(changed).toMatchObject({ status, spec: { securityGroups: groups }, metadata: { generation: 1 } });
    const edited = await shared.admin.patch(`${url}/policy`, "merge", {
      spec: { securityGroups: { groupIds: ["sg-1"] } },
      status: { matched: 9 },
    });
    expect(edited).toMatchObject({ status, metadata: { generation: 2 } });
  });

  it.each<[string, object, string]>([
    [
      "a negative count",
      { matched: -1 },
      "status.matched: Invalid value: -1: matched in body should be greater than or equal to 0",
    ],
    [
      "a condition without a reason",
      { conditions: [{ type: "Applied", status: "True", message: "", lastTransitionTime: NOW }] },
      "status.conditions[0].reason: Required value",
    ],
    [
      "a condition that is Maybe",
      {
        conditions: [{ type: "Applied", status: "Maybe", reason: "A", message: "", lastTransitionTime: NOW }],
      },
      'Unsupported value: "Maybe"',
    ],
    [
      "a condition twice",
      {
        conditions: [1, 2].map(() => ({
          type: "Applied",
          status: "True",
          reason: "A",
          message: "",
          lastTransitionTime: NOW,
        })),
      },
      "status.conditions[1]: Duplicate value",
    ],
  ])("is refused a status with %s", async (_, status, message) => {
    const url = policiesOf(await makeNamespace());
    await shared.admin.create(url, policy({ securityGroups: groups }));
    await expect(shared.admin.patch(`${url}/policy/status`, "merge", { status })).rejects.toThrow(message);
  });

  it("shows its groups and counts in a table", async () => {
    const url = policiesOf(await makeNamespace());
    await shared.admin.create(url, policy({ podSelector: {}, securityGroups: groups }));
    await shared.admin.patch(`${url}/policy/status`, "merge", {
      status: { matched: 3, applied: 2, uncovered: 1 },
    });
    expect(await tableOf(url)).toEqual([
      {
        Name: "policy",
        "Security-Group-Ids": '["sg-0123456789abcdef0"]',
        Matched: 3,
        Applied: 2,
        Uncovered: 1,
        Age: expect.any(String),
      },
    ]);
  });
});

describe("a CNINode", () => {
  const spec = {
    features: [{ name: "SecurityGroupsForPods" }, { name: "CustomNetworking", value: "eu-central-1a" }],
    tags: { team: "network" },
  };
  const branch = {
    id: "eni-0123456789abcdef1",
    vlanID: 7,
    associationID: "trunk-assoc-0123456789abcdef0",
    macAddress: "02:00:00:00:00:07",
    securityGroups: ["sg-0123456789abcdef0"],
    ipv4CIDRs: ["10.0.1.7/32"],
    ipv6CIDRs: ["2001:db8::7/128"],
    subnetCIDR: "10.0.1.0/24",
    subnetV6CIDR: "2001:db8::/64",
  };
  const trunkInterface = {
    id: "eni-0123456789abcdef0",
    macAddress: "02:00:00:00:00:01",
    deviceIndex: 2,
    subnetID: "subnet-0123456789abcdef0",
    branches: [branch],
  };
  const nodeNetworkState = {
    instanceID: "i-0123456789abcdef0",
    subnetID: "subnet-0123456789abcdef0",
    subnetCIDRBlock: "10.0.1.0/24",
    subnetV6CIDRBlock: "2001:db8::/64",
    primaryNetworkInterfaceSecurityGroups: ["sg-0123456789abcdef0"],
    connectionTracking: { tcpEstablishedTimeout: 350, udpStreamTimeout: 180, udpTimeout: 30 },
  };
  const conditions = [
    {
      type: "TrunkNoSlot",
      status: "True",
      reason: "NoDeviceIndex",
      message: "detach an ENI",
      lastTransitionTime: NOW,
    },
  ];
  const status = { trunkInterface, nodeNetworkState, conditions };

  it("is taken with all its fields; the status is written by itself", async () => {
    const { metadata } = await shared.admin.create(`${NODES}?fieldValidation=Strict`, cniNode({ spec }));
    const url = `${NODES}/${metadata.name}`;
    const made = await shared.admin.get(url);
    expect(made).toMatchObject({ spec, metadata: { generation: 1 } });
    const object = { ...made, spec: {}, status };
    const written = await shared.admin.replace(`${url}/status?fieldValidation=Strict`, object);
    expect(written).toMatchObject({ spec, status, metadata: { generation: 1 } });
    expect(await shared.admin.patch(url, "merge", { status: null })).toMatchObject({ status });
    const rows = await tableOf(NODES);
    expect(rows.find(({ Name }) => Name === metadata.name)).toMatchObject({ Trunk: trunkInterface.id });
  });

  it("lets its agent add the feature by a JSON patch", async () => {
    const { metadata } = await shared.admin.create(NODES, cniNode({}));
    const patch = [
      { op: "test", path: "/metadata/resourceVersion", value: metadata.resourceVersion },
      { op: "add", path: "/spec", value: { features: [{ name: "SecurityGroupsForPods" }] } },
    ];
    const url = `${NODES}/${metadata.name}`;
    expect(await shared.admin.patch(url, "json", patch)).toMatchObject({ spec: patch[1]?.value });
    // The version has gone on.
    await expect(shared.admin.patch(url, "json", patch)).rejects.toMatchObject({ status: 422 });
  });

  const managers = ["vpc-resource-controller", "eks-auto-mode", "branchline"];
  it.each(managers)("may be given to %s later, and then is its for good", async (managedBy) => {
    const { metadata } = await shared.admin.create(NODES, cniNode({ spec }));
    const url = `${NODES}/${metadata.name}`;
    const give = (to: string) => shared.admin.patch(url, "merge", { spec: { managedBy: to } });
    await give(managedBy);
    expect(await give(managedBy)).toMatchObject({ spec: { managedBy } });
    for (const other of managers.filter((each) => each !== managedBy))
      await expect(give(other)).rejects.toThrow(
        `spec.managedBy: Invalid value: "${other}": managedBy stays as it is once it is set`,
      );
    await expect(shared.admin.patch(url, "merge", { spec: { managedBy: null } })).rejects.toThrow(
      "managedBy stays once it is set",
    );
    const mine = await shared.admin.list(`${NODES}?fieldSelector=spec.managedBy%3D${managedBy}`);
    expect(mine.map((node) => node.metadata.name)).toContain(metadata.name);
    expect(mine.every((node) => node.spec?.["managedBy"] === managedBy)).toBe(true);
  });

  it("refuses another controller's name", async () => {
    await expect(shared.admin.create(NODES, cniNode({ spec: { managedBy: "me" } }))).rejects.toThrow(
      'spec.managedBy: Unsupported value: "me"',
    );
  });

  it.each<[string, object, string]>([
    [
      "a trunk without an id",
      { trunkInterface: { deviceIndex: 2 } },
      "status.trunkInterface.id: Required value",
    ],
    [
      "a trunk with an empty id",
      { trunkInterface: { id: "" } },
      'status.trunkInterface.id: Invalid value: "": trunkInterface.id in body should be at least 1 chars long',
    ],
    [
      "a subnet that is none",
      { trunkInterface: { id: "eni-1", subnetID: "eni-1" } },
      'status.trunkInterface.subnetID: Invalid value: "eni-1": trunkInterface.subnetID in body should match',
    ],
    [
      "a branch without a VLAN id",
      { trunkInterface: { id: "eni-1", branches: [{ id: "eni-2" }] } },
      "status.trunkInterface.branches[0].vlanID: Required value",
    ],
    [
      "a branch twice",
      { trunkInterface: { id: "eni-1", branches: [branch, branch] } },
      "status.trunkInterface.branches[1]: Duplicate value",
    ],
    [
      "an instance that is none",
      { nodeNetworkState: { ...nodeNetworkState, instanceID: "node" } },
      'status.nodeNetworkState.instanceID: Invalid value: "node": nodeNetworkState.instanceID in body should match',
    ],
    [
      "no groups of the primary ENI",
      { nodeNetworkState: { ...nodeNetworkState, primaryNetworkInterfaceSecurityGroups: [] } },
      "should have at least 1 items",
    ],
    [
      "a network state without its subnet",
      { nodeNetworkState: { ...nodeNetworkState, subnetID: undefined } },
      "status.nodeNetworkState.subnetID: Required value",
    ],
  ])("is refused a status with %s", async (_, wrong, message) => {
    const { metadata } = await shared.admin.create(NODES, cniNode({ spec }));
    const change = shared.admin.patch(`${NODES}/${metadata.name}/status`, "merge", { status: wrong });
    await expect(change).rejects.toThrow(message);
  });

  it("lets two writers apply a branch each, and take away their own", async () => {
    const node = cniNode({ spec });
    await shared.admin.create(NODES, node);
    const apply = (writer: string, branches: object[]) => {
      const url = `${NODES}/${node.metadata.name}/status?fieldManager=${writer}`;
      return shared.admin.patch<
        KubernetesObject & { status: { trunkInterface: { branches: { id: string }[] } } }
      >(url, "apply", { ...node, spec: undefined, status: { trunkInterface: { id: "eni-1", branches } } });
    };
    await apply("first", [{ id: "eni-2", vlanID: 1 }]);
    const both = await apply("second", [{ id: "eni-3", vlanID: 2 }]);
    expect(both.status.trunkInterface.branches.map(({ id }) => id)).toEqual(["eni-2", "eni-3"]);
    const one = await apply("first", []);
    expect(one.status.trunkInterface.branches.map(({ id }) => id)).toEqual(["eni-3"]);
  });
});

/** The rows of a collection as kubectl get prints them, by column, without those of -o wide. */
async function tableOf(url: string): Promise<Record<string, unknown>[]> {
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const { columnDefinitions, rows } = await shared.admin.get<{
    columnDefinitions: { name: string; priority: number }[];
    rows: { cells: unknown[] }[];
  }>(url, accept);
  return rows.map(({ cells }) =>
    Object.fromEntries(
      columnDefinitions.flatMap(({ name, priority }, index) =>
        priority === 0 ? [[name, cells[index]]] : [],
      ),
    ),
  );
}
