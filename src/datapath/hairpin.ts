import { NetlinkError } from "../netlink/error.ts";
import type { IpFamily } from "../values/ip.ts";
import type { Message } from "../netlink/message.ts";
import { commit, rehearse } from "../netlink/netfilter/batch.ts";
import {
  type Masquerade,
  deleteTable,
  isMasquerade,
  listTableRules,
  replaceMasquerade,
} from "../netlink/netfilter/masquerade.ts";
import { NetlinkSocket } from "../netlink/socket.ts";
import { Errno, SysError } from "../sys/errno.ts";
import type { Kernel } from "./kernel.ts";
import type { Operation } from "./operation.ts";

type Hairpin = Extract<Operation, { kind: "hairpin" }>;

/**
 * Answers of a kernel without nfnetlink, nf_tables, one of its families, chains of type nat, or masquerading. Replacing
 * a table needs nothing else that could be missing.
 */
const UNSUPPORTED: readonly number[] = [
  Errno.ENOENT,
  Errno.EOPNOTSUPP,
  Errno.EPROTONOSUPPORT,
  Errno.EAFNOSUPPORT,
];

function isUnsupported(error: unknown): error is NetlinkError | SysError {
  return (error instanceof NetlinkError || error instanceof SysError) && UNSUPPORTED.includes(error.errno);
}

/** Carries out the operation. Where the kernel lacks it, this is only a warning: everything else works for the pod. */
export function setHairpin(kernel: Kernel, hairpin: Hairpin): void {
  const { table } = hairpin;
  try {
    using transport = kernel.openNetfilter("node");
    if (hairpin.absent === true) {
      commit(transport, `delete nftables table ${table}`, [deleteTable(hairpin.family, table)]);
    } else {
      commit(transport, describe(hairpin), replaceMasquerade(hairpin));
    }
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    // Then there was no table either.
    if (hairpin.absent === true) return;
    kernel.warnings.add(
      `a Service whose endpoint is the calling pod itself will not answer it: this kernel lacks nftables' masquerading: ${error.message}`,
    );
  }
}

/** Whether the table is as it should be; undefined where the kernel cannot have it. */
export function isHairpin(kernel: Kernel, hairpin: Masquerade): boolean | undefined {
  const rules = rulesOf(kernel, hairpin.family, hairpin.table);
  if (rules.length > 0) {
    return rules.length === 1 && rules.every(({ payload }) => isMasquerade(payload, hairpin));
  }
  try {
    using transport = kernel.openNetfilter("node");
    rehearse(transport, describe(hairpin), replaceMasquerade(hairpin));
    return false;
  } catch (error) {
    if (isUnsupported(error)) return undefined;
    throw error;
  }
}

/** Whether the table is there with a rule in it: it comes with one, in one transaction. */
export function hasHairpin(kernel: Kernel, family: IpFamily, table: string): boolean {
  return rulesOf(kernel, family, table).length > 0;
}

function rulesOf(kernel: Kernel, family: IpFamily, table: string): Message[] {
  try {
    using socket = new NetlinkSocket(kernel.openNetfilter("node"));
    return socket.dump(listTableRules(family, table));
  } catch (error) {
    // Outside of a transaction a kernel without nf_tables says EINVAL.
    if (isUnsupported(error) || (error instanceof NetlinkError && error.errno === Errno.EINVAL)) return [];
    throw error;
  }
}

function describe({ table, from, to }: Masquerade): string {
  return `make nftables table ${table}, to masquerade from ${from} to ${to}`;
}
