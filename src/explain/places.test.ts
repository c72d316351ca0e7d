import { describe, expect, it } from "vitest";
import {
  aBranch,
  aNode,
  anInstance,
  anInterface,
  aPod,
  aPodWithout,
  onInstance,
  podFacts,
  settings,
  aWanted,
} from "../../test/unit/explained.ts";
import type { Instance, NetworkInterface } from "../ec2/types.ts";
import { type Fact, known, unknown } from "../facts/fact.ts";
import type { WorkloadFact } from "../facts/workloads.ts";
import type { NodePlace, PodPlace } from "../verdict/places.ts";
import type { PodFacts } from "./facts.ts";
import type { Network } from "./network.ts";
import type { Party, Wanted } from "./party.ts";
import { type Around, placesOf } from "./places.ts";
import type { ExplainedPod } from "./pod.ts";

const DENIED = unknown({
  what: "x",
  reason: "denied",
  message: "no",
  permission: "ec2:DescribeNetworkInterfaces",
});
const EXTERNAL = { kind: "address", name: "example.com", address: "203.0.113.9" } as const;

interface Given {
  readonly facts?: Partial<PodFacts>;
  readonly instance?: Instance;
  readonly branches?: Fact<ReadonlyMap<string, NetworkInterface>>;
  readonly byAddress?: Fact<ReadonlyMap<string, NetworkInterface>>;
  readonly cidrs?: Fact<readonly string[]>;
  readonly node?: Network["nodes"];
}

function around(given: Given): Around {
  return {
    facts: podFacts(given.facts),
    network: {
      vpc: known("vpc-1"),
      branches: given.branches ?? known(new Map([["eni-web", anInterface("eni-web", ["sg-web"])]])),
      byAddress: given.byAddress ?? known(new Map()),
      nodes: given.node ?? new Map([["n1", known(aNode({ addresses: ["10.0.0.4", "fd00::4"] }))]]),
      instances: known(new Map([["i-1", given.instance ?? anInstance()]])),
    },
    vpcCidrs: given.cidrs ?? known(["10.0.0.0/16"]),
  };
}

function places(party: Party, given: Given = {}, path: Partial<Wanted> = {}) {
  return placesOf(party, aWanted({ port: 80, from: party, to: EXTERNAL, ...path }), around(given));
}

const ofPod = (pod: ExplainedPod, given?: Given, path?: Partial<Wanted>) =>
  places({ kind: "pod", pod }, given, path).places as readonly PodPlace[];
const ofNode = (given?: Given, path?: Partial<Wanted>) =>
  places({ kind: "node", name: "n1" }, given, path).places[0] as NodePlace;
const ofAddress = (address: string, given?: Given) =>
  places({ kind: "address", name: "db", address }, given).places[0];

const awsNode = (env: Readonly<Record<string, string>>) => ({
  daemonSets: known([
    {
      kind: "DaemonSet",
      namespace: "kube-system",
      name: "aws-node",
      labels: {},
      containers: [{ name: "", image: "", args: [], env }],
    },
  ] as unknown as readonly WorkloadFact[]),
});

