// `branchline agent` on a node: directories of its own, and a real API server.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  unlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { connect } from "node:net";
import path from "node:path";
import { text as textOf } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AttachmentStore } from "../../src/state/store.ts";
import { systemClock } from "../../src/sys/clock.ts";
import type { KubernetesObject } from "../ground/kubernetes/client.ts";
import { eventually } from "../ground/run.ts";
import { askForBranch } from "./support/ask.ts";
import { RunningAgent } from "./support/running-agent.ts";
import { makeNamespace, shared } from "./support/shared.ts";

const OURS = path.resolve(import.meta.dirname, "../../dist/branchline");
const LIST = "05-branchline.conflist";
const CNI_NODES = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";

let directory: string;
let node: string;
let running: RunningAgent | undefined;

const at = (...parts: string[]) => path.join(directory, ...parts);
const conf = (name: string) => at("net.d", name);
const plugin = () => at("bin", "branchline");

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "agent-"));
  mkdirSync(at("bin"));
  mkdirSync(at("net.d"));
  node = `node-of-${await makeNamespace("agent")}`;
  await shared.admin.create("/api/v1/nodes", { metadata: { name: node } });
});

afterEach(async () => {
  await running?.end("SIGKILL");
  running = undefined;
  rmSync(directory, { recursive: true });
});

function start(
  args: readonly string[] = ["--trunk-mac", "02:00:00:00:00:11"],
  kubeconfig?: string,
): RunningAgent {
  running = new RunningAgent({ directory, node, kubeconfig: kubeconfig ?? shared.adminKubeconfig, args });
  return running;
}

const aws = (more: object = {}) => ({ type: "aws-cni", vethPrefix: "eni", mtu: "9001", ...more });

/** As aws-node's script does it: in place, not by a rename. */
function writePrimary(...plugins: object[]): void {
  writeFileSync(
    conf("10-aws.conflist"),
    JSON.stringify({ cniVersion: "0.4.0", name: "aws-cni", disableCheck: true, plugins }, undefined, 2),
  );
}

interface List {
  readonly plugins: readonly { readonly type: string; readonly mtu?: string; readonly listFile?: string }[];
}

const ourList = () => JSON.parse(readFileSync(conf(LIST), "utf8")) as List;
/** None while it is not there, or is what somebody has made of it. */
const ourTypes = () =>
  existsSync(conf(LIST)) && statSync(conf(LIST)).size > 0 ? ourList().plugins.map(({ type }) => type) : [];

async function makeCniNode(): Promise<void> {
  await shared.admin.create(CNI_NODES, {
    apiVersion: "vpcresources.k8s.aws/v1alpha1",
    kind: "CNINode",
    metadata: { name: node },
    spec: {},
  });
}

async function features(): Promise<unknown> {
  const { spec } = await shared.admin.get(`${CNI_NODES}/${node}`);
  return spec?.["features"];
}

const declared = [{ name: "SecurityGroupsForPods" }];

