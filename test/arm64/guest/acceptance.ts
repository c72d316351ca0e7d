/**
 * What an executable does on the kernel that this runs on, in a guest: as a runtime calls it, and what iproute2 sees
 * afterwards. Without vitest, whose native parts are the host's.
 *
 *     node acceptance.ts EXECUTABLE FILE
 *
 * Writes to FILE what was seen, as a JSON object of `Seen`: the test on the host judges it. Nothing is left out of it: a
 * step that throws ends this with a status of its own.
 */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createNetns, ipBatch, ipJson, mustExec, netnsPath } from "../../ground/netns.ts";
import { eventually, run, type Outcome } from "../../ground/run.ts";
import { diffSnapshots, snapshot } from "../../ground/snapshot.ts";

/** A call's answer: what it wrote, and how it ended. */
export interface Call {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Seen {
  /** `uname -m`. */
  readonly machine: string;
  readonly calls: Readonly<Record<string, Call>>;
  /** The pod's devices after ADD, with their kind. */
  readonly devices: readonly string[];
  /** Whether a ping from the pod by its branch was answered. */
  readonly pinged: boolean;
  /** Differences to before the pod, of the node and of the pod, by what came before. */
  readonly left: Readonly<Record<string, readonly string[]>>;
  /** Records of attachments, in the same way. */
  readonly records: Readonly<Record<string, readonly string[]>>;
}

const [, , source, file] = process.argv;
if (source === undefined || file === undefined) throw new TypeError("usage: acceptance.ts EXECUTABLE FILE");

// As on a node: the native library is written beside it.
const PLUGIN = "/opt/cni/bin/branchline";
mkdirSync("/opt/cni/bin", { recursive: true });
copyFileSync(source, PLUGIN);

const VLAN = 7;
const POD = "pod";
const LOG = "/tmp/branchline.log";
const annotation = JSON.stringify([
  {
    eniId: "eni-0b000000000000007",
    ifAddress: "02:b1:00:00:00:07",
    privateIp: "10.0.0.20",
    ipv6Addr: "",
    vlanId: VLAN,
    subnetCidr: "10.0.0.0/24",
    subnetV6Cidr: "",
    associationID: "trunk-assoc-00000000000000007",
  },
]);
/** What the primary left: a veth, and the pod's address on it. */
const primary = {
  cniVersion: "1.0.0",
  interfaces: [{ name: "eni-pod" }, { name: "eth0", mac: "1", sandbox: netnsPath(POD) }],
  ips: [{ interface: 1, address: "10.0.0.50/32" }],
};

/** Settings of one call over the usual ones. */
type Settings = Readonly<Record<string, unknown>>;

function configOf(settings: Settings): string {
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "acceptance",
    type: "branchline",
    enablePodENI: true,
    missingAnnotation: "pass",
    gatewayTimeout: 0,
    serviceCIDRs: ["172.20.0.0/16"],
    trunk: { interface: "eth1" },
    pluginLogFile: LOG,
    prevResult: primary,
    ...settings,
  });
}

const withBranch = {
  runtimeConfig: { "io.kubernetes.cri.pod-annotations": { "vpc.amazonaws.com/pod-eni": annotation } },
};
const without = { runtimeConfig: { "io.kubernetes.cri.pod-annotations": { a: "b" } } };

async function call(verb: string, settings: Settings = {}, before: readonly string[] = []): Promise<Call> {
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: "sandbox-pod",
    CNI_NETNS: netnsPath(POD),
    CNI_IFNAME: "eth0",
    CNI_PATH: "/opt/cni/bin",
    CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod;K8S_POD_UID=uid-pod",
    PATH: "/usr/bin:/bin",
  };
  const argv = [...before, PLUGIN] as unknown as [string, ...string[]];
  return told(await run(argv, { env, input: configOf(settings), timeout: 120_000 }));
}

const told = ({ status, stdout, stderr }: Outcome): Call => ({ status, stdout, stderr });

function records(): string[] {
  try {
    return readdirSync("/run/branchline/attachments").toSorted();
  } catch {
    return [];
  }
}

