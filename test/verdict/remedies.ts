import type { ParamTree } from "../../src/simulator/model/params.ts";
import type { Cloud } from "./cloud.ts";

/** The commands that verdicts name, as the AWS CLI would carry them out. */

const COMMAND =
  /^aws ec2 authorize-security-group-(?<direction>egress|ingress) --group-id (?<group>\S+) --ip-permissions 'IpProtocol=(?<protocol>\w+),FromPort=(?<from>\d+),ToPort=(?<to>\d+),(?<list>\w+)=\[\{(?<key>\w+)=(?<value>[^}]+)\}\]'$/;

/** The name of a list in a request on the wire. */
const LISTS: Readonly<Record<string, string>> = {
  UserIdGroupPairs: "Groups",
  IpRanges: "IpRanges",
  Ipv6Ranges: "Ipv6Ranges",
};

export function authorize(cloud: Cloud, command: string): void {
  const said = COMMAND.exec(command)?.groups;
  if (said === undefined) throw new Error(`no command that can be carried out: ${command}`);
  const {
    direction = "",
    group = "",
    protocol = "",
    from = "",
    to = "",
    list = "",
    key = "",
    value = "",
  } = said;
  const permission: ParamTree = {
    IpProtocol: protocol,
    FromPort: from,
    ToPort: to,
    [LISTS[list] ?? list]: { "1": { [key]: value } },
  };
  cloud.ec2(`AuthorizeSecurityGroup${direction === "egress" ? "Egress" : "Ingress"}`, {
    GroupId: group,
    IpPermissions: { "1": permission },
  });
}
