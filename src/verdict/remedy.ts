import { echoOf, protocolOf } from "./group-rules.ts";
import type { End, Flow, Interface } from "./facts.ts";
import { familyOf, widthOf } from "../values/ip.ts";

/** The smallest rule that lets a connection pass, as a command to copy. */

/** `own`: whose group gets the rule. The peer is the other end's first group, or its address where it has none. */
export function remedyOf(flow: Flow, own: Interface, isEgress: boolean): string {
  const [group = ""] = own.groups;
  const direction = isEgress ? "egress" : "ingress";
  const peer = peerOf(isEgress ? flow.to : flow.from, own);
  return `aws ec2 authorize-security-group-${direction} --group-id ${group} --ip-permissions '${serviceOf(flow)},${peer}'`;
}

function serviceOf(flow: Flow): string {
  const protocol = protocolOf(flow);
  const [from, to] = flow.protocol === "icmp" ? [echoOf(protocol), 0] : [flow.port, flow.port];
  return `IpProtocol=${protocol},FromPort=${from},ToPort=${to}`;
}

function peerOf({ address, interface: theirs }: End, own: Interface): string {
  const other = theirs.known ? theirs.value : undefined;
  const [group] = other?.vpc === own.vpc ? other.groups : [];
  if (group !== undefined) return `UserIdGroupPairs=[{GroupId=${group}}]`;
  const family = familyOf(address);
  const single = `${address}/${widthOf(family)}`;
  return family === 4 ? `IpRanges=[{CidrIp=${single}}]` : `Ipv6Ranges=[{CidrIpv6=${single}}]`;
}
