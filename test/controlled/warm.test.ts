// Warm branches of the running controller: made ahead, claimed without a call to EC2, recycled, found by the next process.
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, sleep } from "../ground/run.ts";
import { ControlledCluster, POD_ENI } from "../api/support/controlled-cluster.ts";
import type { RunningPart } from "../api/support/running-part.ts";

const FLAGS = ["--cooldown", "30s", "--warm-target", "2"];
/** Half a minute until it is filled up, or has cooled, and what a busy machine takes. */
const FILLED_MS = 120_000;

const calls: string[] = [];
let cluster: ControlledCluster;
let controller: RunningPart;
let [web, db] = ["", ""];

beforeAll(async () => {
  cluster = await ControlledCluster.start({
    nodes: 1,
    hear(line) {
      const { msg, action } = JSON.parse(line) as { readonly msg: string; readonly action: string };
      if (msg === "call" && !action.startsWith("Describe")) calls.push(action);
    },
  });
  [web, db] = [await cluster.groupId("web"), await cluster.groupId("db")];
  await cluster.makeNamespace("bank");
  for (const namespace of ["shop", "bank"])
    await cluster.createPolicy("web", { app: "web" }, [web], namespace);
  controller = cluster.controller(FLAGS);
  await cluster.addNode("n1", 0);
  await cluster.declareFeature("n1");
});

afterAll(() => cluster[Symbol.asyncDispose]());

interface Shown {
  readonly id: string;
  readonly warmFor?: string;
  readonly securityGroups?: readonly string[];
}

/** As the CNINode shows them. */
async function warm(): Promise<readonly Shown[]> {
  const { body } = await cluster.admin.request("GET", "/apis/vpcresources.k8s.aws/v1alpha1/cninodes/n1");
  const { status } = body as { status?: { trunkInterface?: { branches?: readonly Shown[] } } };
  return (status?.trunkInterface?.branches ?? []).filter(({ warmFor }) => warmFor !== undefined);
}

const filled = (ids?: readonly string[]) =>
  eventually(
    "two warm branches",
    async () => {
      const all = await warm();
      const isAll = ids === undefined || ids.every((id) => all.some((one) => one.id === id));
      return all.length === 2 && isAll ? all : undefined;
    },
    FILLED_MS,
  );

/** This process has kept so many that have cooled. The CNINode is written a moment later. */
async function kept(count: number): Promise<void> {
  const isAll = () => controller.lines.filter(({ message }) => message === "KeepWarm").length >= count;
  await eventually("they are warm again", () => (isAll() ? true : undefined), 2 * FILLED_MS);
  await sleep(2_000);
}

async function capacity(): Promise<string | undefined> {
  const { body } = await cluster.admin.request("GET", "/api/v1/nodes/n1");
  return (body as { status: { capacity: Record<string, string> } }).status.capacity[POD_ENI];
}

it("two are made once the node has had a pod, and their slots are free", { timeout: FILLED_MS }, async () => {
  await eventually("the capacity", async () => ((await capacity()) === "9" ? true : undefined));
  expect(await warm()).toEqual([]);
  await cluster.createPod("first", { node: "n1" });
  await cluster.annotated("first");
  const all = await filled();
  expect(all.map(({ warmFor, securityGroups }) => [warmFor, securityGroups])).toEqual([
    ["shop", [web]],
    ["shop", [web]],
  ]);
  expect(await capacity()).toBe("9");
  const { interfaces, associations } = await cluster.dump();
  for (const { id } of all) {
    expect(associations.filter(({ branch }) => branch === id)).toHaveLength(1);
    const tags = interfaces.find((eni) => eni.id === id)?.tags;
    expect(tags).toContainEqual(expect.objectContaining({ key: "branchline.dev/warm-for", value: "shop" }));
  }
});

it("pods of the namespace and groups get them without a call to EC2; others do not", async () => {
  const ids = (await filled()).map(({ id }) => id);
  calls.length = 0;
  for (const name of ["second", "third"]) {
    await cluster.createPod(name, { node: "n1" });
    expect(ids).toContain((await cluster.annotated(name)).eniId);
  }
  expect(calls).toEqual([]);
  expect(controller.lines.filter(({ message }) => message === "ClaimWarm")).toHaveLength(2);
});

it(
  "what a pod leaves is warm after its cooldown, for its namespace alone",
  { timeout: 2 * FILLED_MS },
  async () => {
    const left = [(await cluster.annotated("second")).eniId, (await cluster.annotated("third")).eniId];
    for (const name of ["second", "third"]) await cluster.deletePod(name);
    await kept(2);
    calls.length = 0;
    await cluster.createPod("other", { node: "n1", namespace: "bank" });
    expect(left).not.toContain((await cluster.annotated("other", "bank")).eniId);
    expect(calls).toContain("CreateNetworkInterface");
    calls.length = 0;
    await cluster.createPod("fourth", { node: "n1" });
    expect(left).toContain((await cluster.annotated("fourth")).eniId);
    expect(calls).toEqual([]);
  },
);

it("the next process finds what is warm", { timeout: 3 * FILLED_MS }, async () => {
  // The CNINode shows a moment later that one was claimed.
  await sleep(2_000);
  const before = await filled();
  await controller.end("SIGKILL");
  controller = cluster.controller(FLAGS);
  await kept(2);
  await filled(before.map(({ id }) => id));
  const ids = before.filter(({ warmFor }) => warmFor === "shop").map(({ id }) => id);
  expect(ids).not.toEqual([]);
  calls.length = 0;
  await cluster.createPod("fifth", { node: "n1" });
  expect(ids).toContain((await cluster.annotated("fifth")).eniId);
  expect(calls).toEqual([]);
});

it("what no policy gives any more is released", { timeout: 2 * FILLED_MS }, async () => {
  await filled();
  for (const namespace of ["shop", "bank"]) {
    const url = `/apis/vpcresources.k8s.aws/v1beta1/namespaces/${namespace}/securitygrouppolicies/web`;
    await cluster.admin.patch(url, "merge", { spec: { securityGroups: { groupIds: [db] } } });
  }
  const old = async () => (await warm()).filter(({ securityGroups }) => securityGroups?.includes(web));
  await eventually("none of the old groups", async () => ((await old()).length === 0 ? true : undefined));
  expect(await old()).toEqual([]);
});

it(
  "a pod that the account's quota keeps waiting gets the room of what is warm",
  { timeout: 3 * FILLED_MS },
  async () => {
    await cluster.makeNamespace("mall");
    await cluster.createPolicy("web", { app: "web" }, [web], "mall");
    await filled();
    const setQuota = async (interfaces: number) => {
      const body = JSON.stringify({ quotas: { interfaces } });
      expect((await fetch(`${cluster.control}/settings`, { method: "POST", body })).status).toBe(200);
    };
    await setQuota((await cluster.dump()).interfaces.length);
    calls.length = 0;
    await cluster.createPod("late", { node: "n1", namespace: "mall" });
    await cluster.annotated("late", "mall", FILLED_MS);
    expect(await warm()).toEqual([]);
    expect(calls.filter((action) => action === "DeleteNetworkInterface")).toHaveLength(2);
    expect(controller.lines.map(({ message }) => message)).toContain(
      "the account's quota of network interfaces is used up: 2 warm branches are released, and none made for a while",
    );
  },
);