describe("a start", () => {
  it("the feature comes after the list, which comes after the primary's", async () => {
    await makeCniNode();
    const agent = start();
    await agent.lacks("ListFirst", "waiting for the primary plugin's list (there is none)");
    expect(readFileSync(plugin()).equals(readFileSync(OURS))).toBe(true);
    expect(statSync(plugin()).mode & 0o777).toBe(0o755);
    expect(existsSync(at("state", "agent.sock"))).toBe(true);
    expect(await features()).toBeUndefined();
    writePrimary(aws(), { type: "portmap" });
    await agent.isReady();
    expect(ourTypes()).toEqual(["aws-cni", "branchline", "portmap"]);
    expect(ourList().plugins[1]?.listFile).toBe(conf(LIST));
    await eventually("the feature", async () => ((await features()) === undefined ? undefined : true));
    expect(await features()).toEqual(declared);
    const written = statSync(conf(LIST)).mtimeMs;
    const patched = shared
      .audited("admin")
      .filter(({ verb, objectRef }) => verb === "patch" && objectRef?.name === node)
      .map(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp));
    expect(patched).toHaveLength(1);
    expect(patched[0]).toBeGreaterThanOrEqual(Math.floor(written));
  });

  it("waits for a CNINode that comes later, and for one that is made anew", async () => {
    writePrimary(aws());
    const agent = start();
    await agent.isReady();
    await eventually("it says so", async () =>
      (await agent.health("readyz")).text.includes(`waiting for the CNINode ${node}`) ? true : undefined,
    );
    await makeCniNode();
    await eventually("the feature", async () => ((await features()) === undefined ? undefined : true));
    await shared.admin.delete(`${CNI_NODES}/${node}`);
    await makeCniNode();
    await eventually("the feature again", async () => ((await features()) === undefined ? undefined : true));
    expect(await features()).toEqual(declared);
  });

  it("without rights: nothing is written, and readiness names what is denied", async () => {
    writePrimary(aws());
    await makeCniNode();
    const agent = start([], await shared.kubeconfigFor({ user: "agent-without-rights" }));
    await agent.lacks("CachesComplete", 'User "agent-without-rights" cannot list resource "pods"');
    expect(readdirSync(at("net.d"))).toEqual(["10-aws.conflist"]);
    expect(existsSync(at("state", "agent.sock"))).toBe(false);
    expect((await agent.health("healthz")).status).toBe(200);
    expect(await features()).toBeUndefined();
  });

  it("without the API server: waits, and says so", async () => {
    writePrimary(aws());
    const config = readFileSync(shared.adminKubeconfig, "utf8").replace(
      /https:\/\/127.0.0.1:\d+/,
      "https://127.0.0.1:1",
    );
    writeFileSync(at("kubeconfig"), config);
    const agent = start([], at("kubeconfig"));
    await agent.lacks("CachesComplete", "ECONNREFUSED");
    expect(readdirSync(at("net.d"))).toEqual(["10-aws.conflist"]);
    expect(await agent.end("SIGTERM")).toBe(0);
  });
});

