import { describe, expect, it } from "vitest";
import { aNode, aPod, aBranch, podFacts, settings } from "../../../test/unit/explained.ts";
import { ReadApi } from "../../../test/unit/read-api.ts";
import { known, unknown } from "../../facts/fact.ts";
import type { PodFacts } from "../facts.ts";
import { partyName, partyOf, type Target } from "../party.ts";
import type { ExplainedPod } from "../pod.ts";
import { questionsOf, type QuestionFlags } from "../question.ts";
import { onceEach } from "./asking.ts";
import { targetsOf } from "./index.ts";

const PODS = "/api/v1/namespaces";
const SLICES = "/apis/discovery.k8s.io/v1/namespaces";

const pod = (ip: string, more: object = {}) => ({
  spec: { nodeName: "n2", ...more },
  status: { phase: "Running", podIP: ip, podIPs: [{ ip }] },
});

function service(name: string, clusterIP: string, ...endpoints: readonly string[]) {
  const [namespace = "", own = ""] = name.split("/");
  const ports = [
    { name: "dns", port: 53, protocol: "UDP" },
    { name: "dns-tcp", port: 53, protocol: "TCP" },
    { name: "pg", port: 5432, protocol: "TCP" },
  ];
  return {
    [`${PODS}/${namespace}/services/${own}`]: { spec: { clusterIP, clusterIPs: [clusterIP], ports } },
    [`${SLICES}/${namespace}/endpointslices/${own}-1`]: {
      metadata: { labels: { "kubernetes.io/service-name": own } },
      ports: ports.map((port) => (port.name === "pg" ? { ...port, port: 15_432 } : port)),
      endpoints: endpoints.map((address, i) => ({
        addresses: [address],
        conditions: { ready: i !== 9 },
        targetRef: { kind: "Pod", name: `${own}-${i}` },
      })),
    },
    ...Object.fromEntries(
      endpoints.map((address, i) => [`${PODS}/${namespace}/pods/${own}-${i}`, pod(address)] as const),
    ),
  };
}

const CLUSTER = {
  ...service("kube-system/kube-dns", "172.20.0.10", "10.0.0.21", "10.0.0.22"),
  ...service("shop/db", "172.20.0.20", "10.0.0.31"),
  ...service("data/headless", "None", "10.0.0.41"),
  ...service("data/empty", "172.20.0.21"),
  ...service("data/many", "172.20.0.22", ...Array.from({ length: 13 }, (_, i) => `10.0.0.${60 + i}`)),
  ...service("data/six", "fd00::20", "fd00::31"),
  [`${PODS}/data/services/elsewhere`]: { spec: { type: "ExternalName", externalName: "db.example.com." } },
  [`${PODS}/data/pods/etl-0`]: pod("10.0.0.51"),
  [`${PODS}/data/pods/host-0`]: pod("10.0.0.5", { hostNetwork: true }),
  [`${PODS}/data/pods/done-0`]: { ...pod("10.0.0.52"), status: { phase: "Succeeded" } },
  [`${PODS}/data/pods/new-0`]: { spec: { nodeName: "n2" }, status: { phase: "Pending" } },
};

interface Given {
  readonly pod?: ExplainedPod;
  readonly facts?: Partial<PodFacts>;
  readonly forbidden?: readonly string[];
}

async function targets(flags: Partial<QuestionFlags>, { pod: own = aPod(), facts, forbidden }: Given = {}) {
  const api = new ReadApi(CLUSTER, forbidden);
  const resolve = async (host: string) => {
    if (host === "db.example.com") return ["10.0.3.9", "10.0.3.10"];
    if (host === "six.example.com") return ["fd00::9"];
    throw Object.assign(new Error(host), { code: "ENOTFOUND" });
  };
  const found = await targetsOf(
    {
      api: api.api,
      facts: podFacts({ pod: own, ...facts }),
      subject: partyOf(own),
      resolve,
      once: onceEach(),
    },
    questionsOf({ fromNode: false, ...flags }, "shop"),
  );
  return { ...found, shown: found.targets.map(shown), requests: api.requests };
}

function shown(target: Target): string {
  if (target.kind === "settled") return `${target.title}: ${target.answer}: ${target.why}`;
  const { title, from, to, service: by, protocol, port } = target;
  const way = by === undefined ? "" : ` by ${by}`;
  return `${title}: ${partyName(from)} -> ${to.kind} ${partyName(to)}${way} ${protocol} ${port}`;
}

