import { closeSync, existsSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { STATE_DIRECTORY } from "../../../src/state/store.ts";
import { inNamespace, openNamespace } from "../../../src/netns/namespace.ts";
import { setns } from "../../../src/sys/libc.ts";
import { netnsPath } from "../../ground/netns.ts";
import { eventually, must, run } from "../../ground/run.ts";
import { neighbour, trunk } from "../model/node-lines.ts";
import type { Surroundings } from "../model/pod-lines.ts";
import { type Sandbox, addressesOf, mtu, node, podGateway, primaryOf, vpcGateway } from "../model/pool.ts";
import type { SandboxState } from "../model/world.ts";
import { Ip } from "./ip.ts";
import { POD_PARAMETERS, readNode, readPod, valueOf } from "./read.ts";

const CLONE_NEWNET = 0x40000000;
const [NODE, FAR, NEIGHBOURS_POD, USUAL] = ["chaos-node", "chaos-far", "chaos-neighbour", "chaos-usual"];

/**
 * A node in a network namespace of its own, which this thread enters, with two ENIs and what another maker has on it:
 * a fresh one is made by opening another. Nobody sends anything: what counts is what the kernel holds.
 */
export class Ground {
  readonly #ip: Ip;
  /** A process in each pod's namespace, as in life. */
  readonly #pods = new Map<string, Ip>();
  /** The node before anything of a pod was there. */
  base: readonly string[] = [];
  /** Another maker's pod, with a VLAN device of the trunk in it. */
  neighboursPod: { readonly netns: string; readonly base: readonly string[] } = { netns: "", base: [] };
  around: Surroundings = { trunkIndex: 0, usual: { loopback: {}, device: {} } };

  private constructor() {
    this.#ip = new Ip();
  }

  static async open(): Promise<Ground> {
    rmSync(STATE_DIRECTORY, { recursive: true, force: true });
    await enterFreshNamespace();
    const ground = new Ground();
    try {
      await ground.#make();
      return ground;
    } catch (error) {
      await ground.close();
      throw error;
    }
  }

  async #make(): Promise<void> {
    for (const key of ["ipv4/ip_forward", "ipv6/conf/all/forwarding"])
      writeFileSync(`/proc/sys/net/${key}`, "1");
    await this.#ip.run([FAR, NEIGHBOURS_POD, USUAL].map((name) => `netns add ${name}`));
    await this.#ip.run([...ENIS, ...NEIGHBOURS, ...NEIGHBOURS_ROUTES]);
    await this.podIp(FAR).run(["link set far0 up", "link set far1 up"]);
    await this.podIp(NEIGHBOURS_POD).run([
      "link set lo up",
      "link set branch98 up",
      "addr add 10.0.2.98/32 dev branch98",
    ]);
    this.around = { trunkIndex: await indexOf(trunk.name), usual: usualParameters() };
    this.base = await this.read();
    this.neighboursPod = { netns: NEIGHBOURS_POD, base: await this.readPod(NEIGHBOURS_POD) };
  }

  async close(): Promise<void> {
    await Promise.all([this.#ip, ...this.#pods.values()].map((ip) => ip.end()));
  }

  read(): Promise<string[]> {
    return readNode(this.#ip);
  }

  async readPod(netns: string): Promise<string[]> {
    const ip = this.podIp(netns);
    const lines = await readPod(ip, netns);
    await ip.renew();
    return lines;
  }

  podIp(netns: string): Ip {
    const known = this.#pods.get(netns);
    if (known !== undefined) return known;
    const ip = new Ip(netns);
    this.#pods.set(netns, ip);
    return ip;
  }

  /** Makes a sandbox's namespace, and wires it as aws-cni would. */
  async make(spec: Sandbox): Promise<void> {
    const { netns } = spec;
    const { veth, vethMac, podMac, ...primary } = primaryOf(spec);
    const addresses = addressesOf(primary);
    await this.#ip.run([`netns add ${netns}`]);
    prepareIpv6(netns, spec.withoutIpv6 === true);
    const gateways = addresses.map((one) => ({ ...one, gateway: podGateway[one.family] }));
    await this.podIp(netns).run([
      "link set lo up",
      // Given by a process: ip keeps one given by name open for as long as it lives.
      `link add eth0 address ${podMac} mtu ${mtu} type veth peer name ${veth} address ${vethMac} mtu ${mtu} netns ${process.pid}`,
      "link set eth0 up",
      ...gateways.flatMap(({ family, address, gateway }) => [
        family === 4 ? `addr add ${address}/32 dev eth0` : `addr add ${address}/128 dev eth0 nodad`,
        `route add ${gateway} dev eth0 scope link`,
        `route add default via ${gateway} dev eth0`,
        `neigh add ${gateway} lladdr ${vethMac} dev eth0 nud permanent`,
      ]),
    ]);
    await this.#ip.run([
      `link set ${veth} up`,
      ...addresses.map(
        ({ family, address }) => `route add ${address} dev ${veth}${family === 4 ? " scope link" : ""}`,
      ),
    ]);
    for (const { family, address } of addresses) {
      await this.#ip.run([`rule add priority 512 to ${address} table main`], family);
    }
  }

  /** Its namespace goes, with all that is in it. */
  async destroy({ netns, ...spec }: Sandbox): Promise<void> {
    await this.#pods.get(netns)?.end();
    this.#pods.delete(netns);
    await this.#ip.run([`netns del ${netns}`]);
    // The kernel takes a namespace's devices away a moment after its name.
    const { veth } = primaryOf({ netns, ...spec });
    await eventually(`${veth} gone`, () =>
      existsSync(`/proc/sys/net/ipv4/conf/${veth}`) ? undefined : true,
    );
  }

  async unplug(spec: Sandbox): Promise<void> {
    await this.#ip.run([`link del ${primaryOf(spec).veth}`]);
  }

  /** The primary's own DEL, which takes away what there is, and the end of the namespace. */
  async bury({ spec, rules, namespace }: SandboxState): Promise<void> {
    for (const { family, address } of addressesOf(primaryOf(spec))) {
      const rule = `rule del priority 512 to ${address} table main`;
      if (rules === "there") await this.#ip.run([rule], family);
      if (rules === "maybe") await run(["ip", `-${family}`, ...rule.split(" ")]);
    }
    if (namespace) await this.destroy(spec);
  }

  async setTrunk(up: boolean): Promise<void> {
    await this.#ip.run(
      up ? [`link set ${trunk.name} up`, ...NEIGHBOURS_ROUTES] : [`link set ${trunk.name} down`],
    );
  }

  async setNeighbour(strict: boolean): Promise<void> {
    const { priority, inputDevice, table } = neighbour.strictRule;
    await this.#ip.run(
      [`rule ${strict ? "add" : "del"} priority ${priority} iif ${inputDevice} table ${table}`],
      4,
    );
  }

  /** What the state directory holds, as paths below it. */
  files(): string[] {
    if (!existsSync(STATE_DIRECTORY)) return [];
    const entries = readdirSync(STATE_DIRECTORY, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map(({ parentPath, name }) => `${parentPath}/${name}`.slice(STATE_DIRECTORY.length + 1));
  }
}

