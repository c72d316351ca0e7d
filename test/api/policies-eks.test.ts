// On EKS, whose CRD of policies has no status, and where IAM lets the controller only look: what people are told.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KubernetesObject } from "../ground/kubernetes/client.ts";
import { applyCrds, crds } from "../ground/kubernetes/crds.ts";
import { kubectl } from "../ground/kubernetes/tools.ts";
import { eventually } from "../ground/run.ts";
import { ControlledCluster } from "./support/controlled-cluster.ts";
import { attachTrunk, giveBranch } from "./support/eks-controller.ts";

const POLICIES = "/apis/vpcresources.k8s.aws/v1beta1/namespaces/shop/securitygrouppolicies";
const SOON_MS = 60_000;
const NOBODY = "sg-0123456789abcdef0";
const LOOKING = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "ec2:Describe*", Resource: "*" }],
};

const directory = mkdtempSync(path.join(tmpdir(), "branchline-iam-"));
let cluster: ControlledCluster;
let web: string;
let db: string;
let eni: string;

beforeAll(async () => {
  const policy = path.join(directory, "looking.json");
  writeFileSync(policy, JSON.stringify(LOOKING));
  cluster = await ControlledCluster.start({
    nodes: 1,
    crds: false,
    simulate: ["--iam-policy", policy, "--iam-key", "AKIACONTROLLER"],
  });
  await applyCrds(cluster.admin, crds().map(withoutStatus));
  [web, db] = [await cluster.groupId("web"), await cluster.groupId("db")];
  await cluster.createPolicy("web", { app: "web" }, [web]);
  const instance = await cluster.addNode("n1", 0);
  const trunk = await attachTrunk(cluster, instance);
  eni = await giveBranch(cluster, { pod: "one", node: "n1", instance, trunk, vlan: 1, groups: [web] });
  // A leader on a busy machine has to be able to keep its Lease.
  cluster.controller(["--mode", "eks", "--lease-duration", "10s"]);
}, 90_000);

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** EKS's CRD of policies has no status. */
function withoutStatus(crd: KubernetesObject): KubernetesObject {
  const { spec, ...rest } = crd;
  const { names, versions } = spec as { names: { plural: string }; versions: readonly object[] };
  if (names.plural !== "securitygrouppolicies") return crd;
  return {
    ...rest,
    spec: { ...spec, versions: versions.map((version) => ({ ...version, subresources: undefined })) },
  };
}

async function described(kind: string, name: string): Promise<string> {
  const { stdout } = await kubectl(["describe", kind, name, "-n", "shop"], {
    kubeconfig: cluster.server.adminKubeconfig,
  });
  return stdout;
}

const tells = (kind: string, name: string, words: RegExp) =>
  eventually(
    `${kind} ${name}: ${words}`,
    async () => (words.test(await described(kind, name)) ? true : undefined),
    SOON_MS,
  );

it("its policies have no status", async () => {
  const served = JSON.stringify(await cluster.admin.get("/apis/vpcresources.k8s.aws/v1beta1"));
  expect(served).not.toContain("securitygrouppolicies/status");
});

it("a group that EC2 does not have is an event on the policy", async () => {
  await cluster.createPolicy("missing", { app: "missing" }, [NOBODY]);
  await tells("sgp", "missing", new RegExp(`Warning +GroupMissing .* EC2 has no security group ${NOBODY}`));
  const { body } = await cluster.admin.request("GET", `${POLICIES}/missing`);
  expect(body).not.toHaveProperty("status");
});

it("so is the permission that is missing for other groups, and one on the pod: it keeps what it has", async () => {
  await cluster.admin.patch(`${POLICIES}/web`, "merge", { spec: { securityGroups: { groupIds: [db] } } });
  const words = "ec2:ModifyNetworkInterfaceAttribute is missing: ";
  await tells("sgp", "web", new RegExp(`Warning +PodOtherGroups .* one has other groups: ${words}`));
  await tells("pod", "one", new RegExp(`Warning +GroupsNotChanged .* keeps the groups ${web}: ${words}`));
  expect((await cluster.dump()).interfaces.find(({ id }) => id === eni)?.groups).toEqual([web]);
  const { body } = await cluster.admin.request("GET", `${POLICIES}/web`);
  expect(body).not.toHaveProperty("status");
});
