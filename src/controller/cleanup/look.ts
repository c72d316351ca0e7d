import { Ec2CallError } from "../../ec2/error.ts";
import type { CallOptions, Ec2Port } from "../../ec2/port.ts";
import type { NetworkInterface, TrunkAssociation } from "../../ec2/types.ts";
import { clusterFilters, instanceOf, isOfCluster } from "../../ec2/eni-tags.ts";

/** EC2 takes 200 values of filters in a request. */
const IDS = 200;

/** What EC2 has of a cluster at one moment. */
export interface Look {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly interfaces: readonly NetworkInterface[];
  /** Of all trunks of the account; undefined when EC2 does not let us see them. */
  readonly associations: readonly TrunkAssociation[] | undefined;
  /** States of the instances that the interfaces are of; those that are gone are not in it. */
  readonly instances: ReadonlyMap<string, string>;
}

/** Rejects with an Ec2CallError. */
export async function look(
  port: Ec2Port,
  { cluster, vpc, now }: { readonly cluster: string; readonly vpc: string | undefined; readonly now: number },
  options: CallOptions,
): Promise<Look> {
  const filters = { ...clusterFilters(cluster), ...(vpc !== undefined && { "vpc-id": [vpc] }) };
  const interfaces = (await port.interfaces(filters, options)).filter(({ tags }) =>
    isOfCluster(tags, cluster),
  );
  const associations = interfaces.length === 0 ? [] : await associationsOf(port, options);
  const ids = new Set(interfaces.flatMap(({ attachment, tags }) => [attachment?.instance, instanceOf(tags)]));
  ids.delete(undefined);
  const known = [...ids].flatMap((id) => id ?? []);
  const instances = new Map<string, string>();
  for (let from = 0; from < known.length; from += IDS) {
    const found = await port.findInstances({ "instance-id": known.slice(from, from + IDS) }, options);
    for (const { id, state } of found) instances.set(id, state);
  }
  return { at: now, interfaces, associations, instances };
}

/** An assumed role may not be allowed to see them. */
async function associationsOf(port: Ec2Port, options: CallOptions): Promise<Look["associations"]> {
  try {
    return await port.associations(options);
  } catch (error) {
    if (error instanceof Ec2CallError && (error.kind === "denied" || error.kind === "invalid"))
      return undefined;
    throw error;
  }
}
