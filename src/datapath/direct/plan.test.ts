import { describe, expect, it } from "vitest";
import {
  VETH,
  address,
  aws,
  branchOf,
  done,
  kernels,
  link,
  prefix,
  primaryFacts,
  route,
  trunk,
  undone,
  veth,
} from "../../../test/unit/plan.ts";
import type { BranchAssignment } from "../../ipam/annotation.ts";
import { Scope } from "../../netlink/route/constants.ts";
import type { IpPrefix } from "../../values/ip.ts";
import { DatapathError } from "../error.ts";
import type { Facts, PrimaryFacts } from "../facts.ts";
import { planDirect, type DirectOptions } from "./plan.ts";

const [aws4, aws6] = [aws[4], aws[6]];

interface Changes {
  readonly primary?: PrimaryFacts;
  readonly node?: Partial<Facts["node"]>;
  readonly pod?: Partial<Facts["pod"]>;
}

function factsOf({ primary: given = primaryFacts(aws4, aws6), node, pod }: Changes = {}): Facts {
  return {
    pod: {
      primary: given,
      otherDefaults: [],
      loopbackUp: true,
      sysctls: [
        { device: "eth0", family: "ipv4", parameter: "rp_filter", value: "1" },
        { device: "eth0", family: "ipv6", parameter: "accept_dad", value: "1" },
      ],
      ...pod,
    },
    node: {
      trunk,
      nameIsTaken: false,
      vethFilter: 1,
      vethRoutes: [route("10.0.0.50/32", { device: VETH })],
      veth,
      addresses: ["10.0.0.10", "2001:db8:1::10"],
      source: { 4: "10.0.0.10", 6: "2001:db8:1::10" },
      table: [],
      rules: [],
      ...node,
    },
  };
}

const branch = branchOf([4, 6]);
const only4 = branchOf([4]);
const only6 = branchOf([6]);

const options: DirectOptions = {
  interfaceName: "eth0",
  hostInterfaceName: "host0",
  mtu: 9001,
  serviceCidrs: [prefix("172.20.0.0/16"), prefix("fd00:20::/108")],
  hostRoutes: [prefix("169.254.170.23/32"), prefix("fd00:ec2::23/128")],
};

const gateway4 = "via 169.254.1.1 src 10.0.0.50 dev 2";
const gateway6 = "via fe80::1 src 2001:db8:1::50 dev 2";
const neighbour4 = "pod: neigh 169.254.1.1 mac 02:bb:00:00:00:01 dev 2";
const neighbour6 = "pod: neigh fe80::1 mac 02:bb:00:00:00:01 dev 2";

const renamePrimary = [
  "pod: link 2 down",
  "pod: link 2 name host0",
  "pod: ipv4/conf/host0/rp_filter=1",
  "pod: ipv6/conf/host0/accept_dad=0",
  "pod: link 2 up",
];
const givenBack = [
  "pod: link 2 down",
  "pod: link 2 name eth0",
  "pod: ipv4/conf/eth0/rp_filter=1 if there",
  "pod: ipv6/conf/eth0/accept_dad=1 if there",
  "pod: link 2 up",
];
const vlan = "vlan eth0 id 7 mac 02:b1:00:00:00:07 mtu 9001 on 3";

