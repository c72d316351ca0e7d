import { describe, expect, it } from "vitest";
import { eni, filters, internet, machine, node, pod, rule } from "../../test/unit/network.ts";
import type { Filters, NetworkAcl } from "./facts.ts";
import { isEnd } from "./hops.ts";
import type { Place, PodPlace, Source } from "./places.ts";
import { type Path, judge } from "./verdict.ts";

const OUT = "sg-p out -1 0.0.0.0/0";
const web = pod("p", "direct");

function path(from: Source, to: Place, port = 5432, protocol: Path["protocol"] = "tcp"): Path {
  return { from, to, protocol, port, throughService: false };
}

const line = (rules: readonly string[], asked: Path) => judge(filters(rules), asked).line;

describe("groups at both ends", () => {
  it.each<[string, readonly string[], string]>([
    ["a reference", [OUT, "sg-db in tcp 5432 sg-p"], "reaches"],
    ["a range of addresses", [OUT, "sg-db in tcp 5432 10.0.1.0/24"], "reaches"],
    ["a range of ports", [OUT, "sg-db in tcp 5000-6000 sg-p"], "reaches"],
    ["all of it", [OUT, "sg-db in -1 sg-p"], "reaches"],
    ["a number", [OUT, "sg-db in 6 5432 sg-p"], "reaches"],
    ["all ports", [OUT, "sg-db in tcp sg-p"], "reaches"],
    ["a prefix list", [OUT, "sg-db in tcp 5432 pl-1"], "reaches"],
    ["a reference on the way out", ["sg-p out tcp 5432 sg-db", "sg-db in tcp 5432 sg-p"], "reaches"],
    ["none at all", [], "does not reach: sg-p has no egress for tcp 5432 to sg-db (10.0.2.9)"],
    ["none on the way in", [OUT], "does not reach: sg-db has no ingress for tcp 5432 from sg-p (10.0.1.132)"],
    [
      "another port",
      [OUT, "sg-db in tcp 5431 sg-p"],
      "does not reach: sg-db has no ingress for tcp 5432 from sg-p (10.0.1.132)",
    ],
    [
      "a port below the range",
      [OUT, "sg-db in tcp 5433-6000 sg-p"],
      "does not reach: sg-db has no ingress for tcp 5432 from sg-p (10.0.1.132)",
    ],
    [
      "a port above the range",
      [OUT, "sg-db in tcp 5000-5431 sg-p"],
      "does not reach: sg-db has no ingress for tcp 5432 from sg-p (10.0.1.132)",
    ],
    [
      "another protocol",
      [OUT, "sg-db in udp 5432 sg-p"],
      "does not reach: sg-db has no ingress for tcp 5432 from sg-p (10.0.1.132)",
    ],
    [
      "the other direction",
      [OUT, "sg-db out tcp 5432 sg-p"],
      "does not reach: sg-db has no ingress for tcp 5432 from sg-p (10.0.1.132)",
    ],
    [
      "the destination's own group",
      [OUT, "sg-db in tcp 5432 sg-db"],
      "does not reach: sg-db has no ingress for tcp 5432 from sg-p (10.0.1.132)",
    ],
    [
      "another range",
      [OUT, "sg-db in tcp 5432 10.0.0.0/24"],
      "does not reach: sg-db has no ingress for tcp 5432 from sg-p (10.0.1.132)",
    ],
    [
      "another group's rule",
      [OUT, "sg-other in tcp 5432 sg-p"],
      "does not reach: sg-db has no ingress for tcp 5432 from sg-p (10.0.1.132)",
    ],
    [
      "a list that may not be read",
      [OUT, "sg-db in tcp 5432 pl-secret"],
      "cannot say: no permission for ec2:GetManagedPrefixListEntries",
    ],
    [
      "a list that was not read",
      [OUT, "sg-db in tcp 5432 pl-new"],
      "cannot say: the entries of pl-new were not read",
    ],
    [
      "a list that may not be read beside a rule that is enough",
      [OUT, "sg-db in tcp 5432 pl-secret", "sg-db in -1 sg-p"],
      "reaches",
    ],
  ])("%s", (_, rules, expected) => {
    expect(line(rules, path(web, machine()))).toBe(expected);
  });

  it("a later entry of a prefix list is as good as the first", () => {
    const rules = ["sg-db out -1 0.0.0.0/0", "sg-p in tcp 5432 pl-1"];
    expect(line(rules, path(machine(), web))).toBe("reaches");
    expect(line(rules, path(machine("sg-db", "10.0.3.9"), web))).toContain("sg-p has no ingress");
  });

  it("any of several groups is enough", () => {
    const second = pod("p", "direct", node(), "sg-none sg-p");
    expect(line([OUT, "sg-db in tcp 5432 sg-p"], path(second, machine("sg-none sg-db")))).toBe("reaches");
    const from = pod("p", "direct", node(), "sg-p sg-q");
    expect(line([OUT, "sg-db in tcp 5432 sg-q"], path(from, machine()))).toBe("reaches");
    expect(line([OUT], path(from, machine("sg-db sg-other")))).toBe(
      "does not reach: sg-db and sg-other have no ingress for tcp 5432 from sg-p and sg-q (10.0.1.132)",
    );
  });

  it("outside of the VPC only the way out counts", () => {
    expect(line([OUT], path(web, internet(), 443))).toBe("reaches");
    expect(line(["sg-p out tcp 443 sg-p"], path(web, internet(), 443))).toBe(
      "does not reach: sg-p has no egress for tcp 443 to 203.0.113.9",
    );
  });

  it.each<[string, string]>([
    ["sg-p in icmp 8 sg-db", "reaches"],
    ["sg-p in icmp 8/0 sg-db", "reaches"],
    ["sg-p in icmp 8/-1 sg-db", "reaches"],
    ["sg-p in icmp 8/3 sg-db", "does not reach: sg-p has no ingress for icmp echo from sg-db (10.0.2.9)"],
    ["sg-p in icmp sg-db", "reaches"],
    ["sg-p in icmp 0 sg-db", "does not reach: sg-p has no ingress for icmp echo from sg-db (10.0.2.9)"],
    ["sg-p in icmpv6 sg-db", "does not reach: sg-p has no ingress for icmp echo from sg-db (10.0.2.9)"],
  ])("an echo request by %s", (text, expected) => {
    expect(line(["sg-db out -1 0.0.0.0/0", text], path(machine(), web, 0, "icmp"))).toBe(expected);
  });

  it("IPv6 has rules of its own", () => {
    const from = { ...web, end: { ...web.end, address: "fd00::5" } };
    const to = { ...machine(), end: { ...machine().end, address: "fd00::9" } };
    expect(line([OUT, "sg-db in -1 sg-p"], path(from, to))).toContain("sg-p has no egress");
    expect(line(["sg-p out -1 ::/0", "sg-db in tcp 5432 fd00::/64"], path(from, to))).toBe("reaches");
    expect(line(["sg-p out -1 ::/0", "sg-db in icmpv6 128 sg-p"], path(from, to, 0, "icmp"))).toBe("reaches");
  });
});

