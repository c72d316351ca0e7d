import type { Action } from "../../action.ts";
import {
  type AttachedTrunk,
  type Branch,
  type Ledger,
  type WarmMaking,
  withBranch,
  withEntry,
  withRetry,
} from "../../ledger.ts";
import { type Failure, type Moment, retryAfter } from "../../moment.ts";
import { readEni } from "../../read-eni.ts";
import { BRANCH_DESCRIPTION, branchTags, tokenOf } from "../../tags.ts";
import type { View } from "../../view.ts";
import { branchSubnet } from "../../pods/branch-subnet.ts";

/** Of creations that have failed: the next of any waits. */
export const WARMING = "warm";

/**
 * EC2 CreateNetworkInterface for no pod yet. The token is this process's alone: one that a controller before us has made
 * may be a pod's by now, and is found by its tags.
 */
export function createWarm(view: View, trunk: AttachedTrunk, vlan: number, making: WarmMaking): Action {
  const { settings, ledger, node, cniNode } = view;
  const { namespace, groups, attempt } = making;
  const { instance } = ledger;
  const { warm, cluster } = settings;
  const subnet = branchSubnet(view, trunk);
  const isOpen = warm.recycle === "across-groups";
  const tags = { instance, trunk: trunk.id, vlan, owner: namespace, groups, isOpen };
  const wanted = {
    subnet,
    groups,
    description: BRANCH_DESCRIPTION,
    tags: branchTags(cluster, tags, cniNode?.tags ?? {}),
    ...(node?.isIpv6 === true && { ipv6Addresses: 1 }),
    tracking: trunk.facts === undefined ? cniNode?.tracking : trunk.facts.tracking,
    token: tokenOf("warm", cluster, instance, warm.life, attempt),
  };
  return {
    kind: "CreateWarm",
    subject: `warm ${vlan}`,
    priority: "warming",
    fields: { namespace, vlan },
    begin: (now) => withMaking(now, vlan, making),
    async run(ports, call) {
      const eni = readEni(await ports.ec2.createBranch(wanted, call), await ports.subnet(subnet, call));
      return (now, moment) => {
        const branch: Branch = {
          state: "warming",
          eni,
          vlan,
          association: undefined,
          pod: undefined,
          until: undefined,
          areGroupsSure: true,
          home: { namespace, isOpen },
          wasWarm: true,
          mayBeAnnotated: false,
          seen: "own",
          missing: 0,
          knownAt: moment.now,
          since: moment.now,
          retry: undefined,
        };
        return withBranch(withRetry(withMaking(now, vlan, undefined), WARMING, undefined), branch);
      };
    },
    failed: (now, failure, moment) => failed(now, vlan, failure, moment),
  };
}

function withMaking(ledger: Ledger, vlan: number, making: WarmMaking | undefined): Ledger {
  const { warm } = ledger;
  const begun = Math.max(warm.begun, (making?.attempt ?? 0) + 1);
  return { ...ledger, warm: { ...warm, begun, making: withEntry(warm.making, vlan, making) } };
}

function failed(ledger: Ledger, vlan: number, failure: Failure, moment: Moment): Ledger {
  const making = ledger.warm.making.get(vlan);
  const retry = retryAfter(ledger.retries.get(WARMING), failure, moment);
  const again = withRetry(ledger, WARMING, retry);
  // The same again with the same token; otherwise nothing was made, or it is found by its tags.
  const isOpen = failure.kind === "unknown" || failure.kind === "throttled";
  return withMaking(again, vlan, isOpen && making !== undefined ? { ...making, retry } : undefined);
}
