import type { CallOptions } from "../../ec2/port.ts";
import type { PodName } from "../facts.ts";
import type { AttachedTrunk, Branch, Eni, Home } from "../ledger.ts";
import type { Ports } from "../ports.ts";
import { readEni } from "../read-eni.ts";
import { BRANCH_DESCRIPTION, branchTags } from "../tags.ts";
import type { View } from "../view.ts";
import { branchSubnet } from "./branch-subnet.ts";

interface NewBranch {
  readonly trunk: AttachedTrunk;
  readonly vlan: number;
  readonly groups: readonly string[];
  /** The pod that it is made for, or the namespace for whose next pod it is made ahead. */
  readonly owner: PodName | string;
  /** EC2's ClientToken. */
  readonly token: string;
}

/** The creation of a branch: EC2 CreateNetworkInterface with these words, and the ledger's entry for what was made. */
export interface Creation {
  readonly run: (ports: Ports, call: CallOptions) => Promise<Eni>;
  readonly made: (eni: Eni, own: Own, now: number) => Branch;
}

/** What differs between a branch that a pod waits for and one that is made ahead. */
type Own = Pick<Branch, "state" | "pod" | "areGroupsSure" | "wasWarm">;

export function creationOf(view: View, { trunk, vlan, groups, owner, token }: NewBranch): Creation {
  const { settings, ledger, node, cniNode } = view;
  const subnet = branchSubnet(view, trunk);
  const isOpen = settings.warm.recycle === "across-groups";
  const home: Home = { namespace: typeof owner === "string" ? owner : owner.namespace, isOpen };
  const tags = { instance: ledger.instance, trunk: trunk.id, vlan, owner, groups, isOpen };
  const wanted = {
    subnet,
    groups,
    description: BRANCH_DESCRIPTION,
    tags: branchTags(settings.cluster, tags, cniNode?.tags ?? {}),
    ...(node?.isIpv6 === true && { ipv6Addresses: 1 }),
    tracking: trunk.facts === undefined ? cniNode?.tracking : trunk.facts.tracking,
    token,
  };
  return {
    async run(ports, call) {
      // Before anything is made: what has been made by then nobody would know of until it is described.
      const facts = await ports.subnet(subnet, call);
      return readEni(await ports.ec2.createBranch(wanted, call), facts);
    },
    made: (eni, own, now) => ({
      ...own,
      eni,
      vlan,
      association: undefined,
      until: undefined,
      home,
      mayBeAnnotated: false,
      seen: "own",
      missing: 0,
      knownAt: now,
      since: now,
      retry: undefined,
    }),
  };
}