describe("what was not looked at", () => {
  const denied = { known: false, why: "no permission for ec2:DescribeSecurityGroupRules" } as const;

  it("is named", () => {
    const asked = path(web, machine());
    expect(judge({ ...filters([]), rules: denied }, asked).line).toBe(`cannot say: ${denied.why}`);
    const unseen = { known: false, why: "no permission for ec2:DescribeNetworkInterfaces" } as const;
    const to = { ...machine(), end: { address: "10.0.2.9", interface: unseen } };
    expect(judge(filters([OUT]), path(web, to)).line).toBe(`cannot say: ${unseen.why}`);
    expect(
      judge(
        { ...filters([OUT, "sg-db in -1 sg-p"]), acls: denied },
        path(web, machine("sg-db", "10.0.0.9", "subnet-a")),
      ).line,
    ).toBe(`cannot say: ${denied.why}`);
  });

  it("may have the group that a rule names", () => {
    const unseen = { known: false, why: "no permission for ec2:DescribeNetworkInterfaces" } as const;
    const to = { ...machine(), end: { address: "10.0.2.9", interface: unseen } };
    expect(judge(filters(["sg-p out tcp 5432 sg-db"]), path(web, to))).toMatchObject({
      answer: "cannot say",
      hops: [
        { kind: "unknown", isEgress: true },
        { kind: "unknown", isEgress: false },
        { kind: "tracked", isEgress: false },
      ],
    });
  });

  it("does not hide what certainly is in the way", () => {
    const unseen = { known: false, why: "no permission for ec2:DescribeNetworkInterfaces" } as const;
    const to = { ...machine(), end: { address: "10.0.2.9", interface: unseen } };
    expect(judge(filters([]), path(web, to))).toMatchObject({ answer: "does not reach" });
  });

  it("does not count where no groups decide", () => {
    const nothing: Filters = { ...filters([]), rules: denied, prefixLists: new Map(), acls: denied };
    expect(judge(nothing, path(node(), web)).line).toBe("reaches");
  });
});