describe("a pod", () => {
  const routed = { settings: known(settings({ datapath: "routed" })) };

  it("with a branch is at its branch", () => {
    const [place, ...more] = ofPod(aPod(), { facts: routed });
    expect(more).toEqual([]);
    expect(place).toMatchObject({
      name: "shop/web-0",
      attachment: "routed strict",
      end: {
        address: "10.0.1.20",
        interface: { known: true, value: { id: "eni-web", groups: ["sg-web"], subnet: "subnet-b" } },
      },
      host0: undefined,
      serviceCidrs: ["172.20.0.0/16"],
    });
  });

  it("is at the address of the family that is asked for", () => {
    const pod = aPod({ branch: aBranch("eni-web", 1, "10.0.1.20", "fd00:0::20") });
    const [place] = ofPod(pod, { facts: routed }, { family: 6 });
    expect([place?.end.address, place?.node.end.address]).toEqual(["fd00::20", "fd00::4"]);
    // An annotation without addresses leaves the pod's own.
    const bare = aPod({ branch: { ...aBranch(), addresses: [] }, addresses: ["10.0.1.21"] });
    expect(ofPod(bare, { facts: routed })[0]?.end.address).toBe("10.0.1.21");
  });

  it("whose branch EC2 does not show is nowhere that is known", () => {
    expect(ofPod(aPod(), { facts: routed, branches: known(new Map()) })[0]?.end.interface).toEqual({
      known: false,
      why: "EC2 does not show the branch eni-web",
    });
    expect(ofPod(aPod(), { facts: routed, branches: DENIED })[0]?.end.interface).toEqual({
      known: false,
      why: "no permission for ec2:DescribeNetworkInterfaces",
    });
  });

  it("of a datapath that is not known is all that it may be", () => {
    const found = places({ kind: "pod", pod: aPod() }, { facts: { settings: known(undefined) } });
    expect(found.places.map((place) => (place as PodPlace).attachment)).toEqual([
      "direct",
      "routed strict",
      "routed standard",
    ]);
    expect(found.doubt).toContain("its datapath (no DaemonSet says how");
  });

  it("without a branch is at the interface that has its address", () => {
    const pod = aPodWithout({ addresses: ["10.0.0.30"], asksForBranch: false });
    const own = anInterface("eni-second", ["sg-pods"], {
      ipv4: ["10.0.0.9", "10.0.0.30"],
      type: "interface",
    });
    const end = (given: Given) => {
      const its = ofPod(pod, given)[0]?.end.interface;
      return its?.known === true ? its.value?.id : its?.why;
    };
    expect(end({ byAddress: known(new Map([["10.0.0.30", own]])) })).toBe("eni-second");
    // Out of a prefix: by the node's interfaces.
    const prefixed = onInstance("eni-b", 1, "10.0.0.9", { groups: ["sg-pods"], prefixes: ["10.0.0.16/28"] });
    expect(end({ instance: anInstance(onInstance("eni-a", 0, "10.0.0.4"), prefixed) })).toBe("eni-b");
    // All alike, and the trunk does not count.
    const trunk = onInstance("eni-t", 2, "10.0.0.8", { type: "trunk", groups: ["sg-trunk"] });
    expect(end({ instance: anInstance(onInstance("eni-a", 0, "10.0.0.4"), trunk) })).toBe("eni-a");
    const other = onInstance("eni-c", 1, "10.0.0.9", { groups: ["sg-pods"] });
    expect(end({ instance: anInstance(onInstance("eni-a", 0, "10.0.0.4"), other) })).toBe(
      "EC2 does not show which interface of node n1 has 10.0.0.30",
    );
    expect(end({ byAddress: DENIED })).toBe("no permission for ec2:DescribeNetworkInterfaces");
    expect(end({ node: new Map() })).toBe("node n1 was not read");
    expect(end({ node: new Map([["n1", known(aNode({ instance: undefined }))]]) })).toBe(
      "node n1 is no EC2 instance",
    );
  });

  it("on Fargate is an interface with an address", () => {
    const pod = aPodWithout({ addresses: ["10.0.5.5"], fargate: { groups: [] }, asksForBranch: false });
    const eni = anInterface("eni-fargate", ["sg-cluster"]);
    expect(
      places({ kind: "pod", pod }, { byAddress: known(new Map([["10.0.5.5", eni]])) }).places[0],
    ).toMatchObject({
      kind: "address",
      name: "shop/web-0",
      end: { interface: { known: true, value: { id: "eni-fargate" } } },
    });
  });
});