describe("what others do to it", () => {
  it.each<[string, () => void]>([
    ["the list removed", () => rmSync(conf(LIST))],
    ["the list emptied", () => truncateSync(conf(LIST))],
    [
      "our entry taken out of the list",
      () => writeFileSync(conf(LIST), readFileSync(conf("10-aws.conflist"))),
    ],
    ["the list's mode", () => chmodSync(conf(LIST), 0o666)],
  ])("%s: it is right again at once", async (_what, harm) => {
    writePrimary(aws());
    const agent = start();
    await agent.isReady();
    harm();
    await expect.poll(ourTypes, { timeout: 5_000 }).toEqual(["aws-cni", "branchline"]);
    await expect.poll(() => statSync(conf(LIST)).mode & 0o777, { timeout: 5_000 }).toBe(0o644);
  });

  it("the primary's list written anew: ours follows, and is not written when nothing changed", async () => {
    writePrimary(aws());
    const agent = start();
    await agent.isReady();
    writePrimary(aws({ mtu: "1500" }), { type: "bandwidth" });
    await eventually("the new MTU", async () => (ourList().plugins[0]?.mtu === "1500" ? true : undefined));
    expect(ourTypes()).toEqual(["aws-cni", "branchline", "bandwidth"]);
    const { ino } = statSync(conf(LIST));
    for (let i = 0; i < 10; i += 1) {
      writePrimary(aws({ mtu: "1500" }), { type: "bandwidth" });
      await new Promise((done) => setTimeout(done, 50));
    }
    await new Promise((done) => setTimeout(done, 500));
    expect(statSync(conf(LIST)).ino).toBe(ino);
    expect(readdirSync(at("net.d")).sort()).toEqual([LIST, "10-aws.conflist"]);
  });

  it("aws-node writes its list again and again, each time another: ours follows, and is whole all the while", async () => {
    writePrimary(aws());
    const agent = start();
    await agent.isReady();
    const variants: object[][] = [
      [aws(), { type: "portmap" }],
      [{ type: "portmap" }, aws()],
      [aws({ mtu: "1500" }), { type: "egress-cni" }, { type: "portmap" }, { type: "bandwidth" }],
      [aws()],
    ];
    let looks = 0;
    const wrong: unknown[] = [];
    const end = Date.now() + 8_000;
    for (let i = 0; Date.now() < end; i += 1) {
      // In place, as aws-node's script does it, and slowly.
      const plugins = variants[i % variants.length] ?? [];
      const text = JSON.stringify({ cniVersion: i % 2 === 0 ? "0.4.0" : "1.0.0", name: "aws-cni", plugins });
      writeFileSync(conf("10-aws.conflist"), text.slice(0, 40));
      await new Promise((done) => setTimeout(done, 30));
      writeFileSync(conf("10-aws.conflist"), text);
      chmodSync(conf("10-aws.conflist"), i % 3 === 0 ? 0o600 : 0o644);
      for (let look = 0; look < 10; look += 1) {
        const [first] = readdirSync(at("net.d"))
          .filter((name) => name.endsWith(".conflist"))
          .sort();
        const types = ourTypes();
        if (first !== LIST || !types.includes("branchline") || !types.includes("aws-cni"))
          wrong.push([first, types]);
        looks += 1;
        await new Promise((done) => setTimeout(done, 20));
      }
    }
    expect(wrong).toEqual([]);
    expect(looks).toBeGreaterThan(50);
    writePrimary(aws({ mtu: "9001" }), { type: "last" });
    await expect.poll(ourTypes, { timeout: 5_000 }).toEqual(["aws-cni", "branchline", "last"]);
    expect(await agent.health("readyz")).toMatchObject({ status: 200 });
  });

  it("istio-cni appends itself in place, and again when it is gone: nobody overwrites the other", async () => {
    writePrimary(aws(), { type: "portmap" });
    const agent = start();
    await agent.isReady();
    const istio = { type: "istio-cni", plugin_log_level: "info" };
    const append = () => {
      const list = ourList();
      const plugins = [...list.plugins.filter(({ type }) => type !== istio.type), istio];
      writeFileSync(conf(LIST), JSON.stringify({ ...list, plugins }, undefined, 2));
    };
    append();
    const all = ["aws-cni", "branchline", "portmap", "istio-cni"];
    await new Promise((done) => setTimeout(done, 1_000));
    expect(ourTypes()).toEqual(all);
    expect((await agent.metrics()).get("branchline_agent_list_repairs_total")).toBe(0);
    // The primary's list changes, ours is harmed, the agent starts anew: it stays.
    writePrimary(aws({ mtu: "1500" }), { type: "portmap" });
    await eventually("the new MTU", async () => (ourList().plugins[0]?.mtu === "1500" ? true : undefined));
    expect(ourTypes()).toEqual(all);
    await agent.end("SIGKILL");
    const again = start();
    await again.isReady();
    expect(ourTypes()).toEqual(all);
    rmSync(conf(LIST));
    await expect.poll(ourTypes, { timeout: 5_000 }).toEqual(["aws-cni", "branchline", "portmap"]);
    append();
    await new Promise((done) => setTimeout(done, 1_000));
    expect(ourTypes()).toEqual(all);
  });

  it("a list that comes before ours: not ready, with the remedy", async () => {
    writePrimary(aws());
    const agent = start();
    await agent.isReady();
    writeFileSync(conf("00-mine.conflist"), readFileSync(conf("10-aws.conflist")));
    await agent.lacks("ListFirst", "the runtime looks at 00-mine.conflist first, which comes before");
    rmSync(conf("00-mine.conflist"));
    await agent.isReady();
    expect(ourTypes()).toEqual(["aws-cni", "branchline"]);
  });

  it("the plugin overwritten: it is right again with the next change", async () => {
    writePrimary(aws());
    const agent = start();
    await agent.isReady();
    writeFileSync(plugin(), "x");
    writePrimary(aws());
    await expect.poll(() => statSync(plugin()).size, { timeout: 5_000 }).toBe(statSync(OURS).size);
  });
});

