import { describe, expect, it } from "vitest";
import {
  type Families,
  VETH,
  address,
  aws,
  branchOf,
  done,
  link,
  primaryFacts,
  prefix,
  route,
  trunk,
  undone,
  veth,
} from "../../../test/unit/plan.ts";
import type { Rule } from "../../netlink/route/rule.ts";
import type { Facts, PrimaryFacts } from "../facts.ts";
import type { Step } from "../operation.ts";
import { type RoutedOptions, planRouted } from "./plan.ts";
import { type NodePrimaryFacts, removePrimary } from "./remove-primary.ts";

/** What each primary leaves in the pod and on the node, by family. */
const primaries = {
  aws: {
    4: {
      ...aws[4],
      onNode: {
        routes: [route("10.0.0.50/32", { device: VETH })],
        rules: [{ family: 4, priority: 512, table: 254, to: prefix("10.0.0.50/32") }] as Rule[],
      },
    },
    6: {
      ...aws[6],
      onNode: {
        routes: [route("2001:db8:1::50/128", { device: VETH })],
        rules: [{ family: 6, priority: 512, table: 254, to: prefix("2001:db8:1::50/128") }] as Rule[],
      },
    },
  },
  ptp: {
    4: {
      addresses: [address("10.0.9.2/24")],
      routes: [route("default via 10.0.9.1"), route("10.0.9.0/24 via 10.0.9.1"), route("10.0.9.1/32")],
      permanentNeighbours: [],
      onNode: { routes: [route("10.0.9.2/32", { device: VETH })], rules: [] as Rule[] },
    },
    6: {
      addresses: [address("2001:db8:9::2/80")],
      routes: [route("default via 2001:db8:9::1"), route("2001:db8:9::1/128")],
      permanentNeighbours: [],
      onNode: { routes: [route("2001:db8:9::2/128", { device: VETH })], rules: [] as Rule[] },
    },
  },
} as const;

function primaryOf(
  families: Families,
  kind: keyof typeof primaries = "aws",
): { primary: PrimaryFacts; onNode: NodePrimaryFacts } {
  const parts = families.map((family) => primaries[kind][family]);
  return {
    primary: primaryFacts(...parts),
    onNode: {
      routes: parts.flatMap((part) => part.onNode.routes),
      rules: parts.flatMap((part) => part.onNode.rules),
    },
  };
}

function factsOf(
  primary: PrimaryFacts,
  node: Partial<Facts["node"]> = {},
  pod: Partial<Facts["pod"]> = {},
): Facts {
  return {
    pod: { primary, otherDefaults: [], loopbackUp: true, sysctls: [], ...pod },
    node: {
      trunk,
      nameIsTaken: true,
      veth,
      addresses: ["10.0.0.10"],
      source: { 4: "10.0.0.10" },
      table: [],
      rules: [],
      ...node,
    },
  };
}

const options: RoutedOptions = { interfaceName: "eth0", mtu: 9001, mode: "strict" };

function plan(families: Families, mode: RoutedOptions["mode"], kind: keyof typeof primaries = "aws"): Step[] {
  const { primary, onNode } = primaryOf(families, kind);
  return planRouted(branchOf(families), factsOf(primary), onNode, { ...options, mode });
}