const to = async (host: string, given?: Given) => (await targets({ to: host }, given)).shown.at(-1);

describe("name servers", () => {
  it("are the endpoints of kube-dns, by its address", async () =>
    expect((await targets({})).shown).toEqual([
      "DNS by udp: shop/web-0 -> pod kube-system/kube-dns-0 by 172.20.0.10 udp 53",
      "DNS by udp: shop/web-0 -> pod kube-system/kube-dns-1 by 172.20.0.10 udp 53",
      "DNS by tcp: shop/web-0 -> pod kube-system/kube-dns-0 by 172.20.0.10 tcp 53",
      "DNS by tcp: shop/web-0 -> pod kube-system/kube-dns-1 by 172.20.0.10 tcp 53",
    ]));

  it("are the node's own for dnsPolicy Default, and on the node's network", async () => {
    for (const own of [aPod({ dnsPolicy: "Default" }), aPod({ usesHostNetwork: true, branch: undefined })]) {
      const { targets: none, notes } = await targets({}, { pod: own });
      expect([none, notes[0]]).toEqual([[], expect.stringContaining("asks what its node asks")]);
    }
  });

  it("are those of dnsConfig for dnsPolicy None, each for what it is", async () => {
    const own = aPod({ dnsPolicy: "None", nameservers: ["172.20.0.10", "10.0.0.2"] });
    expect((await targets({}, { pod: own })).shown.filter((one) => one.startsWith("DNS by udp"))).toEqual([
      "DNS by udp: shop/web-0 -> pod kube-system/kube-dns-0 by 172.20.0.10 udp 53",
      "DNS by udp: shop/web-0 -> pod kube-system/kube-dns-1 by 172.20.0.10 udp 53",
      "DNS by udp: shop/web-0 -> address 10.0.0.2 udp 53",
    ]);
    expect((await targets({}, { pod: aPod({ dnsPolicy: "None" }) })).notes[0]).toContain("no name server");
  });

  it("is NodeLocal DNS where the cluster has it", async () => {
    const daemonSet = { name: "node-local-dns", namespace: "kube-system", labels: {}, containers: [] };
    const facts = { daemonSets: known([daemonSet as never]) };
    expect((await targets({}, { facts })).shown[0]).toBe(
      "DNS by udp: shop/web-0 -> node-local NodeLocal DNS udp 53",
    );
  });

  it("are not known without kube-dns, and where it may not be read", async () => {
    const gap = {
      what: "daemonsets",
      reason: "denied",
      message: "x",
      permission: "list daemonsets.apps",
    } as const;
    expect((await targets({}, { facts: { daemonSets: unknown(gap) } })).shown[0]).toContain(
      "cannot say: daemonsets not read: no permission for list daemonsets.apps",
    );
    expect((await targets({}, { forbidden: ["services"] })).shown[0]).toContain(
      "no permission for get services in kube-system",
    );
    expect((await targets({}, { forbidden: ["endpointslices"] })).shown[0]).toContain(
      "no permission for list endpointslices.discovery.k8s.io in kube-system",
    );
  });
});

