// The way between the VPC and what is outside of it: the control plane's programs, and the simulated EC2. The instance
// `control-plane` stands for them: whoever asks it at one of the ports is led out, and what comes from outside into the VPC has
// its address, so that the groups of its interface decide.
import { must } from "../../ground/run.ts";
import { mustExec } from "../../ground/netns.ts";
import { VPC_CIDR } from "../world.ts";
import type { Machine } from "./site.ts";

/** The ends of the link between the site's own network and the instance. */
export const SITE_ADDRESS = "10.99.1.1";
const INSTANCE_ADDRESS = "10.99.1.2";
/** The ends of the link by which a guest's instance reaches the machine outside. */
export const OUTSIDE_ADDRESS = "10.99.0.1";
export const GUEST_ADDRESS = "10.99.0.2";

/** The port of EC2 at the control plane's address. */
export const EC2_PORT = 4566;

export interface GateOptions {
  readonly controlPlane: Machine;
  /** Who is led where: ports at the control plane's address, and addresses with ports outside. */
  readonly doors: readonly { readonly port: number; readonly to: string }[];
  /** The device that leads to the machine outside of a guest; it is moved into the instance. */
  readonly nic?: string;
  /** Ports for the machine outside at GUEST_ADDRESS. */
  readonly inside?: readonly { readonly port: number; readonly to: string }[];
}

/** Opens it. It goes with the instance's namespace. */
export async function openGate({ controlPlane, doors, nic, inside = [] }: GateOptions): Promise<void> {
  const { netns, address } = controlPlane;
  await must(["ip", "link", "add", "mgmt", "type", "veth", "peer", "name", "mgmt", "netns", netns]);
  await must(["ip", "-batch", "-"], {
    input: `addr add ${SITE_ADDRESS}/30 dev mgmt
link set mgmt up
route add ${VPC_CIDR} via ${INSTANCE_ADDRESS}
`,
  });
  if (nic !== undefined) await must(["ip", "link", "set", nic, "netns", netns, "name", "outside"]);
  const dnat = (from: string, list: readonly { readonly port: number; readonly to: string }[]) =>
    list.map(({ port, to }) => `    ${from} tcp dport ${port} dnat to ${to}`).join("\n");
  await mustExec(netns, ["sh", "-e"], {
    input: `ip -batch - <<'IP'
addr add ${INSTANCE_ADDRESS}/30 dev mgmt
link set mgmt up
${nic === undefined ? "" : `addr add ${GUEST_ADDRESS}/24 dev outside\nlink set outside up\n`}IP
echo 1 > /proc/sys/net/ipv4/ip_forward
nft -f - <<'NFT'
table ip gate {
  chain prerouting {
    type nat hook prerouting priority dstnat;
${dnat(`iifname "eth0" ip daddr ${address}`, doors)}
${dnat(`iifname "outside"`, inside)}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "eth0" ip saddr != ${address} snat to ${address}
    # The site's own network knows no way to the machine outside.
    oifname "mgmt" ip saddr ${OUTSIDE_ADDRESS} masquerade
  }
}
NFT
`,
  });
}