it("the primary's list where the runtime does not look: ours alone is in its directory", async () => {
  writePrimary(aws());
  const agent = start([
    "--trunk-interface",
    "lo",
    "--cni-conf-dir",
    at("runtime"),
    "--primary-conf-dir",
    at("net.d"),
  ]);
  await agent.lacks("ListFirst", "ENOENT");
  mkdirSync(at("runtime"));
  await agent.isReady();
  expect(readdirSync(at("runtime"))).toEqual([LIST]);
  expect(readdirSync(at("net.d"))).toEqual(["10-aws.conflist"]);
  // A directory that goes and comes again is watched all the same.
  for (const place of ["runtime", "net.d"]) {
    rmSync(at(place), { recursive: true });
    mkdirSync(at(place));
  }
  writePrimary(aws({ mtu: "1500" }));
  await expect.poll(() => readdirSync(at("runtime")), { timeout: 10_000 }).toEqual([LIST]);
  await agent.isReady();
  writePrimary(aws({ mtu: "1600" }));
  await expect
    .poll(() => readFileSync(at("runtime", LIST), "utf8"), { timeout: 5_000 })
    .toContain('"mtu": "1600"');
});

it("the socket removed: it is there again at the next look", async () => {
  writePrimary(aws());
  const agent = start();
  await agent.isReady();
  rmSync(at("state", "agent.sock"));
  writePrimary(aws({ mtu: "1500" }));
  await expect.poll(() => existsSync(at("state", "agent.sock")), { timeout: 5_000 }).toBe(true);
  await agent.isReady();
});

it("a state directory that others may write to: not ready, with the reason, until it is put right", async () => {
  writePrimary(aws());
  mkdirSync(at("state"));
  chmodSync(at("state"), 0o777);
  const agent = start();
  await agent.lacks("SocketAnswers", "is writable by others");
  expect((await agent.health("healthz")).status).toBe(200);
  chmodSync(at("state"), 0o700);
  writePrimary(aws({ mtu: "1500" }));
  await agent.isReady();
  expect(await agent.end("SIGTERM")).toBe(0);
});

it("a list that cannot be written: said once, tried at each look, and no more often", async () => {
  writePrimary(aws());
  mkdirSync(conf(LIST));
  const agent = start();
  await agent.lacks("ListFirst", `Cannot write ${conf(LIST)}: EISDIR`);
  await new Promise((done) => setTimeout(done, 2_000));
  expect(agent.lines.filter(({ message }) => message.includes("EISDIR"))).toHaveLength(1);
  expect(readdirSync(at("net.d")).sort()).toEqual([LIST, "10-aws.conflist"]);
});

describe("an end", () => {
  it("by SIGTERM leaves everything in place, and takes a moment", async () => {
    writePrimary(aws());
    const agent = start();
    await agent.isReady();
    const before = performance.now();
    expect(await agent.end("SIGTERM")).toBe(0);
    expect(performance.now() - before).toBeLessThan(3_000);
    expect(ourTypes()).toContain("branchline");
    expect(existsSync(plugin())).toBe(true);
  });

  it("by SIGKILL at any moment: the next start puts everything right", async () => {
    await makeCniNode();
    writePrimary(aws());
    // From before anything is done until after everything is.
    for (const wait of [20, 100, 200, 300, 400, 500, 700, 1000]) {
      const agent = start();
      await new Promise((done) => setTimeout(done, wait));
      await agent.end("SIGKILL");
      // Whatever was done, no feature without the list.
      const isDeclared = (await features()) !== undefined;
      expect(isDeclared && !ourTypes().includes("branchline")).toBe(false);
    }
    const agent = start();
    await agent.isReady();
    await eventually("the feature", async () => ((await features()) === undefined ? undefined : true));
    expect(await features()).toEqual(declared);
    expect(readdirSync(at("net.d")).sort()).toEqual([LIST, "10-aws.conflist"]);
    expect(readdirSync(at("bin"))).toEqual(["branchline"]);
    expect(readdirSync(at("state")).sort()).toEqual(["agent.sock", "trunk.json"]);
  });
});