/** The thread's next namespace; what it leaves goes with its last name. */
async function enterFreshNamespace(): Promise<void> {
  const { stdout } = await must(["ip", "netns", "list"]);
  const stale = stdout
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((name) => /^(sb|chaos)-/.test(name));
  await must(["ip", "-batch", "-"], {
    input: [...stale.map((name) => `netns del ${name}\n`), `netns add ${NODE}\n`].join(""),
  });
  const fd = openSync(netnsPath(NODE), "r");
  setns(fd, CLONE_NEWNET);
  closeSync(fd);
}

const ENIS = [
  "link set lo up",
  `link add eth0 address 02:00:00:00:00:10 mtu ${mtu} type veth peer name far0 mtu ${mtu} netns ${FAR}`,
  `link add ${trunk.name} address ${trunk.mac} mtu ${mtu} type veth peer name far1 mtu ${mtu} netns ${FAR}`,
  `addr add ${node.ipv4}/16 dev eth0`,
  `addr add ${node.ipv6}/128 dev eth0 nodad`,
  "link set eth0 up",
  `link set ${trunk.name} up`,
  `route add default via ${vpcGateway[4]} dev eth0`,
  `route add ${vpcGateway[6]} dev eth0`,
  `route add default via ${vpcGateway[6]} dev eth0`,
];

/** As aws-cni leaves a pod in standard mode, and what else may be on a node; another VLAN device is in a namespace. */
const NEIGHBOURS = [
  `link add link ${trunk.name} name ${neighbour.vlan} address ${neighbour.mac} mtu ${mtu} type vlan id ${neighbour.vlanId}`,
  `link set ${neighbour.vlan} up`,
  "rule add priority 512 to 10.0.2.99 table main",
  `rule add priority 1536 from 10.0.2.99 table ${neighbour.table}`,
  "rule add priority 1024 fwmark 0x80/0x80 table main",
  "rule add priority 700 from 192.0.2.0/24 table 300",
  "route add blackhole default table 300",
  `link add link ${trunk.name} name branch98 netns ${NEIGHBOURS_POD} address 02:aa:00:00:00:62 mtu ${mtu} type vlan id 98`,
];

const NEIGHBOURS_ROUTES = [
  `route replace ${vpcGateway[4]} dev ${neighbour.vlan} scope link table ${neighbour.table}`,
  `route replace default via ${vpcGateway[4]} dev ${neighbour.vlan} table ${neighbour.table}`,
];

/** Duplicate address detection sends nothing, so that nobody waits a second for it; all else of it is as usual. */
function prepareIpv6(netns: string, off: boolean): void {
  using namespace = openNamespace(netnsPath(netns));
  inNamespace(namespace, () => {
    for (const which of ["default", "lo"]) {
      const write = (parameter: string, value: string) =>
        writeFileSync(`/proc/sys/net/ipv6/conf/${which}/${parameter}`, value);
      write("dad_transmits", "0");
      write("router_solicitation_delay", "0");
      if (off) write("disable_ipv6", "1");
    }
  });
}

function usualParameters(): Surroundings["usual"] {
  using namespace = openNamespace(netnsPath(USUAL));
  const of = (device: string) =>
    Object.fromEntries(
      POD_PARAMETERS.map((parameter) => [parameter, valueOf(parameter.replace("/", `/conf/${device}/`))]),
    );
  return inNamespace(namespace, () => ({ loopback: of("lo"), device: of("default") }));
}

async function indexOf(device: string): Promise<number> {
  const { stdout } = await must(["ip", "-j", "link", "show", device]);
  const [link] = JSON.parse(stdout) as { ifindex: number }[];
  if (link === undefined) throw new Error(`no ${device}`);
  return link.ifindex;
}