describe("--to a name", () => {
  it.each([
    ["db:5432", "to db:5432: shop/web-0 -> pod shop/db-0 by 172.20.0.20 tcp 15432"],
    ["db.shop:5432", "to db.shop:5432: shop/web-0 -> pod shop/db-0 by 172.20.0.20 tcp 15432"],
    ["db.shop.svc:5432", "to db.shop.svc:5432: shop/web-0 -> pod shop/db-0 by 172.20.0.20 tcp 15432"],
    [
      "db.shop.svc.cluster.local:5432",
      "to db.shop.svc.cluster.local:5432: shop/web-0 -> pod shop/db-0 by 172.20.0.20 tcp 15432",
    ],
    ["headless.data:5432", "to headless.data:5432: shop/web-0 -> pod data/headless-0 tcp 15432"],
    [
      "db:5433",
      "to db:5433: does not reach: Service shop/db has no port tcp 5433; it has udp 53, tcp 53, tcp 5432",
    ],
    ["db:5432/udp", expect.stringContaining("has no port udp 5432")],
    [
      "empty.data:5432",
      "to empty.data:5432: does not reach: Service data/empty has no endpoint that is ready",
    ],
    [
      "six.data:5432",
      "to six.data:5432: does not reach: Service data/six has no address of the pod's family",
    ],
    ["elsewhere.data:5432", "to elsewhere.data:5432: shop/web-0 -> address db.example.com tcp 5432"],
    ["db.example.com:5432", "to db.example.com:5432: shop/web-0 -> address db.example.com tcp 5432"],
    [
      "none.example.com:5432",
      "to none.example.com:5432: cannot say: none.example.com has no address here (ENOTFOUND): give its address instead",
    ],
    [
      "six.example.com:5432",
      expect.stringContaining("six.example.com is fd00::9; the pod has no address of IPv6"),
    ],
  ])("%s", async (host, expected) => expect(await to(host)).toEqual(expected));

  it("says which address was taken", async () => {
    const { targets: found } = await targets({ to: "db.example.com:5432" });
    expect(found.at(-1)?.notes).toEqual(["db.example.com is 10.0.3.9 here, the first of its 2 addresses"]);
  });

  it("looks at ten endpoints that are ready, and says how many were left out", async () => {
    const { targets: found } = await targets({ to: "many.data:5432" });
    const many = found.filter(({ asked }) => asked === "to");
    expect(many).toHaveLength(10);
    expect(many[0]?.notes).toContain("of its 12 endpoints 2 were not looked at");
  });

  it("takes the family of the pod", async () => {
    const own = aPod({ addresses: ["fd00::5"], branch: aBranch("eni-web", 1, "fd00::5") });
    expect(await to("six.data:5432", { pod: own })).toBe(
      "to six.data:5432: shop/web-0 -> pod data/six-0 by fd00::20 tcp 15432",
    );
    expect(await to("six.example.com:5432", { pod: own })).toBe(
      "to six.example.com:5432: shop/web-0 -> address six.example.com tcp 5432",
    );
    expect(await to("db:5432", { pod: own })).toContain("no address of the pod's family");
  });
});

describe("--to an address", () => {
  it.each([
    ["10.0.0.51:80", "to 10.0.0.51:80: shop/web-0 -> pod data/etl-0 tcp 80"],
    ["172.20.0.20:5432", "to 172.20.0.20:5432: shop/web-0 -> pod shop/db-0 by 172.20.0.20 tcp 15432"],
    ["10.0.0.4:10250", "to 10.0.0.4:10250: shop/web-0 -> node node n1 tcp 10250"],
    ["10.0.3.9:80", "to 10.0.3.9:80: shop/web-0 -> address 10.0.3.9 tcp 80"],
    ["169.254.170.23:80", "to 169.254.170.23:80: shop/web-0 -> node-local 169.254.170.23 tcp 80"],
    ["127.0.0.1:80", "to 127.0.0.1:80: reaches: "],
    ["[fd00::1]:80", expect.stringContaining("cannot say: the pod has no address of IPv6")],
  ])("%s", async (address, expected) => expect(await to(address)).toEqual(expected));

  it("that a pod on the node's network has is its node's", async () =>
    expect(await to("10.0.0.5:80")).toBe("to 10.0.0.5:80: shop/web-0 -> address 10.0.0.5 tcp 80"));

  it("asks for Services only where the address may be one's", async () => {
    const { requests } = await targets({ to: "10.0.3.9:80" });
    expect(requests.filter((one) => one.includes("services"))).toEqual([]);
    const unsaid = { settings: known(settings({ serviceCidrs: undefined })) };
    const asked = await targets({ to: "10.0.3.9:80" }, { facts: unsaid });
    expect(asked.requests).toContain("/api/v1/servicesspec.clusterIP=10.0.3.9");
  });

  it("cannot say whose it is without the right to look", async () => {
    expect(await to("172.20.0.20:5432", { forbidden: ["services"] })).toContain(
      "no permission for list services",
    );
    expect(await to("10.0.0.51:80", { forbidden: ["pods"] })).toContain("no permission for list pods");
  });
});

