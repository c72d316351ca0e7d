// What people read about a policy: `kubectl get sgp` and `kubectl describe sgp` in ten situations, with the running controller.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kubectl } from "../ground/kubernetes/tools.ts";
import { eventually } from "../ground/run.ts";
import { ControlledCluster } from "./support/controlled-cluster.ts";

const POLICIES = "/apis/vpcresources.k8s.aws/v1beta1/namespaces/shop/securitygrouppolicies";
const PODS = "/api/v1/namespaces/shop/pods";
/** Far more than it takes on a busy machine. */
const SOON_MS = 60_000;
const NOBODY = "sg-0123456789abcdef0";

let cluster: ControlledCluster;
let web: string;
let db: string;
let vpc: string;
let foreign: string;
let otherVpc: string;
let many: readonly string[];
let doomed: string;

const xmlOf = (text: string, name: string) => new RegExp(`<${name}>(.*?)<`).exec(text)?.[1] ?? "";

async function makeGroup(name: string, inVpc: string): Promise<string> {
  const params = { GroupName: name, GroupDescription: name, VpcId: inVpc };
  return xmlOf(await cluster.callEc2("CreateSecurityGroup", params), "groupId");
}

const setGroups = (name: string, groupIds: readonly string[]) =>
  cluster.admin.patch(`${POLICIES}/${name}`, "merge", { spec: { securityGroups: { groupIds } } });

const run = (name: string) =>
  cluster.admin.patch(`${PODS}/${name}/status`, "merge", { status: { phase: "Running" } });

