import type { NetworkInterface } from "../ec2/types.ts";
import type { Eni, Subnet } from "./ledger.ts";

/** What the ledger keeps of an ENI. */
export function readEni({ id, mac, ipv4, ipv6, groups }: NetworkInterface, subnet: Subnet): Eni {
  return { id, mac, ipv4: ipv4[0], ipv6: ipv6[0], groups, subnet };
}
