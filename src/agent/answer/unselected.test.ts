import { expect, it } from "vitest";
import { ManualTimer } from "../../../test/unit/manual-timer.ts";
import { PODS, type Pod } from "../../kubernetes/objects.ts";
import type { Change } from "../../kubernetes/store.ts";
import { Unselected } from "./unselected.ts";

const podOf = (uid: string, phase = "Pending", spec: object = {}): Pod =>
  PODS.read({ metadata: { namespace: "shop", name: uid, uid }, spec, status: { phase } });

function setUp() {
  const timer = new ManualTimer();
  const looks: { uid: string; found: PromiseWithResolvers<boolean> }[] = [];
  let listedAt: number | undefined;
  let hear: (change: Change<Pod>) => void = () => undefined;
  const unselected = new Unselected({
    pods: {
      listen(listener) {
        hear = listener;
        return () => undefined;
      },
    },
    policies: { state: () => ({ listedAt }) },
    timer,
    look({ metadata: { uid } }) {
      const found = Promise.withResolvers<boolean>();
      looks.push({ uid, found });
      return found.promise;
    },
  });
  const listed = (at: number) => (listedAt = at);
  return { unselected, timer, looks, listed, hear: (change: Change<Pod>) => hear(change) };
}

it("a pod is covered by a list of all policies that was asked for after it was known, not at the same time", async () => {
  const { unselected, timer, listed, hear } = setUp();
  const pod = podOf("u1", "Running");
  listed(5);
  expect(unselected.isCovered(pod)).toBe(false);
  await timer.advance(5);
  hear({ type: "added", object: pod });
  expect(unselected.isCovered(pod)).toBe(false);
  listed(6);
  expect(unselected.isCovered(pod)).toBe(true);
  // It has been known since then, whatever changes.
  await timer.advance(5);
  hear({ type: "updated", object: pod, before: pod });
  expect(unselected.isCovered(pod)).toBe(true);
});

it("a pod is covered by a list that was noted, until it is deleted; nothing is kept of one that no cache has", () => {
  const { unselected, hear } = setUp();
  const pod = podOf("u1", "Running");
  unselected.note(pod);
  expect(unselected.isCovered(pod)).toBe(false);
  hear({ type: "added", object: pod });
  expect(unselected.isCovered(pod)).toBe(false);
  unselected.note(pod);
  expect(unselected.isCovered(pod)).toBe(true);
  hear({ type: "deleted", object: pod });
  expect(unselected.isCovered(pod)).toBe(false);
  hear({ type: "added", object: pod });
  expect(unselected.isCovered(pod)).toBe(false);
});

it("what was found beforehand is waited for, said once, and not after half a minute", async () => {
  const { unselected, timer, looks, hear } = setUp();
  const pods = ["u1", "u2", "u3", "u4"].map((uid) => podOf(uid));
  for (const object of pods) hear({ type: "added", object });
  expect(looks.map(({ uid }) => uid)).toEqual(["u1", "u2", "u3", "u4"]);
  const [one, two, three, four] = pods as [Pod, Pod, Pod, Pod];
  const early = unselected.take(one);
  for (const [i, { found }] of looks.entries()) found.resolve(i !== 1);
  expect(await early).toBe(true);
  expect(await unselected.take(one)).toBe(false);
  expect(await unselected.take(two)).toBe(false);
  hear({ type: "deleted", object: three });
  expect(await unselected.take(three)).toBe(false);
  await timer.advance(30_001);
  expect(await unselected.take(four)).toBe(false);
});

it("only pods whose ADD is to come, and that may need no branch, are looked at", () => {
  const { looks, hear } = setUp();
  const limits = { "vpc.amazonaws.com/pod-eni": "1" };
  const others = [
    podOf("runs", "Running"),
    podOf("ended", "Failed"),
    podOf("node's network", "Pending", { hostNetwork: true }),
    podOf("asks", "Pending", { containers: [{ resources: { limits } }] }),
  ];
  for (const object of others) hear({ type: "added", object });
  const pod = podOf("u1");
  hear({ type: "updated", object: pod, before: pod });
  expect(looks).toEqual([]);
});
