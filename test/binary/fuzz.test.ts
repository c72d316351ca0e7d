// The executable with anything in its environment and on stdin, in namespaces of its own on this machine's kernel.
//
// Where that kernel has no VLAN devices, an ADD that is right gets as far as the kernel's refusal, and everything before
// it must be taken back; where it has them, DEL follows. What is there is read by iproute2.
import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lockFile } from "../../src/sys/lock.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { type Asked, judge } from "../fuzz/answers.ts";
import { askedBy, environments, stdins } from "../fuzz/configurations.ts";
import { Tally, patience, runs } from "../fuzz/runs.ts";
import { distDirectory, eventually } from "../ground/index.ts";

const OURS = resolve(
  process.env["BRANCHLINE"] ?? join(import.meta.dirname, "../..", distDirectory, "branchline"),
);

/**
 * The node: network, mounts and processes of its own. Nothing outside /run and /tmp can be written, whatever a log file
 * is called; a namespace of another kind is where the tests say. The executable is below /mnt, as it may lie below /tmp.
 */
const SETUP = `
mount --bind '${dirname(OURS)}' /mnt
mount -o remount,ro,bind /mnt
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -o remount,ro,bind /dev
mount -o remount,ro,bind /
mkdir /run/netns
mkfifo /tmp/fifo
ip netns add pod
touch /run/netns/junk
mount --bind /proc/self/ns/uts /run/netns/junk
echo 1 > /proc/sys/net/ipv6/conf/default/addr_gen_mode
ip netns exec pod sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/addr_gen_mode'
ip -batch - <<IP
link set lo up
link add eth1 address 02:00:00:00:00:11 mtu 9001 type veth peer name wire mtu 9001
link set eth1 up
link set wire up
link add ens5 address 02:00:00:00:00:10 type veth peer name router
link set router up
link set ens5 up
addr add 10.0.0.10/24 dev ens5
route add default via 10.0.0.1 dev ens5
link add eni-pod address 02:0e:00:00:00:01 mtu 9001 type veth peer name eth0 mtu 9001 netns pod
link set eni-pod up
route add 10.0.0.50/32 dev eni-pod scope link
rule add priority 512 to 10.0.0.50/32 lookup main
IP
ip -n pod -batch - <<IP
link set lo up
link set eth0 up
addr add 10.0.0.50/32 dev eth0
route add 169.254.1.1 dev eth0 scope link
route add default via 169.254.1.1 dev eth0
neigh add 169.254.1.1 lladdr 02:0e:00:00:00:01 dev eth0 nud permanent
IP
`;

/** All that iproute2 prints of one namespace, a line for each thing. */
const LOOK = [
  "addr show",
  "-4 route show table all",
  "-6 route show table all",
  "-4 rule show",
  "-6 rule show",
  "neigh show nud permanent",
];
const SYSCTLS =
  "cd /proc/sys/net && grep -Hs . ipv4/tcp_early_demux ipv4/conf/*/rp_filter ipv6/conf/*/accept_* ipv6/conf/*/disable_ipv6 ipv6/conf/*/forwarding || true";

let unshare: ChildProcess;
let node: string;
let before: string[];

beforeAll(async () => {
  unshare = spawn(
    "unshare",
    [
      "--net",
      "--mount",
      "--pid",
      "--fork",
      "--mount-proc",
      "--kill-child",
      "--propagation",
      "private",
      "sleep",
      "86400",
    ],
    { stdio: "ignore" },
  );
  const { pid } = unshare;
  if (pid === undefined) throw new Error("unshare did not start");
  node = await eventually("the node's first process", () => {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(" ");
    // It is there before the namespaces' mounts are.
    return child !== undefined && child !== "" && comm(child) === "sleep" ? child : undefined;
  });
  inside(["sh", "-e"], SETUP);
  before = look();
});

afterAll(() => {
  unshare.kill("SIGKILL");
});

function comm(pid: string): string {
  return readFileSync(`/proc/${pid}/comm`, "latin1").trim();
}

const entering = (argv: readonly string[]) => [
  "-t",
  node,
  "--net",
  "--mount",
  "--pid",
  "--wd=/",
  "--",
  ...argv,
];

/** What a command says on the node; throws unless it succeeds. */
function inside(argv: readonly string[], input = ""): string {
  return execFileSync("nsenter", entering(argv), { input, encoding: "utf8", timeout: 30_000 });
}

