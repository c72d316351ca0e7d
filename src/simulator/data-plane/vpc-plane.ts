import { devicesOf } from "./devices.ts";
import type { DevicesOptions } from "./devices.ts";
import { shell, execute } from "./execute.ts";
import { emptyNetwork } from "./network.ts";
import type { Network } from "./network.ts";
import { ROUTER_SWITCHES, batch, changeOf, nft } from "./script.ts";
import type { Layout } from "./script.ts";
import { EMPTY_TABLE, POINTS, baseText, countersOf, tableOf } from "./table.ts";

export interface VpcPlaneOptions extends Pick<DevicesOptions, "branchType"> {
  /** The VPC's namespace: a router between all interfaces. */
  readonly netns: string;
}

/**
 * One VPC in the kernel. Needs root, iproute2, nftables and conntrack; throws a CommandError when one of them fails, and
 * is of no use from then on but to be closed.
 */
export class VpcPlane {
  readonly netns: string;
  readonly #options: DevicesOptions;
  #now: Layout;
  /** Which interface had an address last: its connections are tracked on after it is unplugged. */
  readonly #owners = new Map<string, string>();

  private constructor({ netns, ...options }: VpcPlaneOptions) {
    this.netns = netns;
    this.#options = { ...options, pid: process.pid };
    this.#now = this.#layoutOf(emptyNetwork);
  }

  /** Makes the namespace, with nothing plugged into it. */
  static async open(options: VpcPlaneOptions): Promise<VpcPlane> {
    const plane = new VpcPlane(options);
    await execute(["ip", "netns", "add", plane.netns]);
    await shell(plane.netns, ROUTER_SWITCHES + nft(baseText()));
    return plane;
  }

  get network(): Network {
    return this.#now.network;
  }

  /** Makes the kernel have this. One call at a time. */
  async apply(network: Network): Promise<void> {
    const next = this.#layoutOf(network);
    const change = changeOf(this.#now, next);
    for (const name of change.newMachines) await addMachine(name);
    const script = change.script + this.#forget(network);
    if (script !== "") await shell(this.netns, script);
    for (const { netns, lines } of change.setUps) await shell(netns, batch(lines));
    for (const name of change.goneMachines) await deleteNamespace(name);
    this.#now = next;
  }

  /** What was allowed to an address is not allowed to the next interface that gets it. */
  #forget(network: Network): string {
    const taken: string[] = [];
    for (const { eni, addresses } of network.ports.values()) {
      for (const address of addresses) {
        const owner = this.#owners.get(address);
        if (owner !== undefined && owner !== eni) taken.push(address);
        this.#owners.set(address, eni);
      }
    }
    // conntrack ends with 1 when there was nothing to delete.
    return taken
      .flatMap((address) =>
        ["--orig-src", "--orig-dst"].map((side) => `conntrack -D ${side} ${address} >/dev/null 2>&1 || :\n`),
      )
      .join("");
  }

  #layoutOf(network: Network): Layout {
    const isEmpty = network === emptyNetwork;
    return {
      network,
      devices: devicesOf(network, this.#options),
      table: isEmpty ? EMPTY_TABLE : tableOf(network),
    };
  }

  /** `nft -j list table`: what counters.ts reads. */
  counters(): Promise<string> {
    return execute(["ip", "netns", "exec", this.netns, "nft", "-j", "list", "table", "inet", "vpc"]);
  }

  /** Starts all counters afresh. */
  async forget(): Promise<void> {
    const sets = POINTS.flatMap(countersOf);
    await this.nft(sets.map((set) => `flush set inet vpc ${set}\n`).join(""));
  }

  /** Runs rules of the caller's own, which stay until the end. */
  async nft(text: string): Promise<void> {
    await shell(this.netns, nft(text));
  }

  /** Takes away all that it made; also after a failure. */
  async close(): Promise<void> {
    const { machines, ports } = this.#now.network;
    // Devices first: the kernel takes a namespace's devices away only some time after its name.
    const trunks = [...ports.values()].filter(({ cable }) => cable.kind === "veth");
    await shell(
      this.netns,
      trunks.map(({ device }) => `ip link del ${device} 2>/dev/null || :\n`).join(""),
    ).catch(() => undefined);
    for (const name of [...machines, this.netns]) await deleteNamespace(name);
    this.#now = this.#layoutOf(emptyNetwork);
  }
}

async function addMachine(name: string): Promise<void> {
  await execute(["ip", "netns", "add", name]);
  await shell(name, "ip link set lo up");
}

/** With all that runs in it, as when an instance ends; one that is gone is fine. */
export async function deleteNamespace(name: string): Promise<void> {
  await execute([
    "sh",
    "-c",
    'kill -9 $(ip netns pids "$1" 2>/dev/null) 2>/dev/null; ip netns del "$1" 2>/dev/null; ! ip netns list | grep -q "^$1\\( \\|$\\)"',
    "sh",
    name,
  ]);
}
