import type { CallOptions, Ec2Port } from "../ec2/port.ts";
import { Ec2CallError } from "../ec2/error.ts";
import type { Timer } from "../sys/timer.ts";
import type { Subnet } from "./ledger.ts";

/** A subnet's ranges change when somebody gives it an IPv6 range. */
const KEPT_MS = 600_000;

/** Subnets by id, each described once in a while, whoever asks. */
export function subnetsOf(port: Pick<Ec2Port, "subnets">, timer: Timer) {
  const known = new Map<string, { readonly at: number; readonly subnet: Promise<Subnet> }>();
  const describe = async (id: string, call: CallOptions): Promise<Subnet> => {
    const [found] = await port.subnets({ "subnet-id": [id] }, call);
    if (found === undefined) {
      throw new Ec2CallError(
        "gone",
        "DescribeSubnets",
        "InvalidSubnetID.NotFound",
        `there is no subnet ${id}`,
      );
    }
    return { id, cidr: found.cidr, ipv6Cidr: found.ipv6Cidrs[0] };
  };
  return (id: string, call: CallOptions): Promise<Subnet> => {
    const before = known.get(id);
    const now = timer.now();
    if (before !== undefined && now - before.at < KEPT_MS) return before.subnet;
    const subnet = describe(id, call);
    known.set(id, { at: now, subnet });
    // A failure is not kept.
    subnet.catch(() => known.delete(id));
    return subnet;
  };
}
