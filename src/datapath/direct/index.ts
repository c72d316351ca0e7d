import type { Datapath } from "../datapath.ts";
import { DISABLE_IPV6 } from "../sysctl.ts";
import { refuseNetworksPastBranch } from "./networks.ts";
import { planDirect } from "./plan.ts";
import { RENAMED_SYSCTLS } from "./rename-primary.ts";

/** The VLAN device is the pod's interface; the primary's stays beside it under another name. */
export const direct: Datapath = {
  sysctls: [...RENAMED_SYSCTLS, DISABLE_IPV6],
  validate: refuseNetworksPastBranch,
  plan: (_kernel, branch, facts, options) => planDirect(branch, facts, options),
  describe: ({ addresses }, { interfaceName, hostInterfaceName }) => ({
    branch: { at: "pod", name: interfaceName },
    primary: { name: hostInterfaceName },
    addresses: addresses.map(({ address, prefixLength: length, gateway }) => ({ address, length, gateway })),
    routes: addresses,
  }),
};
