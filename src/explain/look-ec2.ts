import type { Instance, NetworkInterface, SecurityGroup, Subnet } from "../ec2/types.ts";
import { primaryOf } from "../ec2/types.ts";
import { type Ec2, readGroups, readInstances, readInterfaces, readSubnets } from "../facts/ec2.ts";
import { type Fact, known, mapFact, skipped } from "../facts/fact.ts";
import type { PodFacts } from "./facts.ts";

/** Reads what EC2 has of a pod: its branch, its node, the subnet of both. */

export interface OwnEc2 {
  readonly branch: Fact<NetworkInterface | undefined>;
  readonly instance: Fact<Instance | undefined>;
}

export async function lookAtOwn(
  ec2: Fact<Ec2>,
  { pod, node }: Pick<PodFacts, "pod" | "node">,
): Promise<OwnEc2> {
  if (!ec2.known) return { branch: ec2, instance: ec2 };
  const eni = pod.branch?.readable === true ? pod.branch.eniId : undefined;
  const id = node.known ? node.value?.instance : undefined;
  const [branches, instances] = await Promise.all([
    eni === undefined
      ? skipped("network interfaces", "the pod has no branch")
      : readInterfaces(ec2.value, [eni]),
    id === undefined
      ? skipped(
          "instances",
          pod.node === "" ? "the pod is not scheduled" : `node ${pod.node} is no EC2 instance`,
        )
      : readInstances(ec2.value, [id]),
  ]);
  return {
    branch: mapFact(branches, ([first]) => first),
    instance: mapFact(instances, ([first]) => first),
  };
}

/** Where a pod that waits would have its branch: the trunk's subnet, or its node's. */
export async function lookAtSubnet(
  ec2: Fact<Ec2>,
  { cniNode }: Pick<PodFacts, "cniNode">,
  { instance }: OwnEc2,
): Promise<Fact<Subnet | undefined>> {
  if (!ec2.known) return ec2;
  const trunk = cniNode.known ? cniNode.value?.trunk?.subnet : undefined;
  const id =
    trunk ?? (instance.known && instance.value !== undefined ? primaryOf(instance.value)?.subnet : undefined);
  if (id === undefined) return known(undefined);
  return mapFact(await readSubnets(ec2.value, [id]), ([first]) => first);
}

export function lookAtGroups(ec2: Fact<Ec2>, ids: Iterable<string>): Promise<Fact<readonly SecurityGroup[]>> {
  return ec2.known ? readGroups(ec2.value, ids) : Promise.resolve(ec2);
}