describe("planDirect", () => {
  it("of IPv4, behind aws-cni: every step, in order", () => {
    expect(done(planDirect(only4, factsOf({ primary: primaryFacts(aws4) }), options))).toEqual([
      ...renamePrimary,
      "pod: route unreachable default",
      "pod: route unreachable 169.254.169.0/24",
      "pod: route 169.254.1.1/32 dev 2",
      `pod: route 10.0.0.10/32 ${gateway4}`,
      `pod: route 172.20.0.0/16 ${gateway4}`,
      `pod: route 169.254.170.23/32 ${gateway4}`,
      `pod: route 169.254.0.0/16 ${gateway4}`,
      "pod: route 169.254.1.1/32 table 107 dev 2",
      "pod: route default via 169.254.1.1 table 107 dev 2",
      "pod: rule 1536: from 10.0.0.50/32 lookup 107",
      neighbour4,
      `pod: ${vlan}`,
      "pod: ipv4/conf/eth0/rp_filter=2",
      "pod: ipv6/conf/eth0/accept_ra=0 if there",
      "pod: ipv6/conf/eth0/accept_dad=0 if there",
      "pod: addr 10.0.0.20/24 dev eth0",
      "pod: link eth0 up",
      "pod: route default via 10.0.0.1 dev eth0",
      "pod: route 169.254.169.0/24 via 10.0.0.1 dev eth0",
      "node: route 10.0.0.20/32 src 10.0.0.10 table 107 dev 9",
      "node: rule 512: from all to 10.0.0.20/32 iif lo lookup 107",
      "node: link 9 rp_filter 2",
      "node: addr 10.0.0.10/32 dev 9 NOPREFIXROUTE",
      "node: neigh 10.0.0.20 mac 02:aa:00:00:00:01 dev 9",
      "node: nft IPv4 branchline-7 from 10.0.0.50 to 10.0.0.20",
    ]);
  });

  it("of IPv4: the undo takes back the branch first, then gives the primary all it had", () => {
    expect(undone(planDirect(only4, factsOf({ primary: primaryFacts(aws4) }), options))).toEqual([
      "node: - nft IPv4 branchline-7",
      "node: - neigh 10.0.0.20 mac 02:aa:00:00:00:01 dev 9",
      "node: - addr 10.0.0.10/32 dev 9 NOPREFIXROUTE",
      "node: route 10.0.0.50/32 dev 9",
      "node: link 9 rp_filter 1",
      "node: - rule 512: from all to 10.0.0.20/32 iif lo lookup 107",
      "node: - route 10.0.0.20/32 src 10.0.0.10 table 107 dev 9",
      `pod: - ${vlan}`,
      "pod: - rule 1536: from 10.0.0.50/32 lookup 107",
      "pod: - route unreachable 169.254.169.0/24",
      "pod: - route unreachable default",
      ...givenBack,
      "pod: addr 10.0.0.50/32 dev 2",
      "pod: route 169.254.1.1/32 dev 2",
      "pod: route default via 169.254.1.1 dev 2",
      neighbour4,
    ]);
  });

  it("of IPv6, behind aws-cni: every step, in order", () => {
    expect(done(planDirect(only6, factsOf({ primary: primaryFacts(aws6) }), options))).toEqual([
      ...renamePrimary,
      "pod: addr 2001:db8:1::50/128 dev 2 NODAD NOPREFIXROUTE",
      "pod: route unreachable ::/0",
      "pod: route fe80::1/128 dev 2",
      `pod: route 2001:db8:1::10/128 ${gateway6}`,
      `pod: route fd00:20::/108 ${gateway6}`,
      `pod: route fd00:ec2::23/128 ${gateway6}`,
      "pod: route fe80::1/128 table 107 dev 2",
      "pod: route default via fe80::1 table 107 dev 2",
      "pod: rule 1536: from 2001:db8:1::50/128 lookup 107",
      neighbour6,
      `pod: ${vlan}`,
      "pod: ipv4/conf/eth0/rp_filter=2",
      "pod: ipv6/conf/lo/disable_ipv6=0",
      "pod: ipv6/conf/eth0/disable_ipv6=0",
      "pod: ipv6/conf/eth0/accept_ra=0",
      "pod: ipv6/conf/eth0/accept_dad=0",
      "pod: addr 2001:db8:1::20/128 dev eth0 NODAD",
      "pod: link eth0 up",
      "pod: route default via fe80:ec2::1 dev eth0",
      "node: route 2001:db8:1::20/128 src 2001:db8:1::10 table 107 dev 9",
      "node: rule 512: from all to 2001:db8:1::20/128 iif lo lookup 107",
      "node: neigh 2001:db8:1::20 mac 02:aa:00:00:00:01 dev 9",
      "node: nft IPv6 branchline-7 from 2001:db8:1::50 to 2001:db8:1::20",
    ]);
  });

  it("of IPv6: the undo leaves the kernel's own routes and addresses to the kernel", () => {
    expect(undone(planDirect(only6, factsOf({ primary: primaryFacts(aws6) }), options))).toEqual([
      "node: - nft IPv6 branchline-7",
      "node: - neigh 2001:db8:1::20 mac 02:aa:00:00:00:01 dev 9",
      "node: - rule 512: from all to 2001:db8:1::20/128 iif lo lookup 107",
      "node: - route 2001:db8:1::20/128 src 2001:db8:1::10 table 107 dev 9",
      `pod: - ${vlan}`,
      "pod: - rule 1536: from 2001:db8:1::50/128 lookup 107",
      "pod: - route unreachable ::/0",
      ...givenBack,
      "pod: addr 2001:db8:1::50/128 dev 2 NODAD",
      "pod: route fe80::1/128 dev 2",
      "pod: route default via fe80::1 dev 2",
      neighbour6,
    ]);
  });

  it("of both families: the steps of each, and none twice", () => {
    const both = done(planDirect(branch, factsOf(), options));
    const each = [
      ...done(planDirect(only4, factsOf({ primary: primaryFacts(aws4) }), options)),
      ...done(planDirect(only6, factsOf({ primary: primaryFacts(aws6) }), options)),
    ].filter((line) => !line.endsWith(" if there"));
    expect(both.toSorted()).toEqual([...new Set(each)].toSorted());
  });

  it("of the same facts gives the same steps", () => {
    expect(planDirect(branch, factsOf(), options)).toEqual(planDirect(branch, factsOf(), options));
  });

  it("is data: the record on disk gives it back", () => {
    const steps = planDirect(branch, factsOf(), options);
    expect(JSON.parse(JSON.stringify(steps))).toEqual(steps);
  });
});

