/** What aws-cni's DEL reads from its own result, as far as our DEL needs it when aws-cni cannot do its part. */

import { existsSync, readFileSync } from "node:fs";
import { FROM_POD_PRIORITY, TO_POD_PRIORITY } from "../datapath/numbers.ts";
import { familyOf, widthOf } from "../values/ip.ts";
import { Table } from "../netlink/route/constants.ts";
import type { Rule } from "../netlink/route/rule.ts";
import type { CniResult, ResultInterface } from "./result.ts";

/**
 * Not a device: aws-cni keeps the branch's VLAN id in its `mac` (0 without a branch) and the ENI's number in `sandbox`.
 */
const DUMMY = /^dummy[0-9a-f]{11}$/;

/**
 * The rules that aws-cni made on the node for the pod's addresses: packets to an address use table main; packets from
 * an address of a secondary ENI use that ENI's table, whose number is the `mac` of the pod's interface. None when the
 * result is another plugin's, or when aws-cni attached a branch itself.
 */
export function rulesOfAwsCni(result: CniResult): Rule[] {
  const dummy = result.interfaces.find(({ name }) => DUMMY.test(name));
  if (dummy?.mac !== "0") return [];
  return result.ips.flatMap(({ prefix: { address }, interface: index }) => {
    const owner = index === undefined ? undefined : result.interfaces[index];
    const table = owner === undefined || owner.sandbox === "" ? undefined : tableOf(owner, dummy);
    if (table === undefined) return [];
    const family = familyOf(address);
    const prefix = { address, length: widthOf(family) };
    const toPod = { family, priority: TO_POD_PRIORITY, table: Table.MAIN, to: prefix };
    return table === Table.MAIN
      ? [toPod]
      : [toPod, { family, priority: FROM_POD_PRIORITY, table, from: prefix }];
  });
}

/** The node's ends of the pod's veth pairs: aws-cni names each before the end that is in the pod. */
export function vethsOfAwsCni({ interfaces }: CniResult): string[] {
  return interfaces.flatMap(({ sandbox, name }, i) =>
    sandbox === "" && isInPod(interfaces[i + 1]) ? [name] : [],
  );
}

function isInPod(entry: ResultInterface | undefined): boolean {
  return entry !== undefined && entry.sandbox !== "" && !DUMMY.test(entry.name);
}

/** Before 1.20 only the device number was given. Both ways of counting have 1 for the primary ENI. */
function tableOf({ mac }: ResultInterface, dummy: ResultInterface): number | undefined {
  const said = mac === "" ? numberOf(dummy.sandbox, 1) : numberOf(mac, 0);
  return said !== undefined && said <= 1 ? Table.MAIN : said;
}

function numberOf(text: string, more: number): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) + more : undefined;
}

/** aws-node's directory on the node, and the kernel's list of Unix sockets. */
const AWS_NODE = { directory: "/var/run/aws-node", sockets: "/proc/net/unix" };

/** Flags of a socket that listens (linux/net.h __SO_ACCEPTCON), as /proc/net/unix prints them. */
const LISTENS = "00010000";

/**
 * Whether aws-cni's DEL will find ipamd down: it then looks for its interface in the final result, finds the branch
 * there instead, and leaves its rules behind. ipamd uses the node's network, so its socket is in the node's list.
 */
export function isIpamdDown({ directory, sockets } = AWS_NODE): boolean {
  if (!existsSync(directory)) return false;
  try {
    return !readFileSync(sockets, "latin1")
      .split("\n")
      .some((line) => line.endsWith("/aws-node/ipamd.sock") && line.split(" ")[3] === LISTENS);
  } catch {
    return false;
  }
}