describe("a pod that runs without its branch is said, on the pod", () => {
  let pods: string;
  beforeEach(() => {
    pods = `/api/v1/namespaces/${node.replace("node-of-", "")}/pods`;
    writePrimary(aws());
  });

  async function makeRunning(name: string, spec: object): Promise<string> {
    const { metadata } = await shared.admin.create(pods, {
      metadata: { name },
      spec: { nodeName: node, ...spec },
    });
    await shared.admin.patch(`${pods}/${name}/status`, "merge", { status: { phase: "Running" } });
    return metadata.uid ?? "";
  }

  /** Its names and messages, of these pods. */
  const said = async (...uids: readonly string[]) =>
    (await shared.admin.list<PodEvent>("/api/v1/events"))
      .filter(
        ({ reason, involvedObject }) => reason === "PodUnprotected" && uids.includes(involvedObject.uid),
      )
      .map(({ involvedObject, message }) => `${involvedObject.name}: ${message}`);

  it("and one with a record is not", async () => {
    const resources = { limits: { "vpc.amazonaws.com/pod-eni": "1" } };
    const spec = { containers: [{ name: "c", image: "c", resources }] };
    const escaped = await makeRunning("escaped", spec);
    const attached = await makeRunning("attached", spec);
    new AttachmentStore(at("state"), systemClock).write({
      version: 1,
      containerId: "c1",
      ifName: "eth0",
      network: "aws-cni",
      pod: { uid: attached },
      eniId: "eni-0123456789abcdef0",
      mac: "02:b1:00:00:00:07",
      vlanId: 7,
      addresses: [],
      namespace: { path: "/run/netns/none", identity: "1:2" },
      datapath: "direct",
      mode: "standard",
      trunk: { name: "eth1", index: 3, mac: "02:00:00:00:00:11" },
      hostInterfaceName: "host0",
      steps: [],
    });
    start();
    await expect.poll(() => said(escaped, attached), { timeout: 10_000 }).toHaveLength(1);
    expect((await said(escaped, attached))[0]).toMatch(
      /^escaped: .* it has a limit of vpc.amazonaws.com\/pod-eni;/,
    );
  });

  it("also if only the labels of its ServiceAccount show that a policy selects it", async () => {
    const namespace = node.replace("node-of-", "");
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    for (const team of ["till", "other"])
      await shared.admin.create(accounts, { metadata: { name: team, labels: { team } } });
    await shared.admin.create(
      `/apis/vpcresources.k8s.aws/v1beta1/namespaces/${namespace}/securitygrouppolicies`,
      {
        apiVersion: "vpcresources.k8s.aws/v1beta1",
        kind: "SecurityGroupPolicy",
        metadata: { name: "till" },
        spec: {
          serviceAccountSelector: { matchLabels: { team: "till" } },
          securityGroups: { groupIds: ["sg-1"] },
        },
      },
    );
    const specOf = (serviceAccountName: string) => ({
      serviceAccountName,
      containers: [{ name: "c", image: "c" }],
    });
    const other = await makeRunning("other", specOf("other"));
    const before = await makeRunning("before", specOf("till"));
    const agent = start();
    await expect.poll(() => said(before, other), { timeout: 10_000 }).toHaveLength(1);
    // And one that starts by another list while the agent runs.
    const later = await makeRunning("later", specOf("till"));
    await expect.poll(() => said(before, later, other), { timeout: 10_000 }).toHaveLength(2);
    const why = `though SecurityGroupPolicy ${namespace}/till selects it`;
    for (const one of await said(before, later, other)) expect(one).toContain(why);
    expect((await agent.metrics()).get("branchline_agent_escaped_pods")).toBe(2);
  });
});

