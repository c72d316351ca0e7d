// `branchline explain` as somebody meets it who gets things wrong, and pods that are not like others.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Report } from "../../src/explain/report.ts";
import { run } from "../ground/run.ts";
import { asked } from "./support/rights.ts";
import { makeNamespace, shared } from "./support/shared.ts";

const OURS = path.resolve(import.meta.dirname, "../../dist/branchline");
const USER = "explainer";

let namespace: string;
let scratch: string;

beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), "branchline-explain-"));
  namespace = await makeNamespace("explain");
  // Pods of a node that is not there are collected.
  await shared.admin.create("/api/v1/nodes", { metadata: { name: `node-of-${namespace}` } });
  await create("cart-0", {});
  await create("cart-1", {}, { phase: "Running", podIPs: [{ ip: "fd00::5" }], podIP: "fd00::5" });
  await create(
    "edge-0",
    { hostNetwork: true },
    { phase: "Running", podIPs: [{ ip: "10.0.0.4" }], podIP: "10.0.0.4" },
  );
  await create("done-0", {}, { phase: "Succeeded" });
  await create("job-0", {}, {}, { "eks.amazonaws.com/fargate-profile": "p" });
});

afterAll(() => rmSync(scratch, { recursive: true }));

async function create(name: string, spec: object, status: object = {}, labels: object = {}): Promise<void> {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await shared.admin.create(pods, {
    metadata: { name, labels: { app: "web", ...labels } },
    spec: { nodeName: `node-of-${namespace}`, containers: [{ name: "c", image: "i" }], ...spec },
  });
  await shared.admin.patch(`${pods}/${name}/status`, "merge", { status });
}

async function explain(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = await run([OURS, "explain", ...args], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: scratch,
      KUBECONFIG: shared.adminKubeconfig,
      AWS_EC2_METADATA_DISABLED: "true",
      ...env,
    },
  });
  return { status, stdout, stderr, last: stdout.trimEnd().split("\n").at(-1) };
}

const pod = (name: string, ...more: readonly string[]) => ["pod", name, "-n", namespace, "--no-ec2", ...more];

