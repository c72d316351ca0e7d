import type { Datapath } from "../datapath.ts";
import { vlanName } from "../numbers.ts";
import { DISABLE_IPV6 } from "../sysctl.ts";
import { widthOf } from "../../values/ip.ts";
import { POD_GATEWAY, planRouted } from "./plan.ts";
import { inspectOnNode } from "./remove-primary.ts";

/** The VLAN device stays on the node; the pod's veth gets the branch's addresses in the place of the primary's. */
export const routed: Datapath = {
  sysctls: [DISABLE_IPV6],
  // All that the pod sends goes by its veth, whatever the node's own networks are.
  validate: () => undefined,
  plan: (kernel, branch, facts, options) =>
    planRouted(branch, facts, inspectOnNode(kernel, facts.node, facts.pod.primary), options),
  describe: ({ addresses, vlanId }, { interfaceName }, primary) => ({
    branch: { at: "node", name: vlanName(vlanId) },
    primary: { name: interfaceName, mac: primary?.mac },
    addresses: addresses.map(({ family, address, gateway }) => ({
      address,
      length: widthOf(family),
      gateway,
    })),
    routes: addresses.map(({ family }) => ({ family, gateway: POD_GATEWAY[family] })),
  }),
};