interface Status {
  readonly observedGeneration?: number;
  readonly conditions?: readonly {
    readonly type: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

/** Waits until each condition has the reason. */
async function reasons(name: string, found: string, applied: string, time = SOON_MS): Promise<void> {
  const wanted = `${found} ${applied}`;
  let last = "";
  try {
    await eventually(
      `${name}: ${wanted}`,
      async () => {
        const { body } = await cluster.admin.request("GET", `${POLICIES}/${name}`);
        const { metadata, status = {} } = body as { metadata: { generation: number }; status?: Status };
        last = JSON.stringify(status);
        if (status.observedGeneration !== metadata.generation) return undefined;
        return status.conditions?.map(({ reason }) => reason).join(" ") === wanted ? true : undefined;
      },
      time,
    );
  } catch (error) {
    throw new Error(`${name} has ${last}`, { cause: error });
  }
}

async function said(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await kubectl([...args, "-n", "shop"], {
    kubeconfig: cluster.server.adminKubeconfig,
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** The row of `kubectl get sgp`, without the age. */
async function row(name: string): Promise<string> {
  const [, line = ""] = (await said(["get", "sgp", name])).split("\n");
  return line.trim().split(/\s+/).slice(1, -1).join(" ");
}

/** Each message of a condition in `kubectl describe sgp`, and each event. */
async function told(name: string): Promise<{ messages: string[]; events: string[] }> {
  const text = await said(["describe", "sgp", name]);
  const [object = "", events = ""] = text.split(/^Events:/m);
  const messages = [...object.matchAll(/^ +Message: +(.*)$/gm)].map(([, message = ""]) => message);
  const lines = [
    ...events.matchAll(/^ +(?:Warning|Normal) +(\w+) +\S+(?: \(.*?\))? +branchline-controller +(.*)$/gm),
  ];
  return { messages, events: lines.map(([, reason, message]) => `${reason}: ${message}`) };
}

async function untilTold(name: string, event: string): Promise<void> {
  await eventually(`${name}: ${event}`, async () =>
    (await told(name)).events.some((one) => one.startsWith(event)) ? true : undefined,
  );
}

beforeAll(async () => {
  cluster = await ControlledCluster.start({ nodes: 2, settings: { quotas: { groupsPerInterface: 5 } } });
  [web, db] = [await cluster.groupId("web"), await cluster.groupId("db")];
  vpc = xmlOf(await cluster.callEc2("DescribeSubnets", {}), "vpcId");
  otherVpc = xmlOf(await cluster.callEc2("CreateVpc", { CidrBlock: "10.9.0.0/16" }), "vpcId");
  foreign = await makeGroup("foreign", otherVpc);
  doomed = await makeGroup("doomed", vpc);
  const made: string[] = [];
  for (let i = 0; i < 4; i += 1) made.push(await makeGroup(`more-${i}`, vpc));
  many = [web, db, ...made];
  // A leader on a busy machine has to be able to keep its Lease.
  cluster.controller(["--lease-duration", "10s"]);
  await cluster.addNode("n1", 0);
  await cluster.declareFeature("n1");
}, 90_000);

afterAll(() => cluster[Symbol.asyncDispose]());

describe("of a policy whose groups cannot be given", () => {
  it.each<[string, () => readonly string[], string, () => string]>([
    [
      "missing",
      () => [NOBODY],
      "GroupMissing",
      () => `EC2 has no security group ${NOBODY}: correct the policy`,
    ],
    [
      "elsewhere",
      () => [foreign],
      "GroupOfOtherVpc",
      () => `${foreign} is of ${otherVpc}, and the cluster is in ${vpc}: name a group of that`,
    ],
    [
      "too-many",
      () => many,
      "TooManyGroups",
      () =>
        "it names 6 groups, and an interface can have 5 (--groups-per-interface, where the account's quota is another)",
    ],
  ])("%s: it says so before any pod meets them", async (name, groups, reason, message) => {
    await cluster.createPolicy(name, { app: name }, groups());
    await reasons(name, reason, "PolicyCoversNothing");
    expect(await row(name)).toBe(`${JSON.stringify(groups()).replaceAll(" ", "")} 0 0 0`);
    await untilTold(name, reason);
    expect(await told(name)).toEqual({
      messages: [message(), "it selects no pod"],
      events: [`${reason}: ${message()}`],
    });
  });

  it("deleted while a policy names it: it says so once groups are described again", async () => {
    await cluster.createPolicy("doomed", { app: "doomed" }, [doomed]);
    await reasons("doomed", "GroupsFound", "PolicyCoversNothing");
    await cluster.callEc2("DeleteSecurityGroup", { GroupId: doomed });
    // Groups are described once a minute.
    await reasons("doomed", "GroupMissing", "PolicyCoversNothing", 60_000 + SOON_MS);
    expect((await told("doomed")).messages[0]).toBe(
      `EC2 has no security group ${doomed}: correct the policy`,
    );
  }, 240_000);
});

describe("of the pods that a policy selects", () => {
  it("none: it selects nothing", async () => {
    await cluster.createPolicy("nothing", { app: "nothing" }, [web]);
    await reasons("nothing", "GroupsFound", "PolicyCoversNothing");
    expect(await row("nothing")).toBe(`["${web}"] 0 0 0`);
    expect(await told("nothing")).toEqual({
      messages: ["EC2 has its group", "it selects no pod"],
      events: [],
    });
  });

  it("one that runs without a branch is uncovered", async () => {
    await cluster.createPod("bare", { node: "n1", labels: { app: "uncovered" }, wantsBranch: false });
    await run("bare");
    await cluster.createPolicy("uncovered", { app: "uncovered" }, [web]);
    await reasons("uncovered", "GroupsFound", "PodWithoutBranch");
    expect(await row("uncovered")).toBe(`["${web}"] 1 0 1`);
    const message =
      "0 of 1 pods have its groups; bare runs with the groups of the node instead of a branch: delete it, to be made anew";
    await untilTold("uncovered", "PodWithoutBranch");
    expect(await told("uncovered")).toEqual({
      messages: ["EC2 has its group", message],
      events: [`PodWithoutBranch: ${message}`],
    });
  });

  it("one that is on no node yet is pending; with another that has its branch, it is partly applied", async () => {
    await cluster.createPolicy("partly", { app: "partly" }, [web]);
    await cluster.createPod("partly-0", { labels: { app: "partly" } });
    await reasons("partly", "GroupsFound", "PodWaiting");
    expect(await row("partly")).toBe(`["${web}"] 1 0 0`);
    expect((await told("partly")).messages).toEqual([
      "EC2 has its group",
      "0 of 1 pods have its groups; partly-0 waits for a branch",
    ]);
    await cluster.createPod("partly-1", { node: "n1", labels: { app: "partly" } });
    await cluster.annotated("partly-1");
    await eventually("one of two", async () =>
      (await row("partly")) === `["${web}"] 2 1 0` ? true : undefined,
    );
    expect(await told("partly")).toEqual({
      messages: ["EC2 has its group", "1 of 2 pods have its groups; partly-0 waits for a branch"],
      events: [],
    });
    // Pending is a column of -o wide.
    expect((await said(["get", "sgp", "partly", "-o", "wide"])).split("\n")[0]).toMatch(
      /^NAME +SECURITY-GROUP-IDS +MATCHED +APPLIED +UNCOVERED +PENDING +AGE$/,
    );
  });

  it("two policies: the pod has the groups of both", async () => {
    await cluster.createPolicy("both-a", { app: "both" }, [web]);
    await cluster.createPolicy("both-b", { app: "both" }, [db]);
    await cluster.createPod("both", { node: "n1", labels: { app: "both" } });
    const { eniId } = await cluster.annotated("both");
    for (const [name, group] of [
      ["both-a", web],
      ["both-b", db],
    ] as const) {
      await reasons(name, "GroupsFound", "PodsHaveGroups");
      expect(await row(name)).toBe(`["${group}"] 1 1 0`);
      expect(await told(name)).toEqual({
        messages: ["EC2 has its group", "its pod has its groups"],
        events: [],
      });
    }
    const eni = (await cluster.dump()).interfaces.find(({ id }) => id === eniId);
    expect(eni?.groups.toSorted()).toEqual([web, db].toSorted());
  });

  it("deleted while pods use it: they keep their groups, and are told", async () => {
    await cluster.createPolicy("used", { app: "used" }, [web]);
    await cluster.createPod("used", { node: "n1", labels: { app: "used" } });
    const { eniId } = await cluster.annotated("used");
    await reasons("used", "GroupsFound", "PodsHaveGroups");
    await said(["delete", "sgp", "used"]);
    const message = `no SecurityGroupPolicy selects the pod any more: its branch ${eniId} keeps the groups ${web} until the pod ends`;
    await eventually("the pod's event", async () =>
      (await said(["describe", "pod", "used"])).includes(message) ? true : undefined,
    );
    await expect(said(["get", "sgp", "used"])).rejects.toThrow("not found");
    expect((await cluster.dump()).interfaces.find(({ id }) => id === eniId)?.groups).toEqual([web]);
  });

  it("denied by IAM: it names the permission, and the pods keep what they have", async () => {
    await cluster.createPolicy("denied", { app: "denied" }, [web]);
    await cluster.createPod("denied", { node: "n1", labels: { app: "denied" } });
    const { eniId } = await cluster.annotated("denied");
    await reasons("denied", "GroupsFound", "PodsHaveGroups");
    const fault = { code: "UnauthorizedOperation", status: 403, count: 1000 };
    await cluster.post("faults", { action: "ModifyNetworkInterfaceAttribute", ...fault });
    await setGroups("denied", [db]);
    await reasons("denied", "GroupsFound", "PodOtherGroups");
    await untilTold(
      "denied",
      "PodOtherGroups: 0 of 1 pods have its groups; denied has other groups: ec2:Modify",
    );
    expect((await told("denied")).messages[1]).toMatch(
      /^0 of 1 pods have its groups; denied has other groups: ec2:ModifyNetworkInterfaceAttribute is missing: /,
    );
    expect((await cluster.dump()).interfaces.find(({ id }) => id === eniId)?.groups).toEqual([web]);
    await cluster.clearFaults();
    // What was denied for other groups is asked for at once.
    await setGroups("denied", [web, db]);
    await reasons("denied", "GroupsFound", "PodsHaveGroups");
  });

  it("what EC2 does not say is not known, and names the permission", async () => {
    const fault = { code: "UnauthorizedOperation", status: 403, count: 1000 };
    await cluster.post("faults", { action: "DescribeSecurityGroups", ...fault });
    await cluster.createPolicy("unread", { app: "unread" }, [await makeGroup("unread", vpc)]);
    await reasons("unread", "GroupsNotRead", "PolicyCoversNothing");
    expect((await told("unread")).messages[0]).toMatch(/^ec2:DescribeSecurityGroups is missing: /);
    await cluster.clearFaults();
  });
});
