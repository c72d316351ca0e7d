import { widthOf } from "../values/ip.ts";
import { Table } from "../netlink/route/constants.ts";
import type { Rule } from "../netlink/route/rule.ts";
import type { Kernel } from "../datapath/kernel.ts";
import type { Operation } from "../datapath/operation.ts";
import { readRoutes } from "../datapath/read.ts";
import type { AttachmentRecord } from "../state/record.ts";

/**
 * Removes aws-cni's rules for a pod's primary addresses from the node. If the node routes an address to a device other
 * than the pod's veths, another pod has it by now: its rules look the same and stay.
 */
export function releasedRules(kernel: Kernel, { primary }: Pick<AttachmentRecord, "primary">): Operation[] {
  const { rules, veths } = primary ?? { rules: [], veths: [] };
  if (rules.length === 0) return [];
  const elsewhere = new Set(
    readRoutes(kernel, "node", undefined, Table.MAIN)
      .filter(({ length, family, device }) => length === widthOf(family) && !veths.includes(device ?? 0))
      .map(({ destination }) => destination),
  );
  return rules
    .filter((rule) => !elsewhere.has(addressOf(rule)))
    .map((rule) => ({ kind: "rule", at: "node", rule, absent: true }));
}

function addressOf({ to, from }: Rule): string {
  return (to ?? from)?.address ?? "";
}
