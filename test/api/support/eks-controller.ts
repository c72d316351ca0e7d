// What EKS's own controller does: trunks and branches, for tests of ours beside it.
import { Budgets } from "../../../src/ec2/budget.ts";
import { Ec2Port } from "../../../src/ec2/port.ts";
import { clusterTag, INSTANCE_TAG, OWNER, OWNER_TAG } from "../../../src/ec2/eni-tags.ts";
import { systemTimer } from "../../../src/sys/timer.ts";
import { CLUSTER, type ControlledCluster, POD_ENI } from "./controlled-cluster.ts";

const call = { signal: new AbortController().signal, priority: "waiting" } as const;

async function withPort<T>(cluster: ControlledCluster, act: (port: Ec2Port, subnet: string) => Promise<T>) {
  const credentials = { accessKeyId: "AKIAADMIN", secretAccessKey: "any" };
  const budgets = new Budgets(systemTimer);
  const port = new Ec2Port({ budgets, region: "us-east-1", endpoint: cluster.ec2, credentials });
  try {
    const [subnet] = await port.subnets({}, call);
    return await act(port, subnet?.id ?? "");
  } finally {
    port.close();
  }
}

/** Makes a trunk and attaches it; gives its id. */
export async function attachTrunk(cluster: ControlledCluster, instance: string): Promise<string> {
  const group = await cluster.groupId("node");
  return withPort(cluster, async (port, subnet) => {
    const tags = { [OWNER_TAG]: OWNER };
    const { id } = await port.createTrunk(
      { subnet, groups: [group], description: "", tags, token: "trunk" },
      call,
    );
    await port.attach(id, instance, 2, call);
    return id;
  });
}

export interface GivenBranch {
  readonly pod: string;
  readonly node: string;
  readonly instance: string;
  readonly trunk: string;
  readonly vlan: number;
  readonly groups: readonly string[];
}

/** Makes a pod of the namespace shop with its branch; gives the ENI's id. */
export async function giveBranch(
  cluster: ControlledCluster,
  { pod, node, instance, trunk, vlan, groups }: GivenBranch,
): Promise<string> {
  const annotation = await withPort(cluster, async (port, subnet) => {
    const tags = { [OWNER_TAG]: OWNER, [clusterTag(CLUSTER)]: "owned", [INSTANCE_TAG]: instance };
    const eni = await port.createBranch({ subnet, groups, description: "", tags, token: pod }, call);
    const association = await port.associate({ branch: eni.id, trunk, vlan, token: `${pod}-on` }, call);
    return {
      eniId: eni.id,
      ifAddress: eni.mac,
      privateIp: eni.ipv4[0],
      vlanId: vlan,
      subnetCidr: "10.0.0.0/18",
      associationID: association.id,
    };
  });
  await cluster.createPod(pod, { node, annotations: { [POD_ENI]: JSON.stringify([annotation]) } });
  return annotation.eniId;
}