describe("what cannot be meant", () => {
  it.each<[readonly string[], string]>([
    [["pod"], "which pod? such as: branchline explain pod web-0"],
    [["svc", "cart"], '"svc" cannot be explained, only a pod'],
    [["pod", "shop/cart-0"], '"shop/cart-0" is no name of a pod: give the namespace with -n shop'],
    [["pod/a", "b"], "which pod?"],
    [["pod", "WEB_0"], '"WEB_0" is no name of a pod'],
    [["pod", "cart-0", "-A"], "explain looks at one pod"],
    [["pod", "cart-0", "--to", "db"], '--to "db" has no port'],
    [["pod", "cart-0", "--port", "1"], "--port is the pod's own"],
    [["pod", "cart-0", "--too", "x"], "Unknown argument: too"],
    [["pod", "cart-0", "--context", "nope"], 'the kubeconfig has no context "nope"'],
  ])("%j", async (args, words) => {
    const { status, stdout, stderr } = await explain(args);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  it("a kubeconfig that is none, or not there", async () => {
    const broken = path.join(scratch, "broken.yaml");
    writeFileSync(broken, "junk: [");
    for (const file of [broken, path.join(scratch, "none.yaml")]) {
      const { status, stderr } = await explain(["pod", "cart-0"], { KUBECONFIG: file });
      expect(status).toBe(2);
      expect(stderr).toContain("no kubeconfig: ");
    }
  });
});

describe("what cannot be looked at", () => {
  it("a pod that is not there: others of a similar name, or where it is", async () => {
    const said = async (...args: readonly string[]) => {
      const { status, stderr } = await explain(["pod", ...args]);
      expect(status).toBe(3);
      return stderr;
    };
    expect(await said("crat-0", "-n", namespace)).toContain('did you mean "cart-0"?');
    expect(await said("cart", "-n", namespace)).toContain('there is "cart-0", "cart-1"');
    expect(await said("nothing-like-it", "-n", namespace)).not.toContain("mean");
    expect(await said("edge-0", "-n", "default")).toContain(
      `there is one in namespace ${namespace}: give -n ${namespace}`,
    );
  });

  it("a namespace that is not there, of the pod or of another one", async () => {
    const none = await explain(["pod", "cart-1", "-n", "nope", "--no-ec2"]);
    expect([none.status, none.stdout]).toEqual([3, ""]);
    expect(none.stderr).toBe(
      `branchline: there is no namespace "nope"; there is a pod "cart-1" in namespace ${namespace}: give -n ${namespace}\n`,
    );
    const other = await explain(pod("cart-1", "--to-pod", "nope/nobody:80"));
    expect([other.status, other.stdout, other.stderr]).toEqual([
      3,
      "",
      'branchline: there is no namespace "nope"\n',
    ]);
  });

  it("an API server that does not answer", async () => {
    const away = path.join(scratch, "away.yaml");
    writeFileSync(
      away,
      readFileSync(shared.adminKubeconfig, "utf8").replace(/127\.0\.0\.1:\d+/, "127.0.0.1:1"),
    );
    const { status, stderr } = await explain(["pod", "cart-0"], { KUBECONFIG: away });
    expect([status, stderr]).toEqual([3, expect.stringContaining("ECONNREFUSED")]);
  });

  it("EC2 without credentials", async () => {
    const { status, last } = await explain(["pod", "cart-1", "-n", namespace, "--region", "us-east-1"]);
    // Nothing of EC2 is needed for a pod on a node that is none of EC2's.
    expect([status, last]).toEqual([0, "fine: no policy selects it, so it has the groups of its node"]);
    const asks = await explain([
      "pod",
      "cart-1",
      "-n",
      namespace,
      "--region",
      "us-east-1",
      "--to",
      "[fd00::9]:80",
    ]);
    expect(asks.status).toBe(3);
  });

  it("what RBAC does not allow, by its name; and it only reads", async () => {
    const rbac = "/apis/rbac.authorization.k8s.io/v1";
    await shared.admin.create(`${rbac}/namespaces/${namespace}/roles`, {
      metadata: { name: USER },
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
    });
    await shared.admin.create(`${rbac}/namespaces/${namespace}/rolebindings`, {
      metadata: { name: USER },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: USER },
      subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: USER }],
    });
    const env = { KUBECONFIG: await shared.kubeconfigFor({ user: USER }) };
    const { status, stdout } = await explain(pod("cart-1", "-o", "json"), env);
    const { notLookedAt, exit, line } = JSON.parse(stdout) as Report;
    expect([status, exit]).toEqual([3, 3]);
    expect(line).toBe(
      `cannot say: no permission for list securitygrouppolicies.vpcresources.k8s.aws in ${namespace}`,
    );
    expect(notLookedAt.map(({ permission }) => permission)).toEqual(
      expect.arrayContaining([
        `list securitygrouppolicies.vpcresources.k8s.aws in ${namespace}`,
        `list events in ${namespace}`,
        "get nodes",
        "get cninodes.vpcresources.k8s.aws",
        "list pods",
        "list daemonsets.apps",
      ]),
    );
    const { used } = asked(shared, USER);
    expect(used.filter((words) => !/^(?:get|list) /.test(words))).toEqual([]);
    // A name that is wrong is said to be, without the right to list others.
    const wrong = await explain(pod("crat-0"), env);
    expect([wrong.status, wrong.stderr]).toEqual([3, expect.stringContaining('there is no pod "crat-0"')]);
  });
});

describe("pods that are not like others", () => {
  it.each([
    ["cart-0", "fine so far: it has no address yet"],
    ["cart-1", "fine: no policy selects it, so it has the groups of its node"],
    ["done-0", "fine: the pod has ended (Succeeded), and given back what it had"],
    ["job-0", "fine: it runs on Fargate"],
    ["edge-0", "fine: it is on the node's network, and has the groups of its node"],
  ])("%s is fine", async (name, last) => {
    const found = await explain(pod(name));
    expect([found.status, found.stderr, found.last]).toEqual([0, "", last]);
  });

  it.each([
    ["done-0", "does not reach: the pod has ended (Succeeded), and given back what it had"],
    ["cart-0", "does not reach: the pod has no address yet"],
    ["job-0", "does not reach: the pod has no address yet"],
  ])("%s reaches nobody", async (name, last) => {
    const found = await explain(pod(name, "--to", "10.0.0.9:80"));
    expect([found.status, found.last]).toEqual([1, last]);
  });

  it("a pod of IPv6 is asked for by its own family", async () => {
    const four = await explain(pod("cart-1", "--to", "10.0.0.9:80"));
    expect([four.status, four.last]).toEqual([3, expect.stringContaining("the pod has no address of IPv4")]);
    const six = await explain(pod("cart-1", "--to", "[fd00::9]:80"));
    expect([six.status, six.last]).toEqual([3, "cannot say: --no-ec2 was given"]);
  });

  it("kubectl's way to name a pod, and help with examples that can be copied", async () => {
    const { status, stdout } = await explain(["pod/cart-1", "-n", namespace, "--no-ec2"]);
    expect([status, stdout]).toEqual([0, expect.stringContaining(`${namespace}/cart-1`)]);
    const help = await explain(["--help"]);
    expect(help.stdout).toContain("branchline explain pod web-0 --to db.example.com:5432");
  });
});
