import type { Decision } from "../action.ts";
import { canonical } from "../canonical.ts";
import { Draft } from "../draft.ts";
import type { Branch, InstanceFacts, Trunk } from "../ledger.ts";
import { isManaged, type View } from "../view.ts";
import { obstacle } from "./trunk.ts";
import { setCniStatus } from "./actions/set-cni-status.ts";

/** The CNINode's status: the trunk and its branches, for the agent and for people. */
export function decideCniStatus(view: View, now: number): Decision {
  const draft = new Draft();
  const { node, cniNode, ledger } = view;
  if (node === undefined || cniNode === undefined || !isManaged(view) || ledger.descriptions === 0)
    return draft;
  const status = canonical(statusOf(view));
  if (status === cniNode.status || !draft.isDue(ledger.retries.get("cni-status"), now)) return draft;
  draft.actions.push(setCniStatus({ name: node.name, uid: cniNode.uid }, status));
  return draft;
}

function statusOf(view: View): object {
  const { ledger, cniNode } = view;
  const { instance, trunk, branches } = ledger;
  const facts = "facts" in trunk ? trunk.facts : undefined;
  return {
    trunkInterface:
      trunk.state === "attached" && trunk.goesWithInstance
        ? trunkOf(trunk, [...branches.values()])
        : undefined,
    conditions: [conditionOf(view)],
    // A trunk that was found says nothing of its instance.
    nodeNetworkState:
      facts === undefined ? JSON.parse(cniNode?.status ?? "{}").nodeNetworkState : networkOf(instance, facts),
  };
}

/** TrunkReady, and what keeps it from being so. */
function conditionOf(view: View): object {
  const { trunk, retries } = view.ledger;
  const type = "TrunkReady";
  if (trunk.state === "attached" && trunk.goesWithInstance) {
    const message = `${trunk.id} is attached by device index ${trunk.deviceIndex}`;
    return { type, status: "True", reason: "TrunkAttached", message };
  }
  const why = obstacle(view);
  if (why !== undefined) return { type, status: "False", reason: why.reason, message: why.message };
  const failed = retries.get("trunk");
  if (failed !== undefined && failed.failures > 0)
    return { type, status: "False", reason: "TrunkFailed", message: failed.why };
  return { type, status: "False", reason: "TrunkPending", message: "it is being made" };
}

function trunkOf(
  { id, mac, deviceIndex, subnet }: Extract<Trunk, { state: "attached" }>,
  branches: readonly Branch[],
) {
  return {
    id,
    macAddress: mac,
    deviceIndex,
    subnetID: subnet,
    branches: branches
      .filter(({ state, vlan }) => vlan !== undefined && state !== "created" && state !== "warming")
      .sort((a, b) => (a.eni.id < b.eni.id ? -1 : 1))
      .map(branchOf),
  };
}

function branchOf({ state, eni, vlan, association, home }: Branch) {
  const { id, mac, ipv4, ipv6, groups, subnet } = eni;
  return {
    id,
    vlanID: vlan,
    associationID: association,
    warmFor: state === "warm" ? home?.namespace : undefined,
    macAddress: mac === "" ? undefined : mac,
    securityGroups: groups.length === 0 ? undefined : [...groups].sort(),
    ipv4CIDRs: ipv4 === undefined ? undefined : [`${ipv4}/32`],
    ipv6CIDRs: ipv6 === undefined ? undefined : [`${ipv6}/128`],
    subnetCIDR: subnet.cidr === "" ? undefined : subnet.cidr,
    subnetV6CIDR: subnet.ipv6Cidr,
  };
}

function networkOf(instance: string, { subnet, groups, tracking }: InstanceFacts) {
  // The schema asks for one group at least.
  if (groups.length === 0) return undefined;
  return {
    instanceID: instance,
    subnetID: subnet.id,
    subnetCIDRBlock: subnet.cidr,
    subnetV6CIDRBlock: subnet.ipv6Cidr,
    primaryNetworkInterfaceSecurityGroups: [...groups].sort(),
    connectionTracking: tracking && {
      tcpEstablishedTimeout: tracking.tcpEstablished,
      udpStreamTimeout: tracking.udpStream,
      udpTimeout: tracking.udp,
    },
  };
}
