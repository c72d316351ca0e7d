import type { BranchAddress, BranchAssignment } from "../../ipam/annotation.ts";
import { type IpFamily, type IpPrefix, widthOf } from "../../values/ip.ts";
import { Scope, Table } from "../../netlink/route/constants.ts";
import { anyDestination, newRoute } from "../../netlink/route/route.ts";
import { type Rule, describeRule } from "../../netlink/route/rule.ts";
import type { EnforcingMode, Options } from "../datapath.ts";
import type { Facts } from "../facts.ts";
import { FROM_POD_PRIORITY, STRICT_PRIORITY, TO_POD_PRIORITY, tableOf, vlanName } from "../numbers.ts";
import type { Step } from "../operation.ts";
import { replaceOtherDefaults } from "../other-defaults.ts";
import {
  bringUp,
  clearStale,
  ipv6InPod,
  ipv6Step,
  lastResortStep,
  routeStep,
  ruleStep,
  step,
  usesIpv6,
  vlanStep,
} from "../steps.ts";

import { type NodePrimaryFacts, removePrimary } from "./remove-primary.ts";

/**
 * The routed datapath, as aws-cni has it with ENABLE_POD_ENI: the VLAN device stays on the node, and policy routing
 * binds the pod's veth to it. Names, tables and priorities are aws-cni's, so that a node can have pods of both.
 */

/** The options that this datapath uses. */
export type RoutedOptions = Pick<Options, "interfaceName" | "mtu" | "mode">;

/** Where the pod sends everything. No host has this address: its neighbour entry is the veth's other end. */
export const POD_GATEWAY: Readonly<Record<IpFamily, string>> = { 4: "169.254.1.1", 6: "fe80::1" };

/** The steps from the state found to the state wanted. Pure: the same facts give the same steps. */
export function planRouted(
  branch: BranchAssignment,
  facts: Facts,
  onNode: NodePrimaryFacts,
  options: RoutedOptions,
): Step[] {
  const table = tableOf(branch.vlanId);
  const { addresses, vlanId } = branch;
  return [
    ...bringUp(facts),
    // First, so that nothing of another owner is touched if the id is taken. The device stays down until everything
    // else is in place.
    vlanStep("node", vlanName(vlanId), branch, facts, options.mtu),
    ...clearStale(facts, branch),
    ...replaceOtherDefaults(branch, facts.pod),
    ...removePrimary(facts.pod.primary, {
      ...onNode,
      rules: onNode.rules.filter(isNoneOf(facts.node.rules)),
    }),
    // From here on the pod's packets end in the branch's table, where they are refused until the branch's routes are
    // there. The pod gets the address last, and undo removes it first.
    ...addresses.map(({ family }) => lastResortStep("node", family, table)),
    ...addresses.flatMap((address) => rules(address, vlanId, table, facts, options.mode)),
    ...vlanUp(branch),
    ...addresses.flatMap((address) => routes(address, vlanId, table)),
    ...(usesIpv6(branch) ? ["lo", options.interfaceName].map((device) => ipv6InPod(facts, device)) : []),
    ...addresses.flatMap((address) => inPod(address, facts)),
    ...branch.addresses
      .filter(({ family }) => family === 6)
      .map(({ address }) => step({ kind: "dad", at: "pod", device: facts.pod.primary.link.index, address })),
  ];
}

/** The branch's address on the pod's veth, as a single address, and the route out by the other end. */
function inPod({ family, address }: BranchAddress, { node, pod }: Facts): Step[] {
  const device = pod.primary.link.index;
  const gateway = POD_GATEWAY[family];
  const given = {
    kind: "address",
    at: "pod",
    device,
    address: { address, prefixLength: widthOf(family), scope: Scope.UNIVERSE, flags: 0 },
  } as const;
  const steps = [
    step(given, [{ ...given, absent: true }]),
    routeStep("pod", device, newRoute({ family, destination: gateway, length: widthOf(family) })),
    routeStep("pod", device, newRoute({ ...anyDestination(family), gateway })),
  ];
  if (node.veth.mac === undefined) return steps;
  const neighbour = { address: gateway, mac: node.veth.mac };
  const operation = { kind: "neighbour", at: "pod", device, neighbour } as const;
  return [...steps, step(operation, [{ ...operation, absent: true }])];
}

function vlanUp(branch: BranchAssignment): Step[] {
  const name = vlanName(branch.vlanId);
  // Before it is up: it must not accept addresses from a router, and is no router itself.
  const ipv6 = (parameter: string, value: string) => ipv6Step("node", name, branch, parameter, value);
  return [
    ipv6("accept_ra", "0"),
    ipv6("accept_redirects", "1"),
    ipv6("forwarding", "0"),
    // Neighbour solicitations for the gateway come from its link-local address, so that must not wait for DAD.
    ...(usesIpv6(branch) ? [ipv6("accept_dad", "0")] : []),
    // Set down before the rules are removed: incoming packets must not be looked up in the node's table main.
    step({ kind: "link", at: "node", device: name, up: true }, [
      { kind: "link", at: "node", device: name, up: false },
    ]),
  ];
}

/** The rules that lead to the branch's table, and the route from it to the pod. */
function rules(
  branch: BranchAddress,
  vlanId: number,
  table: number,
  { node }: Facts,
  mode: EnforcingMode,
): Step[] {
  const { family } = branch;
  const pod: IpPrefix = { address: branch.address, length: widthOf(family) };
  const toPod = { family, destination: pod.address, length: pod.length };
  const strict = { family, priority: STRICT_PRIORITY, table };
  return mode === "strict"
    ? [
        routeStep("node", node.veth.index, newRoute({ ...toPod, table })),
        ruleStep("node", { ...strict, inputDevice: vlanName(vlanId) }),
        ruleStep("node", { ...strict, inputDevice: node.veth.name }),
      ]
    : [
        routeStep("node", node.veth.index, newRoute(toPod)),
        ruleStep("node", { family, priority: TO_POD_PRIORITY, table: Table.MAIN, to: pod }),
        ruleStep("node", { family, priority: FROM_POD_PRIORITY, table, from: pod }),
      ];
}

/** The branch's table: the routes out by the VLAN device. */
function routes({ family, gateway }: BranchAddress, vlanId: number, table: number): Step[] {
  const device = vlanName(vlanId);
  return [
    routeStep("node", device, newRoute({ family, destination: gateway, length: widthOf(family), table })),
    routeStep("node", device, newRoute({ ...anyDestination(family), gateway, table })),
  ];
}

/** Rules that are cleared for good must not be restored with those that are only removed for the branch. */
function isNoneOf(cleared: readonly Rule[]): (rule: Rule) => boolean {
  const key = (rule: Rule) => `${rule.family} ${describeRule(rule)}`;
  const keys = new Set(cleared.map(key));
  return (rule) => !keys.has(key(rule));
}