describe("network ACLs", () => {
  const RULES = [OUT, "sg-db in tcp 5432 sg-p"];
  const db = machine("sg-db", "10.0.0.9", "subnet-a");
  /** Of the database's subnet; the pod's lets everything pass. Such as `100 in allow 6 5432 10.0.0.0/8`. */
  const acls = (...entries: readonly string[]): NetworkAcl[] => [
    { id: "acl-db", subnets: ["subnet-a"], entries: entries.map(entryOf) },
    {
      id: "acl-pod",
      subnets: ["subnet-b"],
      entries: [entryOf("1 in allow -1 0.0.0.0/0"), entryOf("1 out allow -1 0.0.0.0/0")],
    },
  ];
  const entryOf = (text: string) => {
    const [number, direction, verb, protocol = "", ...rest] = text.split(" ");
    const [ports, cidr = ""] = rest.length === 2 ? rest : [undefined, rest[0]];
    const [from, given] = (ports ?? "").split("-");
    // Of ICMP a type, and a code if any.
    const to = given ?? (protocol === "1" ? undefined : from);
    const isAll = ports === undefined;
    return {
      number: Number(number),
      isEgress: direction === "out",
      allows: verb === "allow",
      protocol,
      cidr,
      fromPort: isAll ? undefined : Number(from),
      toPort: isAll || to === undefined ? undefined : Number(to),
    };
  };

  it.each<[string, readonly string[], string]>([
    [
      "lets both ways pass",
      ["1 in allow 6 5432 10.0.1.0/24", "1 out allow 6 1024-65535 10.0.1.0/24"],
      "reaches",
    ],
    [
      "the first that matches decides",
      ["1 in allow 6 5432 10.0.0.0/8", "2 in deny -1 0.0.0.0/0", "1 out allow -1 0.0.0.0/0"],
      "reaches",
    ],
    [
      "has nothing for it",
      ["1 out allow -1 0.0.0.0/0"],
      "does not reach: network ACL acl-db has no entry for tcp 5432, inbound",
    ],
    [
      "refuses it",
      ["1 in deny 6 5432 10.0.0.0/8", "2 in allow -1 0.0.0.0/0", "1 out allow -1 0.0.0.0/0"],
      "does not reach: network ACL acl-db entry 1 refuses tcp 5432, inbound",
    ],
    [
      "forgets the answers",
      ["1 in allow -1 0.0.0.0/0"],
      "does not reach: network ACL acl-db has no entry for answers to ports 32768 to 60999, outbound",
    ],
    [
      "lets some answers pass",
      ["1 in allow -1 0.0.0.0/0", "1 out allow 6 1024-40000 0.0.0.0/0"],
      "does not reach: network ACL acl-db has no entry for answers to ports 40001 to 60999, outbound",
    ],
    [
      "has a hole among the answers",
      ["1 in allow -1 0.0.0.0/0", "1 out deny 6 50000-50010 0.0.0.0/0", "2 out allow -1 0.0.0.0/0"],
      "does not reach: network ACL acl-db entry 1 refuses answers to ports 50000 to 50010, outbound",
    ],
    [
      "names another protocol",
      ["1 in allow 17 5432 0.0.0.0/0", "1 out allow -1 0.0.0.0/0"],
      "does not reach: network ACL acl-db has no entry for tcp 5432, inbound",
    ],
  ])("%s", (_, entries, expected) => {
    expect(judge(filters(RULES, acls(...entries)), path(web, db)).line).toBe(expected);
  });

  it("do not count within a subnet", () => {
    expect(judge(filters(RULES, []), path(web, machine())).line).toBe("reaches");
  });

  it("of echo requests and their replies the types count", () => {
    const asked = path(web, db, 0, "icmp");
    const rules = [OUT, "sg-db in icmp 8 sg-p"];
    const said = (...entries: readonly string[]) => judge(filters(rules, acls(...entries)), asked).line;
    expect(said("1 in allow 1 8 0.0.0.0/0", "1 out allow 1 0 0.0.0.0/0")).toBe("reaches");
    expect(said("1 in allow 1 8-0 0.0.0.0/0", "1 out allow 1 0-0 0.0.0.0/0")).toBe("reaches");
    expect(said("1 in allow 1 8-3 0.0.0.0/0", "1 out allow -1 0.0.0.0/0")).toBe(
      "does not reach: network ACL acl-db has no entry for icmp echo, inbound",
    );
    expect(said("1 in allow 1 0 0.0.0.0/0", "1 out allow 1 0 0.0.0.0/0")).toBe(
      "does not reach: network ACL acl-db has no entry for icmp echo, inbound",
    );
    expect(said("1 in allow -1 0.0.0.0/0", "1 out allow 1 8 0.0.0.0/0")).toBe(
      "does not reach: network ACL acl-db has no entry for answers, outbound",
    );
  });
});

