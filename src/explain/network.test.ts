import { expect, it } from "vitest";
import {
  aBranch,
  aNode,
  anInstance,
  anInterface,
  aPod,
  aPodWithout,
  aWanted,
} from "../../test/unit/explained.ts";
import { ReadApi } from "../../test/unit/read-api.ts";
import type { Instance, NetworkInterface } from "../ec2/types.ts";
import type { Ec2 } from "../facts/ec2.ts";
import { type Fact, known, unknown } from "../facts/fact.ts";
import { lookAtNetwork, type Own } from "./network.ts";
import type { Party, Wanted } from "./party.ts";

const OWN: Own & { readonly name: string } = {
  name: "n1",
  node: known(aNode()),
  branch: known(anInterface("eni-web", ["sg-web"])),
  instance: known(anInstance()),
};
const NODES = {
  "/api/v1/nodes/n2": { spec: { providerID: "aws:///us-east-1a/i-00000002" } },
};

/** Interfaces and instances in memory, by the filters of their descriptions. */
function ec2(interfaces: readonly NetworkInterface[] = [], instances: readonly Instance[] = []) {
  const asked: string[] = [];
  const port = {
    interfaces: async (filters: Readonly<Record<string, readonly string[]>>) => {
      asked.push(
        Object.entries(filters)
          .map(([name, values]) => `${name}=${values.join()}`)
          .join(" "),
      );
      const [[, values] = ["", []]] = Object.entries(filters);
      return interfaces.filter(({ id, ipv4, ipv6 }) =>
        [id, ...ipv4, ...ipv6].some((one) => values.includes(one)),
      );
    },
    findInstances: async (filters: Readonly<Record<string, readonly string[]>>) => {
      asked.push(`instances ${filters["instance-id"]?.join() ?? ""}`);
      return instances.filter(({ id }) => filters["instance-id"]?.includes(id));
    },
  };
  return {
    asked,
    fact: known({ port, region: "us-east-1", signal: new AbortController().signal } as unknown as Ec2),
  };
}

const path = (from: Party, to: Party) => aWanted({ port: 1, from, to });
const pod = (one: ReturnType<typeof aPod>): Party => ({ kind: "pod", pod: one });
const look = (given: Fact<Ec2>, ...paths: readonly Wanted[]) =>
  lookAtNetwork(new ReadApi(NODES).api, given, OWN, paths);

it("asks for branches by id, for the rest by address, and for nothing that is known", async () => {
  const db = aPod({ name: "db-0", uid: "db", node: "n2", branch: aBranch("eni-db", 2) });
  const plain = aPodWithout({ name: "plain-0", uid: "plain", node: "n2", addresses: ["10.0.0.30"] });
  const { asked, fact } = ec2([
    anInterface("eni-db", ["sg-db"]),
    anInterface("eni-node-2", ["sg-node"], { ipv4: ["10.0.0.5", "10.0.0.30"] }),
  ]);
  const web = pod(aPod());
  const found = await look(fact, path(web, pod(db)), path(web, pod(plain)));
  expect(asked).toEqual([
    "network-interface-id=eni-db",
    "addresses.private-ip-address=10.0.0.30 vpc-id=vpc-1",
  ]);
  expect(found.branches).toMatchObject({
    value: new Map(
      [
        ["eni-web", {}],
        ["eni-db", {}],
      ].map(([id]) => [id, expect.objectContaining({ id })]),
    ),
  });
  expect(found.byAddress).toMatchObject({
    value: new Map([["10.0.0.30", expect.objectContaining({ id: "eni-node-2" })]]),
  });
  // Whoever is called needs no node.
  expect([...found.nodes.keys()]).toEqual(["n1"]);
});

it("finds an address out of a prefix by its pod's node", async () => {
  const plain = aPodWithout({ name: "plain-0", uid: "plain", node: "n2", addresses: ["10.0.0.30"] });
  const { asked, fact } = ec2([], [{ ...anInstance(), id: "i-00000002" }]);
  const found = await look(fact, path(pod(aPod()), pod(plain)));
  expect(asked.at(-1)).toBe("instances i-00000002");
  expect(found.instances).toMatchObject({ value: expect.objectContaining({ size: 2 }) });
});

it("takes an address of IPv6 for the same in whatever form", async () => {
  const { fact } = ec2([anInterface("eni-six", ["sg-six"], { ipv4: [], ipv6: ["fd00::9"] })]);
  const long = aPodWithout({ name: "six-0", uid: "six", node: "n2", addresses: ["fd00:0:0::9"] });
  const found = await look(fact, path(pod(aPod()), pod(long)));
  expect(found.byAddress).toMatchObject({
    value: new Map([["fd00::9", expect.objectContaining({ id: "eni-six" })]]),
  });
});

it("reads the node of whoever sends", async () => {
  const etl = aPod({ name: "etl-0", uid: "etl", node: "n2", branch: aBranch("eni-etl", 3) });
  const found = await look(ec2().fact, path(pod(etl), pod(aPod())));
  expect([...found.nodes.keys()]).toEqual(["n1", "n2"]);
});

it("without EC2 all of it has the same reason", async () => {
  const gap = unknown({ what: "EC2", reason: "skipped", message: "--no-ec2 was given" });
  const found = await look(gap, path(pod(aPod()), { kind: "address", name: "x", address: "10.0.0.9" }));
  expect([found.vpc, found.branches, found.byAddress, found.instances]).toEqual([gap, gap, gap, gap]);
});

it("does not know the VPC when EC2 shows neither instance nor branch", async () => {
  const nobody = { ...OWN, instance: known(undefined), branch: known(undefined) };
  const address: Party = { kind: "address", name: "x", address: "10.0.0.9" };
  const found = await lookAtNetwork(new ReadApi(NODES).api, ec2().fact, nobody, [path(pod(aPod()), address)]);
  expect(found.vpc).toMatchObject({ known: false, gap: { what: "the VPC" } });
  expect(found.byAddress).toBe(found.vpc);
});
