import { expect, it } from "vitest";
import { PODS } from "../../kubernetes/objects.ts";
import { recordOf as anyRecord } from "../../../test/unit/record.ts";
import { planCollection } from "./collection.ts";

const recordOf = (uid: string | undefined) =>
  anyRecord({
    containerId: `container-${uid}`,
    pod: uid === undefined ? {} : { uid, namespace: "shop", name: `pod-${uid}` },
    namespace: { path: `/run/netns/${uid}`, identity: "4:1" },
  });

const podOf = (
  uid: string,
  phase: string,
  deletionTimestamp?: string,
  { name = `pod-${uid}`, hash }: { name?: string; hash?: string } = {},
) =>
  PODS.read({
    metadata: {
      namespace: "shop",
      name,
      uid,
      deletionTimestamp,
      annotations: hash === undefined ? {} : { "kubernetes.io/config.hash": hash },
    },
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
  expect(planned([there("a"), gone("b"), gone(undefined), there("c")], [podOf("a", "Running")])).toEqual([
    "b",
    undefined,
  ]);
});

it.each([
  ["that the API server does not have", []],
  ["that is being deleted", [podOf("b", "Running", "2026-11-28T12:00:00Z")]],
  ["that has ended", [podOf("b", "Succeeded"), podOf("a", "Running")]],
  ["of whose name there is another", [podOf("b2", "Running")]],
])("collects what is gone of a pod %s", (_which, pods) => {
  expect(planned([there("a"), gone("b")], pods)).toEqual(["b"]);
});

it("collects nothing at all when the namespace of one running pod is not seen", () => {
  const pods = [podOf("a", "Running"), podOf("c", "Running")];
  expect(planned([there("a"), gone("b"), gone("c")], pods)).toBe(
    "the network namespace /run/netns/c of pod shop/pod-c cannot be seen",
  );
});

it.each([
  ["a pending pod, whose init containers run", podOf("c", "Pending")],
  ["a static pod, by its mirror", podOf("mirror", "Running", undefined, { name: "pod-c", hash: "c" })],
  ["one by name, when the record has no UID", podOf("x", "Running", undefined, { name: "pod-nameless" })],
])("collects nothing when it does not see the namespace of %s", (_which, pod) => {
  const nameless = { ...recordOf("nameless"), pod: { namespace: "shop", name: "pod-nameless" } };
  expect(planned([gone("c"), { record: nameless, isThere: false }, gone("dead")], [pod])).toMatch(
    /^the network namespace .* cannot be seen$/,
  );
});

it("a pod whose sandbox was made anew has been seen in its new one", () => {
  const old = { record: { ...recordOf("c"), containerId: "old" }, isThere: false };
  expect(planned([there("c"), old], [podOf("c", "Running")])).toEqual(["c"]);
});