describe("the node's own sockets and strict pods", () => {
  const strict = (tcp: boolean, udp = tcp) =>
    pod("p", "routed strict", { ...node(), earlyDemux: { known: true, value: { tcp, udp } } });
  const RULES = [OUT, "sg-p in -1 sg-node", "sg-node out -1 0.0.0.0/0", "sg-node in -1 sg-p"];
  const reason = (protocol: string) =>
    `does not reach: ${protocol}_early_demux of node n1 is on, so it drops what a strict pod of its own sends to its sockets; manageEarlyDemux switches it off`;
  const probe = (to: PodPlace, protocol: Path["protocol"] = "tcp") =>
    line(RULES, path(to.node, to, 80, protocol));
  const call = (from: PodPlace, protocol: Path["protocol"] = "tcp") =>
    line(RULES, path(from, from.node, 80, protocol));

  it("do not meet while early demultiplexing is on", () => {
    expect(probe(strict(true))).toBe(reason("tcp"));
    expect(call(strict(true))).toBe(reason("tcp"));
    expect(probe(strict(true), "udp")).toBe(reason("udp"));
  });

  it("each protocol has a switch of its own", () => {
    expect(probe(strict(true, false), "udp")).toBe("reaches");
    expect(probe(strict(false, true))).toBe("reaches");
    expect(probe(strict(false, true), "udp")).toBe(reason("udp"));
    expect(call(strict(false, true), "udp")).toBe("reaches");
    expect(probe(strict(true), "icmp")).toBe("reaches");
  });

  it("groups are still told", () => {
    const { hops, line: said } = judge(filters(["sg-node out -1 0.0.0.0/0"]), path(node(), strict(true)));
    expect(said).toContain("sg-p has no ingress");
    const own = strict(true);
    expect(
      judge(filters([]), path(own.node, own))
        .hops.filter(isEnd)
        .map(({ kind }) => kind),
    ).toEqual(["no-rule", "no-rule", "early-demux"]);
    expect(hops.some(({ kind }) => kind === "early-demux")).toBe(false);
  });

  it("a switch that was not looked at is named", () => {
    const earlyDemux = { known: false, why: "the sysctls of n1 are not known" } as const;
    const own = pod("p", "routed strict", { ...node(), earlyDemux });
    expect(probe(own)).toBe(`cannot say: ${earlyDemux.why}`);
    expect(probe(own, "icmp")).toBe("reaches");
    expect(probe({ ...own, attachment: "routed standard" })).toBe("reaches");
  });
});

describe("Services", () => {
  const service = (from: PodPlace, to: Place, more: Partial<Path> = {}) =>
    judge(
      filters([
        "sg-p out -1 0.0.0.0/0",
        "sg-node out -1 0.0.0.0/0",
        "sg-db in -1 0.0.0.0/0",
        "sg-p in -1 sg-node",
      ]),
      {
        ...path(from, to, 80),
        throughService: true,
        ...more,
      },
    ).line;

  it("have no echo", () => {
    expect(service(web, machine(), { protocol: "icmp" })).toBe(
      "does not reach: kube-proxy translates the ports of a Service, not echo requests to it",
    );
  });

  it("of other addresses than serviceCIDRs are not reached by a direct pod", () => {
    const from = (attachment: PodPlace["attachment"]) => ({
      ...pod("p", attachment),
      serviceCidrs: ["172.20.0.0/16"],
    });
    const why =
      "does not reach: serviceCIDRs have no 10.100.0.10, so a direct pod sends it by its branch, and the VPC does not carry it";
    expect(service(from("direct"), machine(), { serviceAddress: "10.100.0.10" })).toBe(why);
    expect(service(from("direct"), machine(), { serviceAddress: "172.20.0.10" })).toBe("reaches");
    expect(service(from("direct"), machine())).toBe("reaches");
    expect(service(from("routed strict"), machine(), { serviceAddress: "10.100.0.10" })).toBe("reaches");
  });

  it("ACLs are not asked about what a direct pod answers itself", () => {
    const shut: NetworkAcl = {
      id: "acl-shut",
      subnets: ["subnet-a", "subnet-b"],
      entries: [
        {
          number: 1,
          isEgress: true,
          allows: true,
          protocol: "6",
          cidr: "0.0.0.0/0",
          fromPort: 80,
          toPort: 80,
        },
        {
          number: 1,
          isEgress: false,
          allows: true,
          protocol: "6",
          cidr: "0.0.0.0/0",
          fromPort: 80,
          toPort: 80,
        },
      ],
    };
    const facts = filters(["sg-node out -1 0.0.0.0/0", "sg-p in -1 sg-node", "sg-q in -1 sg-node"], [shut]);
    const asked = { ...path(web, web, 80), throughService: true };
    expect(judge(facts, asked).line).toBe("reaches");
    expect(judge(facts, { ...asked, to: pod("q", "direct") }).line).toBe(
      "does not reach: network ACL acl-shut has no entry for answers to ports 32768 to 60999, outbound",
    );
  });
});

