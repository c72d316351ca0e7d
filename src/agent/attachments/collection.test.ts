import { expect, it } from "vitest";
import { PODS } from "../../kubernetes/objects.ts";
import { type AttachmentRecord, RECORD_VERSION } from "../../state/record.ts";
import { planCollection } from "./collection.ts";

const recordOf = (uid: string | undefined): AttachmentRecord => ({
  version: RECORD_VERSION,
  containerId: `container-${uid}`,
  ifName: "eth0",
  network: "aws-cni",
  pod: uid === undefined ? {} : { uid, namespace: "shop", name: `pod-${uid}` },
  eniId: "eni-1",
  mac: "02:b1:00:00:00:07",
  vlanId: 7,
  addresses: ["10.0.0.20"],
  namespace: { path: `/run/netns/${uid}`, identity: "4:1" },
  datapath: "direct",
  mode: "standard",
  trunk: { name: "eth1", index: 3, mac: "02:00:00:00:00:11" },
  hostInterfaceName: "host0",
  steps: [],
});

const podOf = (uid: string, phase: string, deletionTimestamp?: string) =>
  PODS.read({
    metadata: { namespace: "shop", name: `pod-${uid}`, uid, deletionTimestamp },
    status: { phase },
  });

const there = (uid?: string) => ({ record: recordOf(uid), isThere: true });
const gone = (uid?: string) => ({ record: recordOf(uid), isThere: false });

/** UIDs of what would be collected, or why nothing is. */
function planned(...args: Parameters<typeof planCollection>): unknown {
  const plan = planCollection(...args);
  return "blind" in plan ? plan.blind : plan.collect.map(({ pod }) => pod.uid);
}

it("collects what is gone and nothing else", () => {
  expect(
    planned([there("a"), gone("b"), gone(undefined), there("c")], [podOf("a", "Running")], undefined),
  ).toEqual(["b", undefined]);
});

it.each([
  ["that the API server does not have", []],
  ["that is being deleted", [podOf("b", "Running", "2026-11-28T12:00:00Z")]],
  ["that has ended", [podOf("b", "Succeeded"), podOf("a", "Running")]],
  ["whose new sandbox is not there yet", [podOf("b", "Pending")]],
  ["of whose name there is another", [podOf("b2", "Running")]],
])("collects what is gone of a pod %s", (_which, pods) => {
  expect(planned([there("a"), gone("b")], pods, undefined)).toEqual(["b"]);
});

it("collects nothing at all when the namespace of one running pod is not seen", () => {
  const pods = [podOf("a", "Running"), podOf("c", "Running")];
  expect(planned([there("a"), gone("b"), gone("c")], pods, undefined)).toBe(
    "the network namespace /run/netns/c of the running pod shop/pod-c cannot be seen",
  );
});

it("collects nothing when it is known that the namespaces cannot be seen", () => {
  expect(planned([gone("b")], [], "the agent needs hostPID")).toBe("the agent needs hostPID");
});
