// `branchline controller` against a real API server and the simulated EC2: from policy to branch.
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../ground/run.ts";
import { ControlledCluster, POD_ENI } from "./support/controlled-cluster.ts";

let cluster: ControlledCluster;
let instance: string;
let web: string;

beforeAll(async () => {
  cluster = await ControlledCluster.start({ nodes: 2 });
  web = await cluster.groupId("web");
  await cluster.createPolicy("web", { app: "web" }, [web]);
  cluster.controller(["--cooldown", "30s"]);
  instance = await cluster.addNode("n1", 0);
  await cluster.declareFeature("n1");
});

afterAll(() => cluster[Symbol.asyncDispose]());

interface CniStatus {
  readonly trunkInterface?: { readonly id: string; readonly branches: readonly { readonly id: string }[] };
  readonly nodeNetworkState?: object;
}
const status = async (): Promise<CniStatus> => {
  const { body } = await cluster.admin.request("GET", "/apis/vpcresources.k8s.aws/v1alpha1/cninodes/n1");
  return (body as { status?: CniStatus }).status ?? {};
};
const capacity = async () => {
  const { body } = await cluster.admin.request("GET", "/api/v1/nodes/n1");
  return (body as { status: { capacity: Record<string, string> } }).status.capacity[POD_ENI];
};

it("makes a CNINode, a trunk and its capacity", async () => {
  await eventually("the capacity", async () => ((await capacity()) === "9" ? true : undefined));
  const { interfaces } = await cluster.dump();
  const [trunk] = interfaces.filter(({ type }) => type === "trunk");
  expect(trunk?.attachment).toMatchObject({ instance, status: "attached", deleteOnTermination: true });
  await eventually("the status", async () =>
    (await status()).trunkInterface?.id === trunk?.id ? true : undefined,
  );
  expect((await status()).nodeNetworkState).toMatchObject({ instanceID: instance });
});

it("gives a pod its branch", async () => {
  const uid = await cluster.createPod("one", { node: "n1" });
  const branch = await cluster.annotated("one");
  const { interfaces, associations } = await cluster.dump();
  const eni = interfaces.find(({ id }) => id === branch.eniId);
  expect(eni?.groups).toEqual([web]);
  expect(Object.fromEntries((eni?.tags ?? []).map(({ key, value }) => [key, value]))).toMatchObject({
    "branchline.dev/pod-uid": uid,
    "branchline.dev/pod": "shop/one",
    "kubernetes.io/cluster/blue": "owned",
    "node.k8s.amazonaws.com/instance_id": instance,
  });
  expect(associations.find(({ id }) => id === branch.associationID)).toMatchObject({
    branch: branch.eniId,
    vlan: branch.vlanId,
  });
  await eventually("the status names it", async () =>
    (await status()).trunkInterface?.branches.some(({ id }) => id === branch.eniId) === true
      ? true
      : undefined,
  );
});

it("writes no branch where a pod has another annotation, and none for a pod that asks for none", async () => {
  await cluster.createPod("with", { node: "n1", annotations: { note: "x" } });
  await cluster.createPod("plain", { node: "n1", wantsBranch: false });
  const branch = await cluster.annotated("with");
  expect(branch.eniId).toMatch(/^eni-/);
  expect((await cluster.pod("with"))?.metadata.annotations?.["note"]).toBe("x");
  expect((await cluster.pod("plain"))?.metadata.annotations).toBeUndefined();
});

it("releases a branch after its cooldown, which takes capacity", async () => {
  const branch = await cluster.annotated("one");
  await cluster.deletePod("one");
  await eventually("it cools", async () => ((await capacity()) === "8" ? true : undefined));
  expect((await cluster.dump()).interfaces.some(({ id }) => id === branch.eniId)).toBe(true);
  await eventually(
    "it is gone",
    async () => ((await cluster.dump()).interfaces.some(({ id }) => id === branch.eniId) ? undefined : true),
    60_000,
  );
  await eventually("the slot is back", async () => ((await capacity()) === "9" ? true : undefined));
});
