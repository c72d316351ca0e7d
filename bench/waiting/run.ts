/**
 * How long a pod without a branch waits while others wait for their annotations and aws-node writes its list again and
 * again, with containerd 1.6 and 2: some 12 minutes on this machine's kernel, in namespaces of its own.
 *
 *     make dist/macvlan/branchline && test/setup/packages.sh net runtime api && test/setup/containerd.sh &&
 *       test/setup/kubernetes.sh etcd kube-apiserver && node bench/waiting/run.ts [--seconds 60] [1.6|2]...
 *
 * --seconds N is for how long each case is looked at. Prints the table of docs/agent.md. Ends with everything that it
 * started; the pods' cgroups are removed.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { podsCgroup } from "../../test/runtime/containerd/pods.ts";
import type { Spread, Waited } from "./cases.ts";

const CGROUPS = "/sys/fs/cgroup";

const NAMESPACES = ["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"];

/**
 * An empty /run and /var/lib/cni, a /sys that shows this network namespace, and the machine's own cgroups: a fresh version 2
 * has no controllers where the machine holds them in version 1.
 */
const PRIVATE = `mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/cgroup /var/lib/cni
mount -t tmpfs tmpfs /var/lib/cni
mount --rbind ${CGROUPS} /run/cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/cgroup ${CGROUPS}
umount --lazy /run/cgroup
ip link set lo up
exec "$@"`;

/** Of version 2, or one in each hierarchy of version 1. */
function cgroupsOfPods(): string[] {
  return globSync(["", "*"].map((hierarchy) => path.join(CGROUPS, hierarchy, podsCgroup)));
}

function measure(release: string, seconds: string, directory: string): readonly Waited[] {
  const file = path.join(directory, `${release}.json`);
  const { status } = spawnSync(
    "unshare",
    [
      NAMESPACES,
      ["sh", "-ec", PRIVATE, "sh"],
      [process.execPath, path.join(import.meta.dirname, "measure.ts"), file, seconds],
    ].flat(),
    {
      stdio: ["ignore", "inherit", "inherit"],
      // The VPC's branches are macvlans, as the plugin's are: this kernel may lack 8021q.
      env: { ...process.env, CONTAINERD: release, VLAN_STAND_IN: "macvlan" },
    },
  );
  for (const cgroup of cgroupsOfPods()) {
    for (const inner of globSync(path.join(cgroup, "*/"))) rmdirSync(inner);
    rmdirSync(cgroup);
  }
  if (status !== 0) throw new Error(`containerd ${release}: status ${status}`);
  return JSON.parse(readFileSync(file, "utf8")) as readonly Waited[];
}

function cellsOf({ median, p90, max }: Spread): string[] {
  return [median, p90, max].map((ms) => (ms / 1000).toFixed(2));
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

const there = cgroupsOfPods();
if (there.length > 0) {
  process.stderr.write(
    `run.ts: there is a ${there[0]}: this machine has pods of its own, or a run was killed: then remove it with rmdir\n`,
  );
  process.exit(1);
}
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "60" } },
});
const directory = mkdtempSync(path.join(tmpdir(), "branchline-waiting-"));
try {
  const releases = positionals.length > 0 ? positionals : ["1.6", "2"];
  const found = releases.flatMap((release) => measure(release, values.seconds, directory));
  const heads = ["", "containerd", "pods", "median", "p90", "longest", "Status: median", "p90", "longest"];
  const rows = found.map((one) => [
    one.case,
    one.containerd,
    String(one.ordinary.count),
    ...cellsOf(one.ordinary),
    ...cellsOf(one.status),
  ]);
  const lines = [heads, heads.map(() => "---"), ...rows].map(row);
  process.stdout.write(`${lines.join("\n")}\n`);
} finally {
  rmSync(directory, { recursive: true });
}