it("what a node translates is answered at any port that is not reserved", () => {
  const acl: NetworkAcl = {
    id: "acl-a",
    subnets: ["subnet-a"],
    entries: [
      {
        number: 1,
        isEgress: true,
        allows: true,
        protocol: "-1",
        cidr: "0.0.0.0/0",
        fromPort: undefined,
        toPort: undefined,
      },
      {
        number: 1,
        isEgress: false,
        allows: true,
        protocol: "6",
        cidr: "0.0.0.0/0",
        fromPort: 32768,
        toPort: 65535,
      },
    ],
  };
  const from = pod("p", "routed standard");
  expect(judge(filters(["sg-node out -1 0.0.0.0/0"], [acl]), path(from, internet(), 443)).line).toBe(
    "does not reach: network ACL acl-a has no entry for answers to ports 1024 to 32767, inbound",
  );
});

it("an address of the VPC that no interface has may be EC2's own", () => {
  const nobody = {
    ...machine(),
    end: { address: "10.0.0.2", interface: { known: true, value: undefined } as const },
  };
  expect(line([OUT], path(web, nobody, 53, "udp"))).toBe(
    "cannot say: no interface of the VPC has 10.0.0.2; if EC2 itself serves it, as it does its resolver, no groups are asked",
  );
});

describe("remedies", () => {
  it.each<[string, Path, readonly string[]]>([
    [
      "by the other end's group",
      path(web, machine()),
      [
        "aws ec2 authorize-security-group-egress --group-id sg-p --ip-permissions 'IpProtocol=tcp,FromPort=5432,ToPort=5432,UserIdGroupPairs=[{GroupId=sg-db}]'",
        "aws ec2 authorize-security-group-ingress --group-id sg-db --ip-permissions 'IpProtocol=tcp,FromPort=5432,ToPort=5432,UserIdGroupPairs=[{GroupId=sg-p}]'",
      ],
    ],
    [
      "by its address",
      path(web, internet(), 53, "udp"),
      [
        "aws ec2 authorize-security-group-egress --group-id sg-p --ip-permissions 'IpProtocol=udp,FromPort=53,ToPort=53,IpRanges=[{CidrIp=203.0.113.9/32}]'",
      ],
    ],
    [
      "for an echo request",
      path(web, internet(), 0, "icmp"),
      [
        "aws ec2 authorize-security-group-egress --group-id sg-p --ip-permissions 'IpProtocol=icmp,FromPort=8,ToPort=0,IpRanges=[{CidrIp=203.0.113.9/32}]'",
      ],
    ],
    [
      "over IPv6",
      path({ ...web, end: { ...web.end, address: "fd00::5" } }, internet("2600::9"), 443),
      [
        "aws ec2 authorize-security-group-egress --group-id sg-p --ip-permissions 'IpProtocol=tcp,FromPort=443,ToPort=443,Ipv6Ranges=[{CidrIpv6=2600::9/128}]'",
      ],
    ],
  ])("%s", (_, asked, expected) => {
    expect(judge(filters([]), asked).remedies).toEqual(expected);
  });

  it("are enough", () => {
    const mended = ["sg-p out tcp 5432 sg-db", "sg-db in tcp 5432 sg-p"];
    expect(judge(filters([]), path(web, machine())).answer).toBe("does not reach");
    expect(judge(filters(mended), path(web, machine())).answer).toBe("reaches");
  });
});

it("shows each hop with its rule, in the order of the packets", () => {
  const { hops } = judge(
    filters([OUT, "sg-db in tcp 5432 sg-p"]),
    path(web, machine("sg-db", "10.0.0.9", "subnet-a")),
  );
  expect(hops.map((hop) => [hop.kind, hop.isEgress])).toEqual([
    ["group", true],
    ["route", true],
    ["acl", true],
    ["acl", false],
    ["group", false],
    ["tracked", true],
    ["route", true],
    ["acl", true],
    ["acl", false],
    ["tracked", false],
  ]);
  expect(hops[0]).toEqual({
    kind: "group",
    isEgress: true,
    isAnswer: false,
    at: eni("p", "sg-p", "subnet-b"),
    rule: rule(OUT),
  });
});
