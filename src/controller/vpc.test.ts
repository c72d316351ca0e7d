import { expect, it, vi } from "vitest";
import type { CallOptions, Ec2Port } from "../ec2/port.ts";
import type { Instance } from "../ec2/types.ts";
import { vpcOf } from "./vpc.ts";

const call: CallOptions = { signal: new AbortController().signal, priority: "waiting" };

function instance(id: string, vpc: string): Instance {
  return { id, type: "m5.large", state: "running", subnet: "", vpc, zone: "", interfaces: [] };
}

function portWith(...instances: readonly Instance[]) {
  return { findInstances: vi.fn<Ec2Port["findInstances"]>(() => Promise.resolve([...instances])) };
}

it("is the one that is given, without a question", async () => {
  const port = portWith();
  expect(await vpcOf("vpc-0a", () => ["i-1"], port)(call)).toBe("vpc-0a");
  expect(port.findInstances).not.toHaveBeenCalled();
});

it("is not known without nodes, and nobody is asked", async () => {
  const port = portWith(instance("i-9", "vpc-0b"));
  expect(await vpcOf(undefined, () => [], port)(call)).toBeUndefined();
  expect(port.findInstances).not.toHaveBeenCalled();
});

it("is that of a node's instance, also where EC2 shows others without one, and is asked for once", async () => {
  const port = portWith(instance("i-1", ""), instance("i-2", "vpc-0b"));
  const vpc = vpcOf(undefined, () => ["i-1", "i-2"], port);
  expect(await vpc(call)).toBe("vpc-0b");
  expect(await vpc(call)).toBe("vpc-0b");
  expect(port.findInstances.mock.calls).toEqual([[{ "instance-id": ["i-1", "i-2"] }, call]]);
});

it("is asked for again while EC2 shows none of the nodes' instances", async () => {
  const port = portWith();
  const vpc = vpcOf(undefined, () => ["i-1"], port);
  expect(await vpc(call)).toBeUndefined();
  expect(await vpc(call)).toBeUndefined();
  expect(port.findInstances).toHaveBeenCalledTimes(2);
});
