import { expect, it } from "vitest";
import { ledgerOf, viewOf } from "../../../test/unit/view.ts";
import { Ec2CallError } from "../../ec2/error.ts";
import type { Ports } from "../ports.ts";
import { readyTrunk } from "./branches.ts";
import { creationOf } from "./creation.ts";

it("nothing is made in a subnet that EC2 does not describe: each try would make another", async () => {
  const view = viewOf({ ledger: ledgerOf() });
  const trunk = readyTrunk(view);
  if (trunk === undefined) throw new Error("no trunk");
  const wanted = { trunk, vlan: 1, groups: ["sg-a"], owner: "shop", token: "token" };
  let made = 0;
  const refusal = new Ec2CallError("denied", "DescribeSubnets", "UnauthorizedOperation", "no");
  const ports = {
    ec2: { createBranch: async () => Promise.reject(new Error(`made ${(made += 1)}`)) },
    subnet: async () => Promise.reject(refusal),
  } as unknown as Ports;
  const call = { signal: new AbortController().signal, priority: "waiting" } as const;
  await expect(creationOf(view, wanted).run(ports, call)).rejects.toBe(refusal);
  expect(made).toBe(0);
});