/** The node's trunk, and the VPC at its other end, which answers for the branch's gateway. */
async function makeGround(): Promise<void> {
  await createNetns("vpc");
  await ipBatch(undefined, [
    "link add eth1 address 02:00:00:00:00:11 mtu 9001 type veth peer name trunk0 mtu 9001 netns vpc",
    "link set eth1 up",
  ]);
  await ipBatch("vpc", [
    "link set trunk0 up",
    `link add link trunk0 name gateway type vlan id ${VLAN}`,
    "addr add 10.0.0.1/24 dev gateway",
    "link set gateway up",
  ]);
  await createNetns(POD);
  await ipBatch(undefined, [
    `link add eni-pod address 02:0e:0e:0e:0e:01 mtu 9001 type veth peer name eth0 mtu 9001 netns ${POD}`,
    "link set eni-pod up",
    "route add 10.0.0.50/32 dev eni-pod scope link",
  ]);
  await ipBatch(POD, [
    "link set eth0 up",
    "addr add 10.0.0.50/32 dev eth0",
    "route add 169.254.1.1 dev eth0 scope link",
    "route add default via 169.254.1.1 dev eth0",
  ]);
}

async function devicesOfPod(): Promise<string[]> {
  const links = await ipJson<{ ifname: string; linkinfo?: { info_kind?: string } }>(POD, "link", "show");
  return links.map(({ ifname, linkinfo }) => `${ifname} ${linkinfo?.info_kind ?? "none"}`).toSorted();
}

await makeGround();
const calls: Record<string, Call> = {};
const left: Record<string, string[]> = {};
const recorded: Record<string, string[]> = {};

calls["--version"] = told(await run([PLUGIN, "--version"], { timeout: 120_000 }));
calls["VERSION"] = await call("VERSION");
calls["pass-through"] = await call("ADD", without);

const before = { node: await snapshot(), pod: await snapshot(POD) };
async function look(after: string): Promise<void> {
  const differences = async () => [
    ...diffSnapshots(before.node, await snapshot()).map((line) => `node: ${line}`),
    ...diffSnapshots(before.pod, await snapshot(POD)).map((line) => `pod: ${line}`),
  ];
  left[after] = await differences();
  recorded[after] = records();
}

// With the usual wait for the gateway, which answers.
calls["ADD"] = await call("ADD", { ...withBranch, gatewayTimeout: 20 });
await look("ADD");
const devices = await devicesOfPod();
const pinged =
  (await run(["ip", "netns", "exec", POD, "ping", "-c", "1", "-W", "10", "10.0.0.1"])).status === 0;
const result: object = calls["ADD"].status === 0 ? (JSON.parse(calls["ADD"].stdout) as object) : primary;
const attached = { ...withBranch, prevResult: result };
calls["CHECK"] = await call("CHECK", attached);
await mustExec(POD, ["ip", "link", "set", "eth0", "down"]);
calls["CHECK of a pod whose device is down"] = await call("CHECK", attached);
calls["DEL"] = await call("DEL", attached);
await look("DEL");

// A gateway that does not answer: everything of the ADD is undone.
await mustExec("vpc", ["ip", "link", "set", "gateway", "down"]);
calls["ADD without a gateway"] = await call("ADD", { ...withBranch, gatewayTimeout: 2 });
await look("ADD without a gateway");

// Killed while it waits for one, with the device made: the next DEL finds what is left.
const killed = call("ADD", { ...withBranch, gatewayTimeout: 60 }, [
  "sh",
  "-c",
  'echo $$ >/tmp/pid; exec "$0"',
]);
await eventually(
  "the device",
  async () => ((await devicesOfPod()).includes("eth0 vlan") ? true : undefined),
  60_000,
);
await run(["sh", "-c", "kill -KILL $(cat /tmp/pid)"]);
calls["ADD that is killed"] = await killed;
await look("ADD that is killed");
calls["DEL after it"] = await call("DEL", withBranch);
await look("DEL after it");

const { stdout } = await run(["uname", "-m"]);
const seen: Seen = { machine: stdout.trim(), calls, devices, pinged, left, records: recorded };
writeFileSync(file, JSON.stringify(seen));
