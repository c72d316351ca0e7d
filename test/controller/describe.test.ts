import { expect, it } from "vitest";
import type { CallOptions } from "../../src/ec2/port.ts";
import { describeAll, describeSoonMs } from "../../src/controller/describe.ts";
import { Ec2CallError, kindOf } from "../../src/ec2/error.ts";
import type { NewInterface } from "../../src/ec2/types.ts";
import { branchTags } from "../../src/controller/tags.ts";
import { Cloud } from "./cloud.ts";

const CALL: CallOptions = { signal: new AbortController().signal, priority: "releasing" };

/** A later moment each time: what EC2 has just made it need not show. */
let now = 0;

it("shows nothing of a cluster of the same name in another VPC", async () => {
  const cloud = new Cloud(1, "m5.large", () => (now += 60_000));
  const port = cloud.port();
  const create = (wanted: NewInterface) => port.createBranch(wanted, CALL);
  const other = cloud.anotherVpc();
  const made = (subnet: string, uid: string) =>
    create({
      subnet,
      groups: [],
      description: "aws-k8s-branch-eni",
      tags: branchTags(
        "one",
        {
          instance: cloud.instance,
          trunk: "eni-0aaaaaaaaaaaaaaaa",
          vlan: 1,
          owner: { namespace: "shop", name: "web", uid },
          groups: [],
          isOpen: false,
        },
        {},
      ),
      token: uid,
    });
  const own = await made(cloud.subnet, "uid-1");
  await made(other.subnet, "uid-2");
  const ports = { ec2: port, subnet: (id: string) => Promise.resolve(cloud.subnetFacts(id)) };
  const described = async (vpc: string) =>
    [...(await describeAll(ports, { cluster: "one", vpc }, 0, CALL)).values()].flatMap(({ branches }) =>
      branches.map(({ eni }) => eni.id),
    );
  expect(await described(cloud.vpc)).toEqual([own.id]);
  expect(await described(other.vpc)).toHaveLength(1);
});

it.each(["UnauthorizedOperation", "InvalidAction", "UnsupportedOperation"])(
  "the tags have to do where EC2 answers %s to a question for associations",
  async (code) => {
    const cloud = new Cloud(1, "m5.large", () => (now += 60_000));
    const refused = new Ec2CallError(kindOf(code, 400), "DescribeTrunkInterfaceAssociations", code, "no");
    const ec2 = { ...cloud.port(), associations: () => Promise.reject(refused) };
    const ports = { ec2, subnet: (id: string) => Promise.resolve(cloud.subnetFacts(id)) };
    expect(await describeAll(ports, { cluster: "one", vpc: cloud.vpc }, 0, CALL)).toEqual(new Map());
  },
);

it("what was seen once is described again when it has cooled, and after a minute at the latest", () => {
  expect([30_000, 60_000, 600_000].map(describeSoonMs)).toEqual([30_000, 60_000, 60_000]);
});