const vlan = "vlan vlan.eth.7 id 7 mac 02:b1:00:00:00:07 mtu 9001 on 3";
const awsAway4 = [
  "node: - rule 512: from all to 10.0.0.50/32 lookup 254",
  "node: - route 10.0.0.50/32 dev 9",
  "pod: - neigh 169.254.1.1 mac 02:bb:00:00:00:01 dev 2",
  "pod: - route default via 169.254.1.1 dev 2",
  "pod: - route 169.254.1.1/32 dev 2",
  "pod: - addr 10.0.0.50/32 dev 2",
];
const awsBack4 = [
  "pod: addr 10.0.0.50/32 dev 2",
  "pod: route 169.254.1.1/32 dev 2",
  "pod: route default via 169.254.1.1 dev 2",
  "pod: neigh 169.254.1.1 mac 02:bb:00:00:00:01 dev 2",
  "node: route 10.0.0.50/32 dev 9",
  "node: rule 512: from all to 10.0.0.50/32 lookup 254",
];
const inPod4 = [
  "pod: addr 10.0.0.20/32 dev 2",
  "pod: route 169.254.1.1/32 dev 2",
  "pod: route default via 169.254.1.1 dev 2",
  "pod: neigh 169.254.1.1 mac 02:bb:00:00:00:01 dev 2",
];
const device = (optional: string) => [
  `node: ipv6/conf/vlan.eth.7/accept_ra=0${optional}`,
  `node: ipv6/conf/vlan.eth.7/accept_redirects=1${optional}`,
  `node: ipv6/conf/vlan.eth.7/forwarding=0${optional}`,
  // Without IPv6 it asks for no gateway by it.
  ...(optional === "" ? ["node: ipv6/conf/vlan.eth.7/accept_dad=0"] : []),
  "node: link vlan.eth.7 up",
];
const table4 = [
  "node: route 10.0.0.1/32 table 107 dev vlan.eth.7",
  "node: route default via 10.0.0.1 table 107 dev vlan.eth.7",
];
const lastResort4 = "node: route unreachable default table 107";
const strict4 = [
  "node: route 10.0.0.20/32 table 107 dev 9",
  "node: rule 10: from all iif vlan.eth.7 lookup 107",
  "node: rule 10: from all iif eni1 lookup 107",
];
const standard4 = [
  "node: route 10.0.0.20/32 dev 9",
  "node: rule 512: from all to 10.0.0.20/32 lookup 254",
  "node: rule 1536: from 10.0.0.20/32 lookup 107",
];

