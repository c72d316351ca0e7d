import type { CallOptions } from "../ec2/port.ts";
import { Ec2CallError } from "../ec2/error.ts";
import type { NetworkInterface, TrunkAssociation } from "../ec2/types.ts";
import type { DescribedBranch, DescribedTrunk, Description } from "./description.ts";
import { clusterFilters, instanceOf, vlanOfTags } from "../ec2/eni-tags.ts";
import { homeOfTags, podOfTags } from "./tags.ts";
import type { Ports } from "./ports.ts";
import { readEni } from "./read-eni.ts";

/** EC2 describes again what was seen once after so long at the latest. */
const SOON_MS = 60_000;

/** After how many milliseconds: the second description is there once what the first has shown has cooled. */
export function describeSoonMs(cooldownMs: number): number {
  return Math.min(SOON_MS, cooldownMs);
}

/** What it is carried out with. */
type Describing = Pick<Ports, "subnet"> & { readonly ec2: Pick<Ports["ec2"], "interfaces" | "associations"> };

/**
 * Everything of the cluster that EC2 has, by instance: DescribeNetworkInterfaces by the cluster's tag and VPC, in pages, and
 * DescribeTrunkInterfaceAssociations where EC2 lets us.
 */
export async function describeAll(
  ports: Describing,
  { cluster, vpc }: { readonly cluster: string; readonly vpc: string },
  askedAt: number,
  call: CallOptions,
): Promise<ReadonlyMap<string, Description>> {
  const associations = await associationsOf(ports, call);
  const enis = await ports.ec2.interfaces({ ...clusterFilters(cluster), "vpc-id": [vpc] }, call);
  const found = new Map<string, { branches: DescribedBranch[]; trunks: DescribedTrunk[] }>();
  for (const eni of enis) {
    const instance = instanceOf(eni.tags);
    if (instance === undefined) continue;
    const of = found.get(instance) ?? { branches: [], trunks: [] };
    found.set(instance, of);
    if (eni.type === "trunk") of.trunks.push(trunkOf(eni, instance));
    else of.branches.push(await branchOf(ports, eni, associations.get(eni.id), call));
  }
  return new Map([...found].map(([instance, of]) => [instance, { askedAt, ...of }]));
}

/** By the branch's id. Empty where EC2 does not tell: the tags have to do. */
async function associationsOf(
  ports: Describing,
  call: CallOptions,
): Promise<ReadonlyMap<string, TrunkAssociation>> {
  try {
    const all = await ports.ec2.associations(call);
    return new Map(all.map((one) => [one.branch, one]));
  } catch (error) {
    if (!(error instanceof Ec2CallError) || !isRefusal(error)) throw error;
    return new Map();
  }
}

/** A permission is missing, or EC2 does not have the API, as in a partition that is behind. */
function isRefusal({ kind, code }: Ec2CallError): boolean {
  return kind === "denied" || kind === "invalid" || code === "InvalidAction";
}

async function branchOf(
  ports: Describing,
  eni: NetworkInterface,
  association: TrunkAssociation | undefined,
  call: CallOptions,
): Promise<DescribedBranch> {
  return {
    eni: readEni(eni, await ports.subnet(eni.subnet, call)),
    vlan: association?.vlan ?? vlanOfTags(eni.tags),
    association: association?.id,
    pod: podOfTags(eni.tags),
    home: homeOfTags(eni.tags, eni.groups),
  };
}

function trunkOf({ id, mac, subnet, attachment }: NetworkInterface, instance: string): DescribedTrunk {
  // Of another instance it is none of this one's.
  if (attachment === undefined || attachment.instance !== instance)
    return { id, mac, subnet, attachment: undefined };
  return {
    id,
    mac,
    subnet,
    attachment: {
      id: attachment.id,
      isAttached: attachment.status === "attached",
      deviceIndex: attachment.deviceIndex,
      goesWithInstance: attachment.deleteOnTermination,
    },
  };
}