describe("pods and nodes", () => {
  it.each([
    ["data/etl-0:80", "to pod data/etl-0:80: shop/web-0 -> pod data/etl-0 tcp 80"],
    ["data/host-0:80", "to pod data/host-0:80: shop/web-0 -> node node n2 tcp 80"],
    ["data/done-0:80", "to pod data/done-0:80: does not reach: pod data/done-0 has ended"],
    ["data/new-0:80", "to pod data/new-0:80: does not reach: pod data/new-0 has no address yet"],
    ["data/six-0:80", "to pod data/six-0:80: cannot say: it and data/six-0 have no addresses of one family"],
  ])("--to-pod %s", async (name, expected) =>
    expect((await targets({ toPod: name })).shown).toEqual([expected]),
  );

  it("a pod that is not there is an error, which names another", async () => {
    await expect(targets({ toPod: "data/etl:80" })).rejects.toThrow(
      'there is no pod "etl" in namespace "data"; there is "etl-0"',
    );
    await expect(targets({ toPod: "etl-0:80" })).rejects.toThrow(
      "there is one in namespace data: give -n data",
    );
    await expect(targets({ toPod: "data/elt-0:80" })).rejects.toThrow('did you mean "etl-0"?');
  });

  const served = aPod({
    allPorts: [
      { name: "http", port: 8080, protocol: "TCP" },
      { name: "dns", port: 5353, protocol: "UDP" },
      { name: "sctp", port: 1, protocol: "SCTP" },
    ],
    allProbes: [
      { kind: "liveness", protocol: "http", port: 8080 },
      { kind: "readiness", protocol: "tcp", port: 8080 },
      { kind: "startup", protocol: "grpc", port: 9000 },
      { kind: "startup", protocol: "grpc", port: undefined },
    ],
  });

  it("kubelet's probes come from the node, each port once", async () => {
    const { shown: found, notes } = await targets({}, { pod: served });
    expect(found.slice(4)).toEqual([
      "kubelet's liveness and readiness probe to tcp 8080: node n1 -> pod shop/web-0 tcp 8080",
      "kubelet's startup probe to tcp 9000: node n1 -> pod shop/web-0 tcp 9000",
    ]);
    expect(notes).toEqual(["probes: the startup probe names a port that no container has"]);
    expect((await targets({})).notes).toEqual(["probes: it has none over the network"]);
  });

  it("--from-node and --from-pod are for each port that the pod has, or the one that is given", async () => {
    expect((await targets({ fromNode: true }, { pod: served })).shown).toEqual([
      "from node n1 to tcp 8080: node n1 -> pod shop/web-0 tcp 8080",
      "from node n1 to udp 5353: node n1 -> pod shop/web-0 udp 5353",
      "from node n1 to tcp 9000: node n1 -> pod shop/web-0 tcp 9000",
    ]);
    expect((await targets({ fromPod: "data/etl-0", port: "99/udp" }, { pod: served })).shown).toEqual([
      "from pod data/etl-0 to udp 99: data/etl-0 -> pod shop/web-0 udp 99",
    ]);
    expect((await targets({ fromPod: "data/host-0", port: "99" })).shown).toEqual([
      "from pod data/host-0 to tcp 99: node n2 -> pod shop/web-0 tcp 99",
    ]);
    await expect(targets({ fromPod: "data/etl-0" })).rejects.toThrow("declares no port");
  });
});

it("what udp and tcp need is read once", async () => {
  const { requests } = await targets({});
  expect(requests.toSorted()).toEqual([
    "/api/v1/namespaces/kube-system/pods/kube-dns-0",
    "/api/v1/namespaces/kube-system/pods/kube-dns-1",
    "/api/v1/namespaces/kube-system/services/kube-dns",
    "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
  ]);
});

it("nothing else is asked of the API server than the path needs", async () => {
  expect((await targets({ toPod: "data/etl-0:80" })).requests).toEqual([
    "/api/v1/namespaces/data/pods/etl-0",
  ]);
  expect(
    (await targets({ to: "db:5432" }, { facts: { node: known(aNode()) } })).requests.slice().sort(),
  ).toEqual([
    "/api/v1/namespaces/kube-system/pods/kube-dns-0",
    "/api/v1/namespaces/kube-system/pods/kube-dns-1",
    "/api/v1/namespaces/kube-system/services/kube-dns",
    "/api/v1/namespaces/shop/pods/db-0",
    "/api/v1/namespaces/shop/services/db",
    "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
    "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices",
  ]);
});