describe("planRouted", () => {
  it.each([
    { mode: "strict", ways: strict4 },
    { mode: "standard", ways: standard4 },
  ] as const)("$mode, IPv4: every step, in order", ({ mode, ways }) => {
    expect(done(plan([4], mode))).toEqual([
      `node: ${vlan}`,
      ...awsAway4,
      lastResort4,
      ...ways,
      ...device(" if there"),
      ...table4,
      ...inPod4,
    ]);
  });

  it.each([
    { mode: "strict", ways: strict4 },
    { mode: "standard", ways: standard4 },
  ] as const)("$mode, IPv4: the undo is the reverse, and ends with all the primary had", ({ mode, ways }) => {
    const absent = (line: string) => line.replace(/^(node|pod): /, "$1: - ");
    expect(undone(plan([4], mode))).toEqual([
      ...inPod4.map(absent).toReversed(),
      ...table4.map(absent).toReversed(),
      "node: link vlan.eth.7 down",
      ...[lastResort4, ...ways].map(absent).toReversed(),
      ...awsBack4,
      `node: - ${vlan}`,
    ]);
  });

  it.each([
    {
      mode: "strict",
      ways: [
        "node: route 2001:db8:1::20/128 table 107 dev 9",
        "node: rule 10: from all iif vlan.eth.7 lookup 107",
        "node: rule 10: from all iif eni1 lookup 107",
      ],
    },
    {
      mode: "standard",
      ways: [
        "node: route 2001:db8:1::20/128 dev 9",
        "node: rule 512: from all to 2001:db8:1::20/128 lookup 254",
        "node: rule 1536: from 2001:db8:1::20/128 lookup 107",
      ],
    },
  ] as const)("$mode, IPv6: every step, and the wait for duplicates last", ({ mode, ways }) => {
    expect(done(plan([6], mode))).toEqual([
      `node: ${vlan}`,
      "node: - rule 512: from all to 2001:db8:1::50/128 lookup 254",
      "node: - route 2001:db8:1::50/128 dev 9",
      "pod: - neigh fe80::1 mac 02:bb:00:00:00:01 dev 2",
      "pod: - route default via fe80::1 dev 2",
      "pod: - route fe80::1/128 dev 2",
      "pod: - addr 2001:db8:1::50/128 dev 2",
      "node: route unreachable ::/0 table 107",
      ...ways,
      ...device(""),
      "node: route fe80:ec2::1/128 table 107 dev vlan.eth.7",
      "node: route default via fe80:ec2::1 table 107 dev vlan.eth.7",
      "pod: ipv6/conf/lo/disable_ipv6=0",
      "pod: ipv6/conf/eth0/disable_ipv6=0",
      "pod: addr 2001:db8:1::20/128 dev 2",
      "pod: route fe80::1/128 dev 2",
      "pod: route default via fe80::1 dev 2",
      "pod: neigh fe80::1 mac 02:bb:00:00:00:01 dev 2",
      "pod: wait for 2001:db8:1::20",
    ]);
  });

  it.each(["strict", "standard"] as const)(
    "%s: the pod has no address that it could send from before all that it sends ends in the branch's table",
    (mode) => {
      const lines = done(plan([4, 6], mode));
      const usable = lines.findIndex((line) => line.startsWith("pod: addr"));
      const ways = lines.filter((line) => /^node: (rule|route unreachable)/.test(line));
      expect(ways).toHaveLength(2 * 3);
      for (const line of ways) expect(lines.lastIndexOf(line)).toBeLessThan(usable);
      const resort = lines.lastIndexOf(lastResort4);
      expect(lines.findIndex((line) => line.startsWith("node: rule"))).toBeGreaterThan(resort);
      const back = undone(plan([4, 6], mode));
      const isAway = (line: string) => /^pod: - addr 10.0.0.20|^pod: - addr 2001:db8:1::20/.test(line);
      expect(back.findLastIndex(isAway)).toBeLessThan(back.findIndex((line) => line.startsWith("node: -")));
    },
  );

  it.each(["strict", "standard"] as const)("%s, both families: the steps of each, and none twice", (mode) => {
    const each = [...done(plan([4], mode)), ...done(plan([6], mode))].filter(
      (line) => !line.endsWith(" if there"),
    );
    expect(done(plan([4, 6], mode)).toSorted()).toEqual(
      // The two priority-10 rules name no address, so one family's read like the other's.
      [...new Set(each), ...(mode === "strict" ? strict4.slice(1) : [])].toSorted(),
    );
  });

  it("a branch of IPv4 behind a primary of both: nothing of the other family stays", () => {
    const { primary, onNode } = primaryOf([4, 6]);
    const lines = done(planRouted(branchOf([4]), factsOf(primary), onNode, options));
    expect(lines).toContain("pod: - addr 2001:db8:1::50/128 dev 2");
    expect(lines).toContain("node: - rule 512: from all to 2001:db8:1::50/128 lookup 254");
    expect(lines.filter((line) => line.includes("2001:db8:1::20"))).toEqual([]);
  });

  it("behind ptp: what it made is taken and comes back, the route it had deleted does not", () => {
    const steps = plan([4, 6], "standard", "ptp");
    expect(done(steps)).toEqual(
      expect.arrayContaining([
        "node: - route 10.0.9.2/32 dev 9",
        "pod: - route 10.0.9.0/24 via 10.0.9.1 dev 2",
        "pod: - addr 10.0.9.2/24 dev 2",
        "pod: - addr 2001:db8:9::2/80 dev 2",
      ]),
    );
    const back = undone(steps).slice(undone(steps).indexOf("pod: addr 2001:db8:9::2/80 dev 2 NODAD"));
    expect(back.toSorted()).toEqual(
      [
        "pod: addr 2001:db8:9::2/80 dev 2 NODAD",
        "pod: - route 2001:db8:9::/80 dev 2 (kernel's)",
        "pod: addr 10.0.9.2/24 dev 2",
        "pod: - route 10.0.9.0/24 src 10.0.9.2 dev 2 (kernel's)",
        "pod: route 10.0.9.1/32 dev 2",
        "pod: route 2001:db8:9::1/128 dev 2",
        "pod: route 10.0.9.0/24 via 10.0.9.1 dev 2",
        "pod: route default via 10.0.9.1 dev 2",
        "pod: route default via 2001:db8:9::1 dev 2",
        "node: route 2001:db8:9::2/128 dev 9",
        "node: route 10.0.9.2/32 dev 9",
        `node: - ${vlan}`,
      ].toSorted(),
    );
    // Gateways before what goes through them.
    expect(back.indexOf("pod: route 10.0.9.1/32 dev 2")).toBeLessThan(
      back.indexOf("pod: route default via 10.0.9.1 dev 2"),
    );
  });

  it("what earlier owners left goes as soon as the VLAN id is ours, and does not come back", () => {
    const { primary, onNode } = primaryOf([4]);
    const stale = {
      table: [route("10.0.0.29/32", { device: 77, table: 107 })],
      rules: [
        { family: 4, priority: 10, table: 107, inputDevice: "vlan.eth.7" },
        { family: 4, priority: 10, table: 108, inputDevice: "eni1" },
        { family: 4, priority: 1536, table: 107, from: prefix("10.0.0.50/32") },
      ] as Rule[],
    };
    const found = { ...onNode, rules: [...onNode.rules, ...stale.rules.slice(2)] };
    const steps = planRouted(branchOf([4]), factsOf(primary, stale), found, options);
    const lines = done(steps);
    const gone = [
      "node: - rule 10: from all iif vlan.eth.7 lookup 107",
      "node: - rule 10: from all iif eni1 lookup 108",
      "node: - rule 1536: from 10.0.0.50/32 lookup 107",
      "node: - route 10.0.0.29/32 table 107 dev 77",
    ];
    // The id must be ours before anything of it is touched.
    expect(lines.slice(0, 1 + gone.length)).toEqual([`node: ${vlan}`, ...gone]);
    for (const line of gone) expect(undone(steps)).not.toContain(line.replace("- ", ""));
  });

  it("brings up a trunk and a loopback that are down, and only the loopback down again", () => {
    const { primary, onNode } = primaryOf([4]);
    const steps = planRouted(
      branchOf([4]),
      factsOf(primary, { trunk: { ...trunk, up: false } }, { loopbackUp: false }),
      onNode,
      options,
    );
    expect(done(steps).slice(0, 2)).toEqual(["node: link 3 up", "pod: link 1 up"]);
    expect(undone(steps).at(-1)).toBe("pod: link 1 down");
    expect(undone(steps)).not.toContain("node: link 3 down");
  });

  it("IPv6 that the runtime had switched off in the pod is off again afterwards", () => {
    const { primary, onNode } = primaryOf([4]);
    const sysctls = ["eth0", "lo"].map((name) => ({
      family: "ipv6" as const,
      parameter: "disable_ipv6",
      device: name,
      value: "1",
    }));
    const steps = planRouted(branchOf([6]), factsOf(primary, {}, { sysctls }), onNode, options);
    expect(undone(steps)).toEqual(
      expect.arrayContaining([
        "pod: ipv6/conf/eth0/disable_ipv6=1 if there",
        "pod: ipv6/conf/lo/disable_ipv6=1 if there",
      ]),
    );
  });

  it("the VLAN device has the MTU asked for", () => {
    const { primary, onNode } = primaryOf([4]);
    const steps = planRouted(branchOf([4]), factsOf(primary), onNode, { ...options, mtu: 1500 });
    expect(done(steps)).toContain(`node: ${vlan.replace("9001", "1500")}`);
  });

  it("of the same facts gives the same steps, and they are data", () => {
    expect(plan([4, 6], "strict")).toEqual(plan([4, 6], "strict"));
    expect(JSON.parse(JSON.stringify(plan([4, 6], "strict")))).toEqual(plan([4, 6], "strict"));
  });
});

describe("removePrimary", () => {
  it("takes the node's side first, routes through a gateway before the one to it, and the address last", () => {
    const { primary, onNode } = primaryOf([4]);
    expect(done(removePrimary(primary, onNode))).toEqual(awsAway4);
    expect(undone(removePrimary(primary, onNode))).toEqual(awsBack4);
  });

  it("leaves what the kernel made by itself", () => {
    const { primary, onNode } = primaryOf([6]);
    const lines = done(removePrimary(primary, onNode));
    expect(lines.filter((line) => /fe80::aa|fe80::\/64|\(kernel's\)/.test(line))).toEqual([]);
  });

  it("of a primary that left nothing is nothing", () => {
    const primary = { link, addresses: [], routes: [], permanentNeighbours: [] };
    expect(removePrimary(primary, { routes: [], rules: [] })).toEqual([]);
  });
});
