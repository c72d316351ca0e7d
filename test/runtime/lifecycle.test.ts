// A pod's whole life through containerd and runc: what kubelet asks for, what it is told, and what is left afterwards.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { connect, ipJson, type Branch } from "../ground/index.ts";
import { serveCommand } from "./containerd/image.ts";
import { kinds, type Kind } from "./containerd/lists.ts";
import { admitted, closed, forAll, forKinds, KubeNode, servedByPods } from "./containerd/node.ts";
import { failureOf } from "./containerd/pods.ts";

let node: KubeNode;
let branches: Record<Kind, Branch>;

beforeAll(async () => {
  node = await KubeNode.open();
  const [direct, standard, strict] = await node.branches(11, 12, 13);
  if (direct === undefined || standard === undefined || strict === undefined) throw new Error("no branches");
  branches = { direct, standard, strict };
  await node.remember();
});

afterEach(() => node.tidy());
afterAll(() => node.close());

/** Where the node takes connections for the pod of a kind. */
const hostPorts: Record<Kind, number> = { direct: 30_081, standard: 30_082, strict: 30_083 };

test("a pod with a branch: its addresses, what its group allows, and nothing of it afterwards", async () => {
  const pods = await forAll((kind) =>
    node.pod({
      name: `web-${kind}`,
      handler: kind,
      branch: branches[kind],
      portMappings: [{ container_port: servedByPods, host_port: hostPorts[kind] }],
    }),
  );
  const sandboxes = await forAll((kind) => pods[kind].run());
  const addresses = await forAll((kind) => [branches[kind].ipv4, branches[kind].ipv6]);
  expect(await forAll(async (kind) => (await sandboxes[kind].status()).ips)).toEqual(addresses);

  // From inside a container: the database's group admits one port from the pods' group, and the other from nobody.
  const containers = await forAll((kind) => sandboxes[kind].container(serveCommand(servedByPods)));
  await node.vpc.forget();
  const { ipv4 = "", ipv6 = "" } = node.database;
  const doors = [admitted, closed].flatMap((port) => [[ipv4, port] as const, [ipv6, port] as const]);
  const answers = await forAll((kind) => containers[kind].ask(doors));
  expect(answers).toEqual(
    await forAll((kind) => [...addresses[kind].map((address) => `db${admitted} ${address}`), "", ""]),
  );
  // It was the group that refused, and it refused what came from the branch.
  for (const kind of kinds)
    for (const from of addresses[kind]) {
      const seen = await node.vpc.seen(node.database, { from: String(from), port: closed });
      expect({ kind, from, ...seen, refused: seen.refused > 0 }).toMatchObject({
        refused: true,
        delivered: 0,
      });
    }

  // And into it: the pods' group admits the database, and nobody else.
  const asked = await forAll(async (kind) => [
    (await connect(node.database.netns, String(branches[kind].ipv4), { port: servedByPods })).reply,
    (await connect(node.stranger.netns, String(branches[kind].ipv4), { port: servedByPods })).reach,
  ]);
  expect(asked).toEqual(await forAll((kind) => [`web-${kind} ${ipv4}`, "timed out"]));
  for (const kind of kinds) {
    const flow = { from: String(node.stranger.ipv4), port: servedByPods };
    const seen = await node.vpc.seen(branches[kind], flow);
    expect({ kind, ...seen, refused: seen.refused > 0 }).toMatchObject({ refused: true, delivered: 0 });
  }

  // The host port, from the node itself: by the veth, or through the VPC, where the group does not admit the node.
  const byHostPort = await forAll((kind) =>
    connect(undefined, node.vpc.primary.ipv4, { port: hostPorts[kind] }),
  );
  const fromTheNode = (kind: Kind) => ({ reach: "reached", reply: `web-${kind} ${node.vpc.primary.ipv4}` });
  expect(byHostPort).toEqual({
    direct: fromTheNode("direct"),
    standard: fromTheNode("standard"),
    strict: { reach: "timed out", reply: "" },
  });
  const flow = { from: node.vpc.primary.ipv4, port: servedByPods };
  expect((await node.vpc.seen(branches.strict, flow)).refused).toBeGreaterThan(0);

  await forAll((kind) => sandboxes[kind].stop());
  await forAll((kind) => sandboxes[kind].stop());
  await forAll((kind) => sandboxes[kind].remove());
  // What our executable was called with, each time by containerd itself.
  expect(await forAll((kind) => pods[kind].callsOf("branchline"))).toEqual(
    await forAll(() => [
      "ADD, namespace, prevResult",
      "DEL, namespace, prevResult",
      "DEL, no namespace, no prevResult",
      "DEL, no namespace, no prevResult",
    ]),
  );
  node.putBackRouteLocalnet();
  await node.expectNothingLeft();
});