interface PodEvent extends KubernetesObject {
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly uid: string; readonly name: string };
}

describe("the trunk", () => {
  const trunkJson = () =>
    existsSync(at("state", "trunk.json"))
      ? (JSON.parse(readFileSync(at("state", "trunk.json"), "utf8")) as object)
      : undefined;

  it("is the CNINode's, and follows it; until then it is said what was tried", async () => {
    writePrimary(aws());
    await makeCniNode();
    const agent = start([]);
    await agent.isReady();
    await eventually("it says what was tried", async () => {
      const { text } = await agent.health("readyz");
      return text.includes("[-]TrunkFound: no trunk yet: the CNINode has no status.trunkInterface;")
        ? true
        : undefined;
    });
    const say = (id: string, macAddress: string) =>
      shared.admin.patch(`${CNI_NODES}/${node}/status`, "merge", {
        status: { trunkInterface: { id, macAddress, deviceIndex: 1, subnetID: "subnet-0123456789abcdef0" } },
      });
    await say("eni-0123456789abcdef0", "02:00:00:00:00:AA");
    await eventually("trunk.json", async () => (trunkJson() === undefined ? undefined : true));
    expect(trunkJson()).toEqual({ eniId: "eni-0123456789abcdef0", mac: "02:00:00:00:00:aa" });
  });

  it("is the one of the flag", async () => {
    writePrimary(aws());
    start(["--trunk-interface", "lo"]);
    await eventually("trunk.json", async () => (trunkJson() === undefined ? undefined : true));
    expect(trunkJson()).toEqual({ mac: "00:00:00:00:00:00" });
  });
});

it("thousands of requests for its metrics on one connection: one is answered, and the connection is closed", async () => {
  writePrimary(aws());
  const agent = start();
  await agent.isReady();
  const { port } = new URL(agent.metricsUrl);
  const client = connect(Number(port), "127.0.0.1");
  client.write("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2_000));
  const answers = (await textOf(client)).match(/^HTTP\/1.1 200/gm);
  expect(answers).toHaveLength(1);
});

it("its metrics say what it did", async () => {
  writePrimary(aws());
  const agent = start();
  await agent.isReady();
  await askForBranch(at("state"), { namespace: "default", name: "nobody", uid: "u1" }, 1_000);
  unlinkSync(conf(LIST));
  await eventually("the repair is counted", async () =>
    (await agent.metrics()).get("branchline_agent_list_repairs_total") === 1 ? true : undefined,
  );
  const figures = await agent.metrics();
  expect(Object.fromEntries([...figures].filter(([name]) => name.startsWith("branchline_")))).toMatchObject({
    'branchline_agent_condition{condition="ListFirst"}': 1,
    'branchline_agent_condition{condition="TrunkFound"}': 1,
    'branchline_agent_answer_seconds_count{answer="refused"}': 1,
    'branchline_agent_answer_seconds_bucket{le="30",answer="refused"}': 1,
    branchline_agent_attachments: 0,
    branchline_agent_escaped_pods: 0,
    branchline_agent_unenforced_pods: 0,
    branchline_agent_routes_restored_total: 0,
    branchline_agent_collected_total: 0,
  });
  const ages = [...figures.keys()].filter((name) => name.startsWith("branchline_agent_cache_age_seconds"));
  expect(ages).toHaveLength(5);
  expect(figures.get("process_resident_memory_bytes")).toBeGreaterThan(0);
});
