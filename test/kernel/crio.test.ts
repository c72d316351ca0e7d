// What CRI-O does that containerd does not, by the CNI project's own library: CHECK with the chain's result right after
// ADD, all of the result's addresses taken for the pod's, VERSION of every plugin asked before a list is taken, GC at its
// start with the attachments that it still knows.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../src/state/store.ts";
import {
  createPod,
  createVpc,
  distDirectory,
  deleteNetns,
  must,
  run,
  settled,
  snapshot,
  writeConflist,
  type Branch,
  type Network,
  type Pod,
  type Snapshot,
  type Vpc,
} from "../ground/index.ts";
import { records } from "./support/sandbox.ts";

let vpc: Vpc;
let scratch: string;
let network: Network;
let branches: readonly Branch[];
let before: Snapshot;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), "crio-"));
  vpc = await createVpc();
  branches = await vpc.attachBranches(
    [7, 8].map((vlanId) => ({
      vlanId,
      ipv4: `10.0.0.${20 + vlanId}`,
      ipv6: `2001:db8:1::${20 + vlanId}`,
      groups: ["node"],
    })),
  );
  // libcni calls a plugin's own GC from this version on.
  network = await writeConflist(scratch, {
    primary: "aws",
    name: "crio",
    cniVersion: "1.1.0",
    // The primary gives IPv4 only.
    branchline: { families: ["4", "6"] },
  });
  before = await snapshot();
});

afterAll(async () => {
  await vpc.close();
  await rm(scratch, { recursive: true, force: true });
  await rm(STATE_DIRECTORY, { recursive: true, force: true });
});

test("VERSION of every plugin of the list: each knows the list's version", async () => {
  for (const { type } of network.conflist["plugins"] as readonly { readonly type: string }[]) {
    const files = network.pluginPath.split(path.delimiter).map((dir) => path.join(dir, type));
    const { stdout } = await must([
      "sh",
      "-c",
      `for file in ${files.join(" ")}; do [ -x "$file" ] && CNI_COMMAND=VERSION exec "$file"; done`,
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ supportedVersions: expect.arrayContaining(["1.1.0"]) });
  }
});

test("ADD, CHECK at once, and GC at the runtime's start: one pod is known still, of the other nothing is", async () => {
  const pods: Pod[] = [];
  for (const [i, branch] of branches.entries())
    pods.push(await createPod({ vpc, network, name: `crio-${i}`, branch, addresses: [`10.0.0.${50 + i}`] }));
  const [kept, lost] = pods;
  if (kept === undefined || lost === undefined) throw new Error("no pods");
  for (const pod of pods) {
    const { ips } = await pod.mustAdd();
    expect((await pod.check()).error).toBeUndefined();
    expect(ips?.map(({ address }) => address)).toEqual([`${pod.branch?.ipv4}/24`, `${pod.branch?.ipv6}/128`]);
  }

  // The runtime was killed, and lost a sandbox whose namespace is gone too.
  await deleteNetns(lost.netns);
  const valid = [{ containerID: kept.containerId, ifname: "eth0" }];
  const gc = await run([path.resolve(import.meta.dirname, "../..", distDirectory, "branchline")], {
    env: { CNI_COMMAND: "GC", CNI_PATH: network.pluginPath },
    input: JSON.stringify({
      cniVersion: "1.1.0",
      name: "crio",
      type: "branchline",
      pluginLogFile: path.join(scratch, "branchline.log"),
      // libcni writes both.
      "cni.dev/valid-attachments": valid,
      "cni.dev/attachments": valid,
    }),
  });
  expect(gc).toMatchObject({ status: 0, stdout: "" });
  expect(records()).toEqual([`7:${kept.containerId}:eth0.json`]);
  expect((await kept.check()).error).toBeUndefined();

  // The library's own GC: DEL of each attachment in its cache, then the plugins' GC, which is told nothing here.
  const whole = await kept.call("gc");
  expect(whole).toMatchObject({ status: 0 });
  expect(records()).toEqual([]);
  for (const pod of pods) await pod.remove();
  await settled(undefined, before);
});
