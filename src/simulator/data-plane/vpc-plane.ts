import { POINTS, TABLE, baseText, flowSetsOf, totalSetOf } from "./base-table.ts";
import { devicesOf } from "./devices.ts";
import type { DevicesOptions } from "./devices.ts";
import { shell, execute } from "./execute.ts";
import { emptyNetwork } from "./network.ts";
import type { Network } from "./network.ts";
import { Owners } from "./owners.ts";
import { ROUTER_SWITCHES, batch, changeOf, nft } from "./script.ts";
import type { Layout } from "./script.ts";
import { tableOf } from "./table.ts";

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
  /** Namespaces of instances that were made, or may have been. */
  readonly #machines = new Set<string>();
  readonly #owners = new Owners();

  private constructor({ netns, ...options }: VpcPlaneOptions) {
    this.netns = netns;
    this.#options = { ...options, pid: process.pid };
    this.#now = this.#layoutOf(emptyNetwork);
  }

  /** Makes the namespace, with nothing plugged into it. */
  static async open(options: VpcPlaneOptions): Promise<VpcPlane> {
    const plane = new VpcPlane(options);
    await execute(["ip", "netns", "add", plane.netns]);
    try {
      await shell(plane.netns, ROUTER_SWITCHES + nft(baseText()));
    } catch (error) {
      await plane.close();
      throw error;
    }
    return plane;
  }

  get network(): Network {
    return this.#now.network;
  }

  /** Makes the kernel have this. One call at a time. */
  async apply(network: Network): Promise<void> {
    const next = this.#layoutOf(network);
    const change = changeOf(this.#now, next);
    for (const name of change.newMachines) {
      this.#machines.add(name);
      await addMachine(name);
    }
    const script = change.script + this.#forget(network);
    if (script !== "") await shell(this.netns, script);
    for (const { netns, lines } of change.setUps) await shell(netns, batch(lines));
    await deleteNamespaces(change.goneMachines);
    for (const name of change.goneMachines) this.#machines.delete(name);
    this.#now = next;
  }

  /** What was allowed to an address is not allowed to the next interface that gets it. */
  #forget(network: Network): string {
    // conntrack ends with 1 when there was nothing to delete.
    return this.#owners
      .take(network)
      .flatMap((address) =>
        ["--orig-src", "--orig-dst"].map((side) => `conntrack -D ${side} ${address} >/dev/null 2>&1 || :\n`),
      )
      .join("");
  }

  #layoutOf(network: Network): Layout {
    return { network, devices: devicesOf(network, this.#options), table: tableOf(network) };
  }

  /** Rules, and what each interface has sent and got in all: one JSON document a line, for `totalsOf`. */
  async totals(): Promise<string[]> {
    const lists = [
      `-t list table ${TABLE}`,
      ...POINTS.map((point) => `list set ${TABLE} ${totalSetOf(point)}`),
    ];
    const said = await shell(this.netns, lists.map((list) => `nft -j ${list}\necho\n`).join(""));
    return said.split("\n").filter((line) => line !== "");
  }

  /** `nft -j list table` with all flows that were told apart: for `flowsOf`. */
  flows(): Promise<string> {
    return shell(this.netns, `nft -j list table ${TABLE}\n`);
  }

  /** Starts all counters afresh. */
  async forget(): Promise<void> {
    const sets = POINTS.flatMap((point) => [totalSetOf(point), ...flowSetsOf(point)]);
    await this.nft(sets.map((set) => `flush set ${TABLE} ${set}\n`).join(""));
  }

  /** Runs rules of the caller's own, which stay until the end. */
  async nft(text: string): Promise<void> {
    await shell(this.netns, nft(text));
  }

  /** Takes away all that it made; also after a failure. */
  async close(): Promise<void> {
    const veths = [...this.#now.network.ports.values()].filter(({ cable }) => cable.kind === "veth");
    // Devices first: the kernel takes a namespace's devices away only some time after its name.
    const script = veths.map(({ device }) => `ip link del ${device} 2>/dev/null || :\n`).join("");
    if (script !== "") await shell(this.netns, script).catch(() => undefined);
    await deleteNamespaces([...this.#machines, this.netns]);
    this.#machines.clear();
    this.#now = this.#layoutOf(emptyNetwork);
  }
}

async function addMachine(name: string): Promise<void> {
  await execute(["ip", "netns", "add", name]);
  await shell(name, "ip link set lo up");
}

/** With all that runs in them, as when an instance ends; one that is gone is fine. */
export async function deleteNamespaces(names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  await shell(
    undefined,
    `for name in ${names.join(" ")}; do
  [ -e "/run/netns/$name" ] || continue
  pids=$(ip netns pids "$name") || :
  [ -z "$pids" ] || kill -9 $pids 2>/dev/null || :
  ip netns del "$name"
done
`,
  );
}