/** Where standard does not differ from strict. */
const both = ["direct", "strict"] as const;

test("a pod without the annotation: the primary's address, and nothing of ours in its namespace", async () => {
  const sandboxes = await forKinds(both, (kind) => node.pod({ name: `plain-${kind}`, handler: kind }).run());
  expect(await forKinds(both, async (kind) => (await sandboxes[kind].status()).ips)).toEqual(
    await forKinds(both, (kind) => [sandboxes[kind].primary]),
  );
  const found = await forKinds(both, async (kind) => {
    const netns = await sandboxes[kind].netns();
    const [links, rules, routes] = await Promise.all([
      ipJson<{ ifname: string; linkinfo?: { info_kind?: string } }>(netns, "link", "show"),
      ipJson<{ priority: number }>(netns, "rule", "show"),
      ipJson<{ dst: string; dev: string }>(netns, "route", "show"),
    ]);
    return {
      links: links.map(({ ifname, linkinfo }) => `${ifname} ${linkinfo?.info_kind ?? ""}`.trim()),
      rules: rules.map(({ priority }) => priority),
      routes: routes.map(({ dst, dev }) => `${dst} ${dev}`),
    };
  });
  expect(found).toEqual(
    await forKinds(both, () => ({
      links: ["lo", "eth0 veth"],
      rules: [0, 32766, 32767],
      routes: ["default eth0", "169.254.1.1 eth0"],
    })),
  );
  expect(node.recordedVlans()).toEqual([]);
  await forKinds(both, (kind) => sandboxes[kind].end());
  await node.expectNothingLeft();
});

test("an invalid annotation: the event says the plugin's one line, and nothing is left", async () => {
  const annotation = branches.direct.annotation.replace('"vlanId":11', '"vlanId":"11"');
  const pods = await forAll((kind) => node.pod({ name: `invalid-${kind}`, handler: kind, annotation }));
  const errors = await forAll((kind) => failureOf(pods[kind].run()));
  // What kubelet puts behind `Failed to create pod sandbox: rpc error: code = Unknown desc = `.
  const line =
    'plugin type="branchline" failed (add): annotation vpc.amazonaws.com/pod-eni: vlanId "11" is not an integer';
  expect(await forAll((kind) => errors[kind].details.replace(/"[0-9a-f]{64}"/, "ID"))).toEqual(
    await forAll(() => `failed to setup network for sandbox ID: ${line}`),
  );
  await node.expectNothingLeft();
});

test("kubelet tries again while the old sandbox lives: its late end does not take the new one's VLAN", async () => {
  const pods = await forKinds(both, (kind) =>
    node.pod({ name: `again-${kind}`, handler: kind, branch: branches[kind] }),
  );
  const old = await forKinds(both, (kind) => pods[kind].run());
  const next = await forKinds(both, (kind) => pods[kind].run());
  await forKinds(both, (kind) => node.expectWorks(next[kind], branches[kind]));
  await forKinds(both, (kind) => old[kind].stop());
  await forKinds(both, (kind) => old[kind].remove());
  expect(node.recordedVlans()).toEqual(both.map((kind) => branches[kind].vlanId));
  await forKinds(both, (kind) => node.expectWorks(next[kind], branches[kind]));
  await forKinds(both, (kind) => next[kind].end());
  await node.expectNothingLeft();
});

const COUNT = 30;

test(
  `${COUNT} pods of all kinds at once on one trunk, as after a node has come back`,
  { timeout: 1_200_000, tags: "slow" },
  async () => {
    const numbers = Array.from({ length: COUNT }, (_, i) => 20 + i);
    const many = await node.branches(...numbers);
    await node.remember();
    const pods = many.map((branch, i) =>
      node.pod({ name: `many-${branch.vlanId}`, handler: kinds[i % kinds.length] ?? "", branch }),
    );

    const started = Date.now();
    const sandboxes = await Promise.all(pods.map((pod) => pod.run()));
    const running = Date.now();
    console.log(`${COUNT} RunPodSandbox: ${running - started} ms`);
    const found = await Promise.all(sandboxes.map((sandbox) => sandbox.status()));
    expect(found.map(({ ips }) => ips)).toEqual(many.map(({ ipv4, ipv6 }) => [ipv4, ipv6]));
    expect(node.recordedVlans()).toEqual(numbers);
    // Each by its own branch, with the address that the VPC expects of it.
    await Promise.all(
      many.map(async (branch, i) => {
        const sandbox = sandboxes[i];
        if (sandbox !== undefined) await node.expectWorks(sandbox, branch);
      }),
    );

    const ending = Date.now();
    await Promise.all(sandboxes.map((sandbox) => sandbox.end()));
    console.log(`${COUNT} StopPodSandbox and RemovePodSandbox: ${Date.now() - ending} ms`);
    await node.expectNothingLeft();
  },
);