function look(): string[] {
  const all = ["", "-n pod"].map(
    (where) =>
      `${LOOK.map((what) => `ip ${where} -d -j ${what}; echo`).join("; ")}; ${where === "" ? SYSCTLS : `ip netns exec pod sh -c '${SYSCTLS}'`}`,
  );
  return all
    .flatMap((script, i) =>
      inside(["sh", "-c", script])
        .split("\n")
        .map((line): [string, string] => [i === 0 ? "node" : "pod", line]),
    )
    .flatMap(([where, line]) =>
      (line.startsWith("[") ? things(line) : [line]).map((thing) => `${where}: ${thing}`),
    )
    .filter((line) => !line.endsWith(": "))
    .sort();
}

/** What changed since the last look, a line each. */
function changes(): string[] {
  const [then, now] = [before, look()];
  before = now;
  return [
    ...then.filter((line) => !now.includes(line)).map((line) => `- ${line}`),
    ...now.filter((line) => !then.includes(line)).map((line) => `+ ${line}`),
  ];
}

/** The other end of a veth is seen to be up some moments after it is (linkwatch). */
const LATE = ["NO-CARRIER", "LOWER_UP", "linkdown"];

function things(array: string): string[] {
  return (JSON.parse(array) as Record<string, unknown>[]).map(({ operstate: _, flags, ...thing }) =>
    JSON.stringify({
      ...thing,
      ...(Array.isArray(flags) && { flags: flags.filter((flag) => !LATE.includes(flag)) }),
    }),
  );
}

function call(env: Readonly<Record<string, string>>, stdin: string | Uint8Array) {
  const { status, stdout, error } = spawnSync("nsenter", entering([`/mnt/${basename(OURS)}`]), {
    env,
    input: stdin,
    encoding: "utf8",
    // There is no agent, and a configuration may say that it is waited for.
    timeout: 120_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  if (error !== undefined && !("code" in error && error.code === "EPIPE")) throw error;
  return { status, stdout };
}

/** Files of the state directory, and locks that are held. */
function left(): string[] {
  const state = `/proc/${node}/root/run/branchline`;
  const files = (directory: string) => {
    try {
      return readdirSync(join(state, directory));
    } catch {
      return [];
    }
  };
  return [
    ...files("attachments"),
    ...files(".").filter((file) => !["attachments", "locks", "lib", "library", "warned"].includes(file)),
    ...files("locks").filter((file) => {
      using lock = lockFile(join(state, "locks", file), 0, systemClock);
      return lock === undefined;
    }),
  ];
}

const logs = {
  usual: "/tmp/plugin.log",
  odd: ["/dev/stdout", "/dev/full", "/tmp/fifo", "/tmp", "stderr", "relative"],
};

test("a call is answered by the rules whatever comes in, and leaves nothing", patience, () => {
  const tally = new Tally();
  const property = fc.property(environments, stdins(logs), (env, stdin) => {
    // Without it the executable is a command line.
    const verb = env["CNI_COMMAND"] ?? "ADD";
    const asked: Asked = askedBy(stdin);
    const answer = call({ ...env, CNI_COMMAND: verb }, stdin);
    const { defects, code, msg = "" } = judge(verb, answer, asked);
    expect(defects).toEqual([]);
    const isAttached = left().some((file) => file.endsWith(".json"));
    tally.count(`${verb.slice(0, 10)}: ${code ?? "success"}`);
    if (isAttached || msg.startsWith("create VLAN device ")) tally.count("ADD got as far as the device");
    // A kernel that has VLAN devices made one.
    const end = isAttached ? call({ ...env, CNI_COMMAND: "DEL" }, stdin) : { status: 0, stdout: "" };
    expect(end).toEqual({ status: 0, stdout: "" });
    expect(left()).toEqual([]);
    expect(changes()).toEqual([]);
  });
  fc.assert(property, runs(60, 0.02));
  const deep = { "ADD got as far as the device": 0.05, "ADD: 7": 0.01, "ADD: 6": 0.01, "DEL: success": 0.01 };
  expect(tally.rare(deep)).toEqual([]);
});

test("the look is not blind", () => {
  inside(["ip", "-n", "pod", "route", "del", "default"]);
  expect(changes()).toEqual([expect.stringMatching(/^- pod: .*"dst":"default"/)]);
  inside(["ip", "-n", "pod", "route", "add", "default", "via", "169.254.1.1", "dev", "eth0"]);
  expect(changes()).toHaveLength(1);
});
