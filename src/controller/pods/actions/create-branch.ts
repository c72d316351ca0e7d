import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, type AttachedTrunk, type Ledger, withBranch, withRequest } from "../../ledger.ts";
import { type Failure, type Moment, retryAfter } from "../../moment.ts";
import { BRANCH_DESCRIPTION, branchTags, tokenOf } from "../../tags.ts";
import { branchSubnet } from "../branch-subnet.ts";
import { readEni } from "../../read-eni.ts";
import type { View } from "../../view.ts";

interface Wanted {
  readonly pod: PodFacts;
  readonly trunk: AttachedTrunk;
  readonly vlan: number;
  readonly groups: readonly string[];
}

/** EC2 CreateNetworkInterface, with a token of cluster, pod and attempt: made once, also across a crash. */
export function createBranch(view: View, { pod, trunk, vlan, groups }: Wanted): Action {
  const { settings, ledger, node, cniNode } = view;
  const { namespace, name, uid } = pod;
  const attempt = ledger.requests.get(uid)?.attempt ?? 0;
  const subnet = branchSubnet(view, trunk);
  const { instance } = ledger;
  const isOpen = settings.warm.recycle === "across-groups";
  const wanted = {
    subnet,
    groups,
    description: BRANCH_DESCRIPTION,
    tags: branchTags(
      settings.cluster,
      { instance, trunk: trunk.id, vlan, owner: pod, groups, isOpen },
      cniNode?.tags ?? {},
    ),
    ...(node?.isIpv6 === true && { ipv6Addresses: 1 }),
    tracking: trunk.facts === undefined ? cniNode?.tracking : trunk.facts.tracking,
    token: tokenOf("branch", settings.cluster, uid, attempt),
  };
  return {
    kind: "CreateBranch",
    subject: `pod ${uid}`,
    priority: "waiting",
    fields: { pod: `${namespace}/${name}`, vlan },
    begin: (now) => {
      const request = now.requests.get(uid);
      return request === undefined ? now : withRequest(now, uid, { ...request, making: { vlan, groups } });
    },
    async run(ports, call) {
      const eni = readEni(await ports.ec2.createBranch(wanted, call), await ports.subnet(subnet, call));
      return (now, moment) => {
        const branch: Branch = {
          state: "created",
          eni,
          vlan,
          association: undefined,
          pod: { namespace, name, uid },
          until: undefined,
          // A token that a controller before us has used is answered with what was made then; it may have changed since.
          areGroupsSure: now.inherited?.has(uid) === false,
          home: { namespace, isOpen },
          wasWarm: false,
          mayBeAnnotated: false,
          seen: "own",
          missing: 0,
          knownAt: moment.now,
          since: moment.now,
          retry: undefined,
        };
        return withBranch(withRequest(now, uid, undefined), branch);
      };
    },
    failed: (now, failure, moment) => failed(now, uid, failure, moment),
  };
}

function failed(ledger: Ledger, uid: string, failure: Failure, moment: Moment): Ledger {
  const request = ledger.requests.get(uid);
  if (request === undefined) return ledger;
  const retry = retryAfter(request.retry, failure, moment);
  switch (failure.kind) {
    // The same again, with the same token and the same words.
    case "unknown":
    case "throttled":
      return withRequest(ledger, uid, { ...request, retry });
    // Nothing was made, or what was made under this token is found by its tags.
    case "conflict":
    case "denied":
    case "gone":
    case "invalid":
    case "spent":
    case "wait":
      return withRequest(ledger, uid, {
        ...request,
        making: undefined,
        attempt: request.attempt + 1,
        provenAt: undefined,
        retry,
      });
  }
}