describe("host0 of a direct pod, which no API shows", () => {
  const ends = (given: Given, path?: Partial<Wanted>) =>
    ofPod(aPod(), given, path).map(({ host0 }) => host0?.address);

  it("is each address that the node has for pods", () => {
    const instance = anInstance(
      onInstance("eni-a", 0, "10.0.0.4 10.0.0.40"),
      onInstance("eni-b", 1, "10.0.0.5 10.0.0.50", { prefixes: ["10.0.0.64/28"] }),
      onInstance("eni-t", 2, "10.0.0.6 10.0.0.60", { type: "trunk" }),
    );
    expect(ends({ instance })).toEqual(["10.0.0.40", "10.0.0.50", "10.0.0.64"]);
    expect(places({ kind: "pod", pod: aPod() }, { instance }).doubt).toContain("on host0");
  });

  it("is the node's own where no other is seen, and of no interest to who is called", () => {
    expect(ends({})).toEqual(["10.0.0.4"]);
    expect(ends({}, { from: { kind: "node", name: "n1" } })).toEqual([undefined]);
  });
});

describe("a node", () => {
  it("is at its primary interface", () => {
    const instance = anInstance(onInstance("eni-b", 1, "10.0.0.5"), onInstance("eni-a", 0, "10.0.0.4"));
    expect(ofNode({ instance }).end).toMatchObject({
      address: "10.0.0.4",
      interface: { value: { id: "eni-a" } },
    });
  });

  it.each<[string, Given, boolean]>([
    ["without aws-node", {}, false],
    ["with aws-node", { facts: awsNode({}) }, true],
    ["with EXTERNALSNAT", { facts: awsNode({ AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" }) }, false],
    [
      "with the range left out",
      { facts: awsNode({ AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "10.9.0.0/16, 203.0.113.0/24" }) },
      false,
    ],
    [
      "with another range left out",
      { facts: awsNode({ AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "10.9.0.0/16" }) },
      true,
    ],
  ])("does NAT %s: %s", (_what, given, does) => expect(ofNode(given).doesNat).toBe(does));

  it.each<[string, Given, unknown]>([
    [
      "managed",
      { facts: { settings: known(settings({ managesEarlyDemux: true })) } },
      { tcp: false, udp: true },
    ],
    ["aws-node's", { facts: awsNode({ DISABLE_TCP_EARLY_DEMUX: "true" }) }, { tcp: false, udp: true }],
  ])("has tcp_early_demux off: %s", (_what, given, value) =>
    expect(ofNode(given).earlyDemux).toEqual({ known: true, value }),
  );

  it("has an early demultiplexing that nobody knows otherwise", () =>
    expect(ofNode().earlyDemux).toMatchObject({
      known: false,
      why: expect.stringContaining("manageEarlyDemux"),
    }));

  it("has kube-proxy's mode", () => {
    expect(ofNode({ facts: { proxyMode: known("ipvs") } }).kubeProxy).toBe("ipvs");
    expect(ofNode().kubeProxy).toBeUndefined();
  });
});

describe("an address", () => {
  it("is of the VPC by its interface, beyond it by the VPC's ranges, and else not known", () => {
    const eni = anInterface("eni-db", ["sg-db"], { publicAddress: "203.0.113.1" });
    expect(ofAddress("10.0.3.9", { byAddress: known(new Map([["10.0.3.9", eni]])) })).toMatchObject({
      isInVpc: true,
      end: { interface: { known: true, value: { id: "eni-db", hasPublicAddress: true } } },
    });
    expect(ofAddress("203.0.113.9")).toMatchObject({
      isInVpc: false,
      end: { interface: { known: true, value: undefined } },
    });
    expect(ofAddress("10.0.3.9")).toMatchObject({
      isInVpc: true,
      end: {
        interface: { known: false, why: expect.stringContaining("EC2 shows no interface that has it") },
      },
    });
    expect(ofAddress("10.0.3.9", { cidrs: DENIED })).toMatchObject({
      end: { interface: { known: false, why: "no permission for ec2:DescribeNetworkInterfaces" } },
    });
  });
});