describe("planDirect behind other primaries", () => {
  it("ptp, which put its own route in the place of the kernel's: that one is not given back", () => {
    const ptp = primaryFacts({
      addresses: [address("10.0.9.2/24"), address("2001:db8:9::2/80")],
      routes: [
        route("default via 10.0.9.1"),
        route("10.0.9.0/24 via 10.0.9.1"),
        route("10.0.9.1/32"),
        route("default via 2001:db8:9::1"),
        route("2001:db8:9::/80 via 2001:db8:9::1"),
        route("2001:db8:9::1/128"),
      ],
      permanentNeighbours: [],
    });
    const steps = planDirect(branch, factsOf({ primary: ptp }), options);
    expect(done(steps)).toEqual(
      expect.arrayContaining([
        "pod: - route 10.0.9.0/24 src 10.0.9.2 dev 2 (kernel's)",
        "pod: addr 2001:db8:9::2/80 dev 2 NODAD NOPREFIXROUTE",
        "pod: route 10.0.9.1/32 dev 2",
        "pod: route 10.0.0.10/32 via 10.0.9.1 src 10.0.9.2 dev 2",
        "pod: route 10.0.9.0/24 via 10.0.9.1 table 107 dev 2",
      ]),
    );
    expect(undone(steps).slice(-10)).toEqual([
      "pod: addr 10.0.9.2/24 dev 2",
      "pod: - route 10.0.9.0/24 src 10.0.9.2 dev 2 (kernel's)",
      "pod: addr 2001:db8:9::2/80 dev 2 NODAD",
      "pod: - route 2001:db8:9::/80 dev 2 (kernel's)",
      // Gateways before what is reached through them.
      "pod: route 10.0.9.1/32 dev 2",
      "pod: route 2001:db8:9::1/128 dev 2",
      "pod: route default via 10.0.9.1 dev 2",
      "pod: route 10.0.9.0/24 via 10.0.9.1 dev 2",
      "pod: route default via 2001:db8:9::1 dev 2",
      "pod: route 2001:db8:9::/80 via 2001:db8:9::1 dev 2",
    ]);
  });

  it("bridge, whose pods are neighbours: not reached past the branch, and given back by the kernel", () => {
    const bridge = primaryFacts({
      addresses: [address("10.244.0.5/24", { broadcast: "10.244.0.255" })],
      routes: [
        route("default via 10.244.0.1"),
        route("10.244.0.0/24", { ...kernels, source: "10.244.0.5", scope: Scope.LINK }),
      ],
      permanentNeighbours: [],
    });
    const steps = planDirect(only4, factsOf({ primary: bridge }), options);
    expect(done(steps)).toContain("pod: - route 10.244.0.0/24 src 10.244.0.5 dev 2 (kernel's)");
    expect(done(steps)).toContain("pod: route 10.244.0.1/32 dev 2");
    expect(done(steps)).toContain("pod: route default via 10.244.0.1 table 107 dev 2");
    expect(undone(steps).slice(-3)).toEqual([
      "pod: link 2 up",
      "pod: addr 10.244.0.5/24 dev 2",
      "pod: route default via 10.244.0.1 dev 2",
    ]);
  });

  it("one without IPv6: the branch has it, the node has no short way to it", () => {
    const lines = done(planDirect(branch, factsOf({ primary: primaryFacts(aws4) }), options));
    expect(lines).toContain("pod: addr 2001:db8:1::20/128 dev eth0 NODAD");
    expect(lines).toContain("pod: route default via fe80:ec2::1 dev eth0");
    expect(lines.filter((line) => /^node: .*2001/.test(line))).toEqual([]);
    expect(lines.filter((line) => /fe80::1|fd00/.test(line))).toEqual([]);
  });

  it("one without IPv4, and a branch without it", () => {
    const lines = done(planDirect(only6, factsOf({ primary: primaryFacts(aws6) }), options));
    expect(lines.filter((line) => /\b\d+\.\d+\.\d+\.\d+/.test(line))).toEqual([]);
  });

  it("one that gave no default route: what is on the node is on the link", () => {
    const bare = primaryFacts({ addresses: [address("10.0.0.50/32")], routes: [], permanentNeighbours: [] });
    const lines = done(planDirect(only4, factsOf({ primary: bare }), options));
    expect(lines).toContain("pod: route 10.0.0.10/32 src 10.0.0.50 dev 2");
    expect(lines).toContain("pod: rule 1536: from 10.0.0.50/32 lookup 107");
  });

  it("two defaults: the better one's gateway leads to the node", () => {
    const two = primaryFacts(aws4, {
      addresses: [],
      routes: [route("default via 169.254.9.9", { priority: 50 })],
      permanentNeighbours: [],
    });
    const lines = done(planDirect(only4, factsOf({ primary: two }), options));
    expect(lines).toContain(`pod: route 10.0.0.10/32 ${gateway4}`);
    // Both are in the table of its own, under their metrics.
    expect(lines.filter((line) => /route default .* table 107/.test(line))).toHaveLength(2);
  });

  it("one that left its interface down: given back down, with nothing on it", () => {
    const down = { ...primaryFacts(aws4), link: { ...link, up: false } };
    const lines = undone(planDirect(only4, factsOf({ primary: down }), options));
    expect(lines.slice(-4)).toEqual(givenBack.slice(0, 4));
  });
});

