// A reboot, as truly as one guest allows: every process of containerd's, every mount and namespace, all that is in /run,
// and what the node's network was given since it booted, are gone; containerd's root directory is kept.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { STATE_DIRECTORY } from "../../../src/state/store.ts";
import { eventually, ipBatch, ipJson, must, run, type Branch } from "../../ground/index.ts";
import { ended } from "./halt.ts";
import type { KubeNode } from "./node.ts";
import { podsCgroup } from "./pods.ts";

/** Leaves the node as after its boot, without containerd. */
export async function reboot(node: KubeNode, branches: readonly Branch[]): Promise<void> {
  const { containerd, addressDir } = node;
  await containerd.kill();
  await endPods(containerd.places.socket);
  await unmountAll([containerd.places.state, "/run/netns/cni-"]);
  for (const name of readdirSync("/run/netns").filter((each) => each.startsWith("cni-")))
    rmSync(path.join("/run/netns", name));
  // aws-cni's own memory is in /var/run too.
  for (const gone of [
    containerd.places.state,
    "/run/containerd",
    STATE_DIRECTORY,
    path.join(addressDir, "attached"),
  ])
    rmSync(gone, { recursive: true, force: true });
  await freshNetwork(branches);
}

/** Shims first, which would report their containers' end. */
async function endPods(socket: string): Promise<void> {
  const shims = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && isShimOf(pid, socket));
  for (const pid of shims) process.kill(Number(pid), "SIGKILL");
  const cgroup = path.join("/sys/fs/cgroup", podsCgroup);
  writeFileSync(path.join(cgroup, "cgroup.kill"), "1");
  await Promise.all(shims.map((pid) => ended(Number(pid))));
  await eventually("the containers' end", () =>
    readFileSync(path.join(cgroup, "cgroup.events"), "utf8").includes("populated 0") ? true : undefined,
  );
  for (const each of readdirSync(cgroup, { withFileTypes: true }))
    if (each.isDirectory()) await must(["rmdir", path.join(cgroup, each.name)]);
}

function isShimOf(pid: string, socket: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return words[0]?.includes("containerd-shim") === true && words.includes(socket);
  } catch {
    return false;
  }
}

async function unmountAll(beginnings: readonly string[]): Promise<void> {
  const mounted = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((mount) => beginnings.some((beginning) => mount.startsWith(beginning)));
  if (mounted.length > 0) await must(["umount", "--lazy", ...mounted.reverse()]);
}

/** No device on the trunk, no rule and no table but the kernel's own: veths have gone with their pods' namespaces. */
async function freshNetwork(branches: readonly Branch[]): Promise<void> {
  const vlans = (
    await ipJson<{ ifname: string; linkinfo?: { info_kind?: string } }>(undefined, "link", "show")
  ).filter(({ linkinfo }) => linkinfo?.info_kind === "vlan");
  await ipBatch(
    undefined,
    vlans.map(({ ifname }) => `link del ${ifname}`),
  );
  const { stdout: tables } = await must(["nft", "list", "tables"]);
  for (const table of tables.split("\n").filter((line) => line.includes(" branchline-")))
    await must(["nft", "delete", ...table.split(" ")]);
  for (const family of [4, 6] as const) {
    const rules = [[0, "local"], [32766, "main"], ...(family === 4 ? [[32767, "default"]] : [])];
    const lines = [
      // What flush spares has priority 0.
      ...(family === 6 ? ["rule del priority 0 from fe80:ec2::1 ipproto ipv6-icmp table local"] : []),
      // The rule for table local may be elsewhere.
      ...rules.map(([priority, table]) => `rule add priority ${priority} table ${table} protocol kernel`),
      ...branches.flatMap(({ vlanId }) => [
        `route flush table ${vlanId + 100}`,
        // IPv6 lists a refusal by lo, and what is by lo a flush leaves.
        `route del unreachable default metric 4294967295 table ${vlanId + 100}`,
      ]),
    ];
    await must(["ip", `-${family}`, "rule", "flush"]);
    // Goes on past what is there already, or never was.
    await run(["ip", `-${family}`, "-force", "-batch", "-"], { input: `${lines.join("\n")}\n` });
  }
}
