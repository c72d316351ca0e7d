import type { CallOptions, Ec2Port } from "../ec2/port.ts";

/** Of so many of the nodes at most; one is enough. */
const NODES = 100;

/**
 * The VPC of the cluster: the one that is given, otherwise that of the first node whose instance EC2 shows with one, kept
 * from then on. Undefined: no node says so yet. Tags alone are not enough: a cluster of another VPC may have the same name,
 * and its branches are none that could be released.
 */
export function vpcOf(
  given: string | undefined,
  instanceIds: () => Iterable<string>,
  port: Pick<Ec2Port, "findInstances">,
): (call: CallOptions) => Promise<string | undefined> {
  let known = given;
  return async (call) => {
    if (known !== undefined) return known;
    const ids = [...instanceIds()].slice(0, NODES);
    if (ids.length === 0) return undefined;
    const instances = await port.findInstances({ "instance-id": ids }, call);
    known = instances.find(({ vpc }) => vpc !== "")?.vpc;
    return known;
  };
}