describe("planDirect on other nodes", () => {
  it("a trunk that is down is set up, and stays so", () => {
    const facts = factsOf({ node: { trunk: { ...factsOf().node.trunk, up: false } } });
    const steps = planDirect(branch, facts, options);
    expect(done(steps)[0]).toBe("node: link 3 up");
    expect(undone(steps).filter((line) => line.includes("link 3"))).toEqual([]);
  });

  it("a loopback that is down is set up, and down again at the very end", () => {
    const steps = planDirect(branch, factsOf({ pod: { loopbackUp: false } }), options);
    expect(done(steps)[0]).toBe("pod: link 1 up");
    expect(undone(steps).at(-1)).toBe("pod: link 1 down");
  });

  it("the node has a device of that name: made under another, and renamed", () => {
    const lines = done(planDirect(branch, factsOf({ node: { nameIsTaken: true } }), options));
    const at = lines.indexOf(`pod: ${vlan.replace("eth0", "branchline7")}`);
    expect(lines[at + 1]).toBe("pod: link branchline7 name eth0");
    expect(lines).not.toContain(`pod: ${vlan}`);
  });

  it("the name for the longest VLAN id still fits a device's 15 bytes", () => {
    const facts = factsOf({ node: { nameIsTaken: true } });
    const names = planDirect({ ...branch, vlanId: 4094 }, facts, options).flatMap(({ do: operation }) =>
      operation.kind === "vlan" ? [operation.vlan.name] : [],
    );
    expect(names).toEqual(["branchline4094"]);
    expect(names.join("").length).toBeLessThanOrEqual(15);
  });

  it("what is left in the VLAN id's table, and the rules to it, go before ours come", () => {
    const facts = factsOf({
      node: {
        table: [route("10.0.0.99/32", { table: 107, device: 4 })],
        rules: [
          {
            family: 4,
            priority: 512,
            table: 107,
            to: { address: "10.0.0.99", length: 32 },
            inputDevice: "lo",
          },
        ],
      },
    });
    const steps = planDirect(branch, facts, options);
    const lines = done(steps);
    const gone = [
      "node: - rule 512: from all to 10.0.0.99/32 iif lo lookup 107",
      "node: - route 10.0.0.99/32 table 107 dev 4",
    ];
    const ours = lines.indexOf("node: route 10.0.0.20/32 src 10.0.0.10 table 107 dev 9");
    for (const line of gone) expect(lines.slice(0, ours)).toContain(line);
    // It was nobody's: nothing brings it back.
    expect(undone(steps).filter((line) => line.includes("10.0.0.99"))).toEqual([]);
  });

  it("no default route of its own: the node's source is left to the kernel", () => {
    const lines = done(planDirect(only4, factsOf({ node: { source: {} } }), options));
    expect(lines).toContain("node: route 10.0.0.20/32 table 107 dev 9");
  });

  it("each destination is routed once, whoever names it, and a pod's own gateway not again", () => {
    const lines = done(
      planDirect(
        branch,
        factsOf({ node: { addresses: ["10.0.0.10", "169.254.170.23", "169.254.1.1", "fd00:ec2::23"] } }),
        { ...options, serviceCidrs: [prefix("172.20.0.0/16"), prefix("10.0.0.10/32")] },
      ),
    );
    const destinations = lines.filter(
      (line) => /^pod: route \S+ .*dev 2$/.test(line) && !/ table /.test(line),
    );
    expect(destinations).toEqual([...new Set(destinations)]);
    expect(destinations.toSorted()).toEqual(
      [
        "pod: route 169.254.1.1/32 dev 2",
        `pod: route 10.0.0.10/32 ${gateway4}`,
        `pod: route 169.254.170.23/32 ${gateway4}`,
        `pod: route 172.20.0.0/16 ${gateway4}`,
        `pod: route 169.254.0.0/16 ${gateway4}`,
        "pod: route fe80::1/128 dev 2",
        `pod: route fd00:ec2::23/128 ${gateway6}`,
      ].toSorted(),
    );
  });

  it("the veth filters by loose reverse path whatever it did before, which comes back", () => {
    const steps = (vethFilter: number | undefined) => {
      const { node, ...rest } = factsOf();
      const { vethFilter: _, ...other } = node;
      return planDirect(
        branch,
        { ...rest, node: { ...other, ...(vethFilter !== undefined && { vethFilter }) } },
        options,
      );
    };
    const filters = (lines: string[]) => lines.filter((line) => line.includes(" rp_filter "));
    for (const old of [0, 1]) {
      expect(filters(done(steps(old)))).toEqual(["node: link 9 rp_filter 2"]);
      expect(filters(undone(steps(old)))).toEqual([`node: link 9 rp_filter ${old}`]);
    }
    for (const old of [2, undefined]) expect(filters(done(steps(old)))).toEqual([]);
  });

  it("the veth borrows the address the node sends from, or else any that it has, for a branch with IPv4", () => {
    const borrowed = (of: BranchAssignment, node: Partial<Facts["node"]>) =>
      done(planDirect(of, factsOf({ node }), options)).filter((line) => line.startsWith("node: addr"));
    const addr = "node: addr 10.0.0.10/32 dev 9 NOPREFIXROUTE";
    expect(borrowed(branch, { addresses: ["10.0.5.5", "10.0.0.10"] })).toEqual([addr]);
    expect(borrowed(branch, { addresses: ["2001:db8:1::10", "10.0.0.10"], source: {} })).toEqual([addr]);
    expect(borrowed(branch, { addresses: ["2001:db8:1::10"], source: {} })).toEqual([]);
    expect(borrowed(only6, {})).toEqual([]);
  });

  it("link-local IPv4 goes by the node but for what the VPC serves, unless hostRoutes says that as well", () => {
    const vpc = (hostRoutes: IpPrefix[]) =>
      done(planDirect(branch, factsOf(), { ...options, hostRoutes })).filter((line) =>
        / 169\.254\.(0|169)\.0\//.test(line),
      );
    const all = `pod: route 169.254.0.0/16 ${gateway4}`;
    expect(vpc([])).toEqual([
      "pod: route unreachable 169.254.169.0/24",
      all,
      "pod: route 169.254.169.0/24 via 10.0.0.1 dev eth0",
    ]);
    const given = prefix("169.254.169.0/24");
    expect(vpc([given])).toEqual([`pod: route 169.254.169.0/24 ${gateway4}`, all]);
    const without6 = { primary: primaryFacts(aws6) };
    expect(done(planDirect(only6, factsOf(without6), options)).filter((line) => / 169/.test(line))).toEqual(
      [],
    );
  });

  it("IPv6 that a runtime switched off on lo is on with the branch, and off again after it", () => {
    const off = { device: "lo", family: "ipv6", parameter: "disable_ipv6", value: "1" } as const;
    const steps = planDirect(only6, factsOf({ pod: { sysctls: [off] } }), options);
    expect(done(steps)).toContain("pod: ipv6/conf/lo/disable_ipv6=0");
    expect(undone(steps)).toContain("pod: ipv6/conf/lo/disable_ipv6=1 if there");
  });

  it("the node masquerades the pod's calls of itself in the families that have Services, and both addresses", () => {
    const masqueraded = (of: BranchAssignment, facts: Facts, ...services: string[]) =>
      done(planDirect(of, facts, { ...options, serviceCidrs: services.map(prefix) })).filter((line) =>
        line.includes(" nft "),
      );
    const [nft4, nft6] = [
      "node: nft IPv4 branchline-7 from 10.0.0.50 to 10.0.0.20",
      "node: nft IPv6 branchline-7 from 2001:db8:1::50 to 2001:db8:1::20",
    ];
    expect(masqueraded(branch, factsOf(), "172.20.0.0/16", "fd00:20::/108")).toEqual([nft4, nft6]);
    expect(masqueraded(branch, factsOf(), "172.20.0.0/16")).toEqual([nft4]);
    expect(masqueraded(branch, factsOf(), "fd00:20::/108")).toEqual([nft6]);
    expect(masqueraded(branch, factsOf())).toEqual([]);
    expect(masqueraded(only4, factsOf(), "172.20.0.0/16", "fd00:20::/108")).toEqual([nft4]);
    const without4 = factsOf({ primary: primaryFacts(aws6) });
    expect(masqueraded(branch, without4, "172.20.0.0/16", "fd00:20::/108")).toEqual([nft6]);
  });

  it("a kernel without IPv6 has no parameters of it to put back", () => {
    const facts = factsOf({
      primary: primaryFacts(aws4),
      pod: { sysctls: [{ device: "eth0", family: "ipv4", parameter: "rp_filter", value: "0" }] },
    });
    const steps = planDirect(only4, facts, options);
    expect([...done(steps), ...undone(steps)].filter((line) => /ipv6\/conf\/host0/.test(line))).toEqual([]);
    expect(done(steps).filter((line) => /ipv6/.test(line) && !line.endsWith("if there"))).toEqual([]);
  });

  it("other names and sizes are taken as they are given", () => {
    const lines = done(
      planDirect(branch, factsOf(), {
        ...options,
        interfaceName: "net1",
        hostInterfaceName: "node0",
        mtu: 1500,
      }),
    );
    expect(lines).toContain("pod: vlan net1 id 7 mac 02:b1:00:00:00:07 mtu 1500 on 3");
    expect(lines).toContain("pod: link 2 name node0");
    expect(lines).toContain("pod: ipv4/conf/net1/rp_filter=2");
  });
});

describe("the table of a VLAN id", () => {
  it.each([
    [1, 101],
    [120, 220],
    [152, 252],
    [156, 256],
    [4094, 4194],
  ])("of %i is %i", (vlanId, table) => {
    const lines = done(planDirect({ ...only4, vlanId }, factsOf({ primary: primaryFacts(aws4) }), options));
    expect(lines).toContain(`node: rule 512: from all to 10.0.0.20/32 iif lo lookup ${table}`);
  });

  it.each([
    [153, 253],
    [154, 254],
    [155, 255],
  ])("of %i would be the kernel's own %i", (vlanId, table) => {
    const plan = () => planDirect({ ...branch, vlanId }, factsOf(), options);
    expect(plan).toThrow(DatapathError);
    expect(plan).toThrow(`vlanId ${vlanId} cannot be used: its route table ${table} is the kernel's own`);
  });
});
