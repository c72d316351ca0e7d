import { describe, expect, it } from "vitest";
import { eni, filters, internet, machine, node, pod } from "../../test/unit/network.ts";
import type { RouteTable } from "./facts.ts";
import type { Place } from "./places.ts";
import { judge } from "./verdict.ts";

const RULES = ["sg-p out -1 0.0.0.0/0", "sg-p out -1 ::/0", "sg-db in -1 sg-p"];
const web = pod("p", "direct");

/** Such as `10.0.0.0/16 local`; a blackhole ends in `gone`. */
function table(id: string, subnets: string, ...routes: readonly string[]): RouteTable {
  return {
    id,
    vpc: "vpc-1",
    isMain: subnets === "",
    subnets: subnets === "" ? [] : subnets.split(" "),
    routes: routes.map((text) => {
      const [destination = "", target = "", state] = text.split(" ");
      return { destination, target, isActive: state !== "gone" };
    }),
  };
}

function said(tables: readonly RouteTable[], to: Place, from = web): string {
  const facts = { ...filters(RULES), routeTables: { known: true, value: tables } as const };
  return judge(facts, { from, to, protocol: "tcp", port: 443, throughService: false }).line;
}

const LOCAL = "10.0.0.0/16 local";
const abroad = { ...internet("2600::9") };
const dual = { ...web, end: { ...web.end, address: "fd00::5" } };

describe("out of the VPC", () => {
  it.each<[string, readonly RouteTable[], string]>([
    ["a NAT gateway", [table("rtb-b", "subnet-b", LOCAL, "0.0.0.0/0 nat-1")], "reaches"],
    [
      "no route",
      [table("rtb-b", "subnet-b", LOCAL)],
      "does not reach: route table rtb-b of subnet-b has no route to 203.0.113.9",
    ],
    [
      "a blackhole",
      [table("rtb-b", "subnet-b", LOCAL, "0.0.0.0/0 nat-1 gone")],
      "does not reach: route table rtb-b of subnet-b has a blackhole for 203.0.113.9: nat-1 is gone",
    ],
    [
      "the subnet's own table counts",
      [table("rtb-main", "", LOCAL, "0.0.0.0/0 nat-1"), table("rtb-b", "subnet-b", LOCAL)],
      "does not reach: route table rtb-b of subnet-b has no route to 203.0.113.9",
    ],
    [
      "the main table where it has none",
      [table("rtb-main", "", LOCAL, "0.0.0.0/0 nat-1"), table("rtb-a", "subnet-a", LOCAL)],
      "reaches",
    ],
    ["no table", [table("rtb-a", "subnet-a", LOCAL)], "cannot say: no route table of subnet-b was shown"],
    [
      "the longest prefix decides",
      [table("rtb-b", "subnet-b", "0.0.0.0/0 nat-1", "203.0.113.0/24 tgw-1 gone", "203.0.0.0/16 tgw-2")],
      "does not reach: route table rtb-b of subnet-b has a blackhole for 203.0.113.9: tgw-1 is gone",
    ],
    [
      "a route for others",
      [table("rtb-b", "subnet-b", LOCAL, "198.51.100.0/24 tgw-1", "::/0 eigw-1")],
      "does not reach: route table rtb-b of subnet-b has no route to 203.0.113.9",
    ],
    [
      "a prefix list that is not known",
      [table("rtb-b", "subnet-b", LOCAL, "0.0.0.0/0 nat-1", "pl-s3 vpce-1")],
      "cannot say: the entries of pl-s3 were not read",
    ],
    [
      "a prefix list that has others",
      [table("rtb-b", "subnet-b", "0.0.0.0/0 nat-1", "pl-1 vpce-1 gone")],
      "reaches",
    ],
    [
      "an internet gateway",
      [table("rtb-b", "subnet-b", "0.0.0.0/0 igw-1")],
      "cannot say: whether eni-p has a public address, which igw-1 needs, was not looked at",
    ],
  ])("%s", (_, tables, expected) => {
    expect(said(tables, internet())).toBe(expected);
  });

  it("an internet gateway is for interfaces with a public address, but for IPv6", () => {
    const tables = [table("rtb-b", "subnet-b", "0.0.0.0/0 igw-1", "::/0 igw-1")];
    const withAddress = (hasPublicAddress: boolean) => ({
      ...web,
      end: {
        ...web.end,
        interface: { known: true, value: { ...eni("p", "sg-p", "subnet-b"), hasPublicAddress } } as const,
      },
    });
    expect(said(tables, internet(), withAddress(true))).toBe("reaches");
    expect(said(tables, internet(), withAddress(false))).toBe(
      "does not reach: route table rtb-b of subnet-b sends 203.0.113.9 to igw-1, and eni-p has no public address: its subnet needs a NAT gateway",
    );
    expect(said(tables, abroad, dual)).toBe("reaches");
  });

  it("each family has routes of its own", () => {
    expect(said([table("rtb-b", "subnet-b", "0.0.0.0/0 nat-1")], abroad, dual)).toContain(
      "has no route to 2600::9",
    );
  });

  it("what may not be looked at is named", () => {
    const denied = { known: false, why: "no permission for ec2:DescribeRouteTables" } as const;
    const facts = { ...filters(RULES), routeTables: denied };
    const asked = { from: web, protocol: "tcp", port: 443, throughService: false } as const;
    expect(judge(facts, { ...asked, to: internet() }).line).toBe(`cannot say: ${denied.why}`);
    // Within a subnet it does not count.
    expect(judge(facts, { ...asked, to: machine() }).line).toBe("reaches");
  });
});

describe("within the VPC", () => {
  const db = machine("sg-db", "10.0.0.9", "subnet-a");

  it("answers need a route too", () => {
    expect(said([table("rtb-a", "subnet-a", LOCAL), table("rtb-b", "subnet-b", LOCAL)], db)).toBe("reaches");
    expect(said([table("rtb-a", "subnet-a"), table("rtb-b", "subnet-b", LOCAL)], db)).toBe(
      "does not reach: route table rtb-a of subnet-a has no route to answers to 10.0.1.132",
    );
  });

  it("an appliance in between is not looked at", () => {
    const tables = [
      table("rtb-a", "subnet-a", LOCAL),
      table("rtb-b", "subnet-b", LOCAL, "10.0.0.0/24 eni-firewall"),
    ];
    expect(said(tables, db)).toBe(
      "cannot say: rtb-b leads to 10.0.0.9 by eni-firewall, and what that does was not looked at",
    );
  });

  it("lists of a gateway endpoint are not asked", () => {
    const tables = [table("rtb-a", "subnet-a", LOCAL), table("rtb-b", "subnet-b", LOCAL, "pl-s3 vpce-1")];
    expect(said(tables, db)).toBe("reaches");
  });

  it("answers of a direct pod to its own Service take no route", () => {
    const from = pod("p", "direct", node());
    const asked = { from, to: from, protocol: "tcp", port: 80, throughService: true } as const;
    const facts = {
      ...filters(["sg-node out -1 0.0.0.0/0", "sg-p in tcp 80 sg-node"]),
      routeTables: {
        known: true,
        value: [table("rtb-a", "subnet-a", LOCAL), table("rtb-b", "subnet-b")],
      } as const,
    };
    expect(judge(facts, asked).line).toBe("reaches");
  });
});
