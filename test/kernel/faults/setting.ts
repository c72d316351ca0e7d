// A VPC with one branch, and pods that a primary has wired, each as often as a test file wants a sandbox of one pod.
import { mkdtemp, rm } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  createPod,
  createVpc,
  eventually,
  ipBatch,
  netnsPath,
  settled,
  snapshot,
  writeConflist,
  type Branch,
  type Network,
  type Pod,
  type Snapshot,
  type Vpc,
} from "../../ground/index.ts";
import { poll, systemClock } from "../../../src/sys/clock.ts";
import type { Sandbox } from "./plugin.ts";
import { changes, viewOf, type View } from "./view.ts";

export class Setting {
  readonly vpc: Vpc;
  readonly branch: Branch;
  readonly scratch: string;
  readonly #network: Network;
  readonly #before: Snapshot;
  readonly #pods: Pod[] = [];

  private constructor(vpc: Vpc, branch: Branch, scratch: string, network: Network, before: Snapshot) {
    this.vpc = vpc;
    this.branch = branch;
    this.scratch = scratch;
    this.#network = network;
    this.#before = before;
  }

  static async open(): Promise<Setting> {
    const scratch = await mkdtemp(path.join(tmpdir(), "faults-"));
    const before = await snapshot();
    // Strict, so that there is a step that makes the veth's loose.
    const vpc = await createVpc({ reversePathFilter: "strict" });
    const branch = await vpc.attachBranch({
      vlanId: 7,
      ipv4: "10.0.0.20",
      ipv6: "2001:db8:1::20",
      groups: ["node"],
    });
    const network = await writeConflist(scratch, { primary: "aws", branchline: false });
    return new Setting(vpc, branch, scratch, network, before);
  }

  /** A sandbox of the one pod that owns the branch, wired by the stand-in for aws-cni in both families. */
  async sandbox(name: string, host: number): Promise<Sandbox> {
    const pod = await createPod({
      vpc: this.vpc,
      network: this.#network,
      name,
      addresses: [`10.0.0.${host}`, `2001:db8:1::${host}`],
    });
    this.#pods.push(pod);
    const prevResult = await pod.mustAdd();
    return {
      containerId: pod.containerId,
      netns: pod.netns,
      uid: "uid-of-the-pod",
      annotation: this.branch.annotation,
      prevResult,
      logFile: path.join(this.scratch, "plugin.log"),
    };
  }

  /** A sandbox that costs little and is to be thrown away: its host side goes with its namespace. */
  async throwaway(name: string, host: number): Promise<Sandbox> {
    const [ipv4, ipv6] = [`10.0.0.${host}`, `2001:db8:1::${host}`];
    await ipBatch(undefined, [
      `netns add ${name}`,
      `link add eni-${name} type veth peer name eth0 netns ${name}`,
      `link set eni-${name} up`,
      `route add ${ipv4}/32 dev eni-${name}`,
      `route add ${ipv6}/128 dev eni-${name}`,
    ]);
    await ipBatch(name, [
      "link set lo up",
      "link set eth0 up",
      `addr add ${ipv4}/32 dev eth0`,
      `addr add ${ipv6}/128 dev eth0 nodad`,
      "route add 169.254.1.1 dev eth0 scope link",
      "route add default via 169.254.1.1 dev eth0",
      "route add default via fe80::1 dev eth0",
    ]);
    return {
      containerId: name,
      netns: name,
      uid: "uid-of-the-pod",
      annotation: this.branch.annotation,
      prevResult: {
        cniVersion: "1.0.0",
        interfaces: [{ name: `eni-${name}` }, { name: "eth0", sandbox: netnsPath(name) }],
        ips: [
          { address: `${ipv4}/32`, interface: 1 },
          { address: `${ipv6}/128`, interface: 1 },
        ],
      },
      logFile: path.join(this.scratch, "plugin.log"),
    };
  }

  /** Removes everything, and holds what iproute2 shows against what it showed before. */
  async close(): Promise<void> {
    for (const pod of this.#pods.splice(0)) await pod.remove();
    await this.vpc.close();
    await rm(this.scratch, { recursive: true, force: true });
    await settled(undefined, this.#before);
  }
}

/** The node and some sandboxes as they were, to be held against what they are. */
export class Before {
  readonly #views: readonly (readonly [string, string | undefined, View])[];

  constructor(sandboxes: readonly Sandbox[]) {
    this.#views = [
      ["node", undefined, viewOf()] as const,
      ...sandboxes.map(({ netns }) => [netns, netnsPath(netns), viewOf(netnsPath(netns))] as const),
    ];
  }

  /** One line for each difference. */
  differences(): string[] {
    return this.#views.flatMap(([name, at, before]) =>
      changes(before, viewOf(at)).map((line) => `${name}: ${line}`),
    );
  }

  /** The same after a namespace was deleted: the kernel takes away what was in it a moment later. */
  async expectSoon(what: string, stateDirectory: string): Promise<void> {
    await eventually(what, () => (this.differences().length === 0 ? true : undefined)).catch(() => undefined);
    this.expectAgain(what, stateDirectory);
  }

  /**
   * Throws, saying after what, unless everything is as it was and no record is left. The kernel inserts the local route
   * of an IPv6 address from a work queue (addrconf_dad_work), a moment after it has acknowledged the address.
   */
  expectAgain(what: string, stateDirectory: string): void {
    poll(systemClock, 2_000, 50, () => (this.differences().length === 0 ? true : undefined));
    const left = [...this.differences(), ...recordsIn(stateDirectory)];
    if (left.length > 0) throw new Error(`${what}: not as before:\n${left.join("\n")}`);
  }
}

/** All files in the directory of records, finished or not. */
export function recordsIn(stateDirectory: string): string[] {
  return readdirSync(path.join(stateDirectory, "attachments"));
}
