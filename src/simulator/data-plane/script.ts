import { devicesDifference } from "./devices.ts";
import type { Devices, DevicesDifference } from "./devices.ts";
import type { Network, Veth } from "./network.ts";
import type { Table } from "./table.ts";
import { tableDifference } from "./table-difference.ts";

/** A network with what the kernel is told of it. */
export interface Layout {
  readonly network: Network;
  readonly devices: Devices;
  readonly table: Table;
}

/** What turns one layout into the other. */
export interface Change {
  readonly newMachines: readonly string[];
  /** For a shell in the VPC's namespace. */
  readonly script: string;
  /** Batches of `ip`, each in an instance's namespace. */
  readonly setUps: readonly { readonly netns: string | undefined; readonly lines: readonly string[] }[];
  readonly goneMachines: readonly string[];
}

/**
 * The way from one layout to the other. Devices that go are taken away before their rules, and devices that come get
 * their rules first: no packet meets an interface without its groups.
 */
export function changeOf(before: Layout, after: Layout): Change {
  const devices = devicesDifference(before.devices, after.devices);
  const script = [
    batch(devices.removals),
    nft(tableDifference(before.table, after.table)),
    batch(devices.creations),
    devices.created.length === 0 ? "" : `cd /proc/sys/net\n${devices.created.map(switches).join("")}`,
    batch(devices.additions),
  ].join("");
  return {
    newMachines: [...after.network.machines].filter((name) => !before.network.machines.has(name)),
    script,
    setUps: setUpsOf(after.network, devices),
    goneMachines: [...before.network.machines].filter((name) => !after.network.machines.has(name)),
  };
}

function setUpsOf(network: Network, { created }: DevicesDifference): Change["setUps"] {
  const veths = created
    .map((device) => network.ports.get(device)?.cable)
    .filter((cable): cable is Veth => cable?.kind === "veth" && cable.setUp.length > 0);
  return [...Map.groupBy(veths, ({ netns }) => netns)].map(([netns, cables]) => ({
    netns,
    lines: cables.flatMap(({ setUp }) => setUp),
  }));
}

/** The router answers ARP and neighbour discovery for all that it leads to, at once. */
function switches(device: string): string {
  return `echo 1 > ipv4/conf/${device}/proxy_arp
echo 0 > ipv4/neigh/${device}/proxy_delay
echo 1 > ipv6/conf/${device}/proxy_ndp
echo 0 > ipv6/neigh/${device}/proxy_delay
echo 0 > ipv6/conf/${device}/accept_ra
`;
}

/** For a namespace that is new. Addresses are EC2's to give out: nobody waits for duplicate address detection. */
export const ROUTER_SWITCHES = `cd /proc/sys/net
echo 1 > ipv4/ip_forward
echo 1 > ipv6/conf/all/forwarding
for where in all default; do
  echo 0 > ipv6/conf/$where/accept_dad
  echo 0 > ipv4/conf/$where/rp_filter
  echo 0 > ipv4/conf/$where/send_redirects
done
ip -batch - <<'IP'
link set lo up
route add blackhole default
route add blackhole ::/0
IP
`;

/** As a part of a shell's script. */
export function batch(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `ip -batch - <<'IP'\n${lines.join("\n")}\nIP\n`;
}

/** As a part of a shell's script. */
export function nft(text: string): string {
  return text === "" ? "" : `nft -f - <<'NFT'\n${text}NFT\n`;
}
