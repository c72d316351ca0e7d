import type { BranchAddress, BranchAssignment } from "../../ipam/annotation.ts";
import { type IpFamily, type IpPrefix, widthOf } from "../../netlink/ip.ts";
import { Scope, Table } from "../../netlink/route/constants.ts";
import { anyDestination, newRoute } from "../../netlink/route/route.ts";
import type { Facts } from "../facts.ts";
import { FROM_POD_PRIORITY, STRICT_PRIORITY, TO_POD_PRIORITY, tableOf } from "../numbers.ts";
import type { Step } from "../operation.ts";
import { replaceOtherDefaults } from "../other-defaults.ts";
import { bringUp, clearStale, routeStep, ruleStep, step, ipv6Step, usesIpv6, vlanStep } from "../steps.ts";
import { factOf, sysctlKey } from "../sysctl.ts";
import { type HostPrimaryFacts, giveWay } from "./primary.ts";

/**
 * The routed datapath, as aws-cni has it with ENABLE_POD_ENI: the VLAN device stays on the node, and policy routing
 * binds the pod's veth to it. Names, tables and priorities are aws-cni's, so that a node may hold pods of both.
 */

export type EnforcingMode = "strict" | "standard";

export interface RoutedOptions {
  /** The pod's interface (CNI_IFNAME). */
  readonly interfaceName: string;
  /** Bytes; at most the trunk's. */
  readonly mtu: number;
  readonly mode: EnforcingMode;
}

/** Where the pod sends everything: no such host is there, its neighbour entry is the veth's other end. */
export const POD_GATEWAY: Readonly<Record<IpFamily, string>> = { 4: "169.254.1.1", 6: "fe80::1" };

/** The VLAN device's name on the node; tools of the node look for it. */
export function vlanName(vlanId: number): string {
  return `vlan.eth.${vlanId}`;
}

/** The steps from what is there to what shall be. No kernel is asked, and the same facts give the same steps. */
export function planRouted(
  branch: BranchAssignment,
  facts: Facts,
  onHost: HostPrimaryFacts,
  options: RoutedOptions,
): Step[] {
  const table = tableOf(branch.vlanId);
  return [
    ...bringUp(facts),
    ...replaceOtherDefaults(branch, facts.pod),
    ...giveWay(facts.pod.primary, onHost),
    ...(usesIpv6(branch) ? ipv6InPod(facts, options) : []),
    ...branch.addresses.flatMap((address) => inPod(address, facts)),
    ...clearStale(facts),
    ...vlanDevice(branch, facts, options),
    ...branch.addresses.flatMap((address) => onNode(address, branch.vlanId, table, facts, options.mode)),
    ...branch.addresses
      .filter(({ family }) => family === 6)
      .map(({ address }) =>
        step({ kind: "unique", at: "pod", device: facts.pod.primary.link.index, address }),
      ),
  ];
}

/** Runtimes switch IPv6 off in namespaces that they take for IPv4's. */
function ipv6InPod({ pod }: Facts, options: RoutedOptions): Step[] {
  const sysctl = { family: "ipv6", parameter: "disable_ipv6" } as const;
  return ["lo", options.interfaceName].map((device) => {
    const key = sysctlKey(sysctl, device);
    const old = factOf(pod.sysctls, sysctl, device);
    return step(
      { kind: "sysctl", at: "pod", key, value: "0" },
      old === undefined || old === "0"
        ? []
        : [{ kind: "sysctl", at: "pod", key, value: old, optional: true }],
    );
  });
}

/** The branch's address on the pod's veth, alone on its network, and the way out by the other end. */
function inPod({ family, address }: BranchAddress, { host, pod }: Facts): Step[] {
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
  if (host.veth.mac === undefined) return steps;
  const neighbour = { address: gateway, mac: host.veth.mac };
  const operation = { kind: "neighbour", at: "pod", device, neighbour } as const;
  return [...steps, step(operation, [{ ...operation, absent: true }])];
}

function vlanDevice(branch: BranchAssignment, facts: Facts, options: RoutedOptions): Step[] {
  const name = vlanName(branch.vlanId);
  // Before it is up: no router may tell it an address, and it is no router itself.
  const ipv6 = (parameter: string, value: string) => ipv6Step("host", name, branch, parameter, value);
  return [
    vlanStep("host", name, branch, facts, options.mtu),
    ipv6("accept_ra", "0"),
    ipv6("accept_redirects", "1"),
    ipv6("forwarding", "0"),
    // Its link-local address asks for the gateway, so it must not be waited for.
    ...(usesIpv6(branch) ? [ipv6("accept_dad", "0")] : []),
    step({ kind: "link", at: "host", device: name, up: true }),
  ];
}

/** The branch's table, and the rules that lead to it. */
function onNode(
  branch: BranchAddress,
  vlanId: number,
  table: number,
  { host }: Facts,
  mode: EnforcingMode,
): Step[] {
  const { family, gateway } = branch;
  const device = vlanName(vlanId);
  const pod: IpPrefix = { address: branch.address, length: widthOf(family) };
  const toPod = { family, destination: pod.address, length: pod.length };
  return [
    routeStep("host", device, newRoute({ family, destination: gateway, length: widthOf(family), table })),
    routeStep("host", device, newRoute({ ...anyDestination(family), gateway, table })),
    ...(mode === "strict"
      ? [
          routeStep("host", host.veth.index, newRoute({ ...toPod, table })),
          ruleStep("host", { family, priority: STRICT_PRIORITY, table, inputDevice: device }),
          ruleStep("host", { family, priority: STRICT_PRIORITY, table, inputDevice: host.veth.name }),
        ]
      : [
          routeStep("host", host.veth.index, newRoute(toPod)),
          ruleStep("host", { family, priority: TO_POD_PRIORITY, table: Table.MAIN, to: pod }),
          ruleStep("host", { family, priority: FROM_POD_PRIORITY, table, from: pod }),
        ]),
  ];
}
