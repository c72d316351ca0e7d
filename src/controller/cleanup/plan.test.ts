import { describe, expect, it } from "vitest";
import type { NetworkInterface } from "../../ec2/types.ts";
import type { Look } from "./look.ts";
import { type PlanOptions, plan } from "./plan.ts";

const NOW = 1_764_000_000_000;
const usual: PlanOptions = { includeRunning: false, includeYoung: false, touched: new Set() };

function eni(id: string, more: Partial<NetworkInterface> = {}): NetworkInterface {
  return {
    id,
    type: "interface",
    status: "available",
    mac: "",
    ipv4: [],
    ipv6: [],
    groups: ["sg-1"],
    subnet: "subnet-1",
    vpc: "vpc-1",
    zone: "",
    tags: { "node.k8s.amazonaws.com/instance_id": "i-1" },
    ...more,
  };
}

const attachment = (instance: string, attachedAt = NOW - 3_600_000) => ({
  id: `attach-of-${instance}`,
  instance,
  deviceIndex: 2,
  status: "attached",
  attachedAt,
  deleteOnTermination: true,
});
const trunk = (more: Partial<NetworkInterface> = {}) =>
  eni("eni-trunk", { type: "trunk", status: "in-use", attachment: attachment("i-1"), ...more });
const branch = (id: string, more: Partial<NetworkInterface> = {}) =>
  eni(id, { type: "branch", status: "in-use", ...more });
const association = (of: string, on = "eni-trunk") => ({ id: `assoc-${of}`, branch: of, trunk: on, vlan: 1 });

function lookAt(interfaces: NetworkInterface[], more: Partial<Look> = {}): Look {
  return { at: NOW, interfaces, associations: [], instances: new Map(), ...more };
}

const lines = (look: Look, before?: Look, options = usual) =>
  plan(look, before, options).map(({ id, kind, stays }) => `${kind} ${id}: ${stays ?? "delete"}`);

describe("a plan", () => {
  it("deletes branches and trunks of instances that are gone or terminated, branches first", () => {
    const look = lookAt([trunk(), branch("eni-a"), eni("eni-b")], {
      associations: [association("eni-a")],
      instances: new Map([["i-1", "terminated"]]),
    });
    const [a, b, t] = plan(look, undefined, usual);
    expect(a).toMatchObject({
      id: "eni-a",
      association: "assoc-eni-a",
      trunk: "eni-trunk",
      state: "terminated",
    });
    expect(b).toMatchObject({ id: "eni-b", association: undefined, stays: undefined });
    expect(t).toMatchObject({ id: "eni-trunk", attachment: "attach-of-i-1", stays: undefined });
    expect(lines(lookAt([eni("eni-b")]))).toEqual(["branch eni-b: delete"]);
  });

  it.each(["pending", "running", "stopping", "stopped"])(
    "leaves what belongs to an instance that is %s",
    (state) => {
      const look = lookAt([trunk(), branch("eni-a", { tags: {} })], {
        associations: [association("eni-a")],
        instances: new Map([["i-1", state]]),
      });
      // By the trunk that it is on, without a tag of its own.
      expect(lines(look)).toEqual([`branch eni-a: i-1 is ${state}`, `trunk eni-trunk: i-1 is ${state}`]);
      expect(lines(look, undefined, { ...usual, includeRunning: true })).toEqual([
        "branch eni-a: delete",
        "trunk eni-trunk: delete",
      ]);
    },
  );

  it("finds a branch's trunk by its tag when associations are not shown", () => {
    const tags = { "vpcresources.k8s.aws/trunk-eni-id": "eni-trunk" };
    const look = lookAt([trunk(), branch("eni-a", { tags })], {
      associations: undefined,
      instances: new Map([["i-1", "running"]]),
    });
    expect(lines(look)[0]).toBe("branch eni-a: i-1 is running");
  });

  it("leaves what is neither trunk nor branch, whatever is asked", () => {
    const all = { ...usual, includeRunning: true, includeYoung: true };
    const look = lookAt([
      eni("eni-node", { attachment: attachment("i-1") }),
      eni("eni-efa", { type: "efa" }),
    ]);
    expect(lines(look, undefined, all)).toEqual([
      "branch eni-node: it is neither trunk nor branch: attached to i-1 as device 2",
      "branch eni-efa: it is of type efa",
    ]);
  });

  it("leaves what is young, by its attachment or its tag", () => {
    const young = { "node.k8s.amazonaws.com/createdAt": new Date(NOW - 30_000).toISOString() };
    const old = { "node.k8s.amazonaws.com/createdAt": new Date(NOW - 300_000).toISOString() };
    const look = lookAt([
      eni("eni-a", { tags: young }),
      eni("eni-b", { tags: old }),
      trunk({ attachment: attachment("i-9", NOW - 60_000) }),
    ]);
    expect(lines(look)).toEqual([
      "branch eni-a: it is 30 s old",
      "branch eni-b: delete",
      "trunk eni-trunk: it is 60 s old",
    ]);
    expect(lines(look, undefined, { ...usual, includeYoung: true }).join()).not.toContain(" old");
  });

  it("leaves what was not there before, or was otherwise, unless we changed it", () => {
    const before = lookAt([eni("eni-a"), eni("eni-b"), eni("eni-c"), branch("eni-d")], {
      associations: [association("eni-d")],
    });
    const now = lookAt(
      [eni("eni-a"), eni("eni-b", { groups: ["sg-2"] }), branch("eni-c"), eni("eni-d"), eni("eni-new")],
      { associations: [association("eni-c", "eni-other")] },
    );
    expect(lines(now, before)).toEqual([
      "branch eni-a: delete",
      "branch eni-b: it has changed since the first look",
      "branch eni-c: it has changed since the first look",
      "branch eni-d: it has changed since the first look",
      "branch eni-new: it was not there at the first look",
    ]);
    expect(lines(now, before, { ...usual, touched: new Set(["eni-d"]) })[3]).toBe("branch eni-d: delete");
  });

  it("leaves a trunk as long as a branch on it stays", () => {
    const ours = lookAt([trunk(), branch("eni-a", { type: "efa" })], {
      associations: [association("eni-a")],
    });
    expect(lines(ours)[1]).toBe("trunk eni-trunk: its branch eni-a stays");
    const theirs = lookAt([trunk()], { associations: [association("eni-x")] });
    expect(lines(theirs)).toEqual(["trunk eni-trunk: it has the branch eni-x, which is not of this cluster"]);
  });
});
