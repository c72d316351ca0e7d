import { beforeEach, expect, it } from "vitest";
import { NodesByNamespace } from "./nodes-by-namespace.ts";
import { SEEN_PODS, type SeenPod } from "./objects.ts";

let nodes: NodesByNamespace;

beforeEach(() => {
  nodes = new NodesByNamespace();
});

function pod(uid: string, node: string, namespace = "shop"): SeenPod {
  return SEEN_PODS.read({ metadata: { namespace, name: uid, uid }, spec: { nodeName: node } });
}

const added = (object: SeenPod, matters = true) => nodes.apply({ type: "added", object }, matters);
const updated = (before: SeenPod, object: SeenPod, matters = true) =>
  nodes.apply({ type: "updated", object, before }, matters);

it("gives each node of a namespace's pods once", () => {
  added(pod("a", "n1"));
  added(pod("b", "n1"));
  added(pod("c", "n2"));
  added(pod("d", "n3", "other"));
  expect([...nodes.of("shop")]).toEqual(["n1", "n2"]);
  expect([...nodes.of("other")]).toEqual(["n3"]);
  expect([...nodes.of("none")]).toEqual([]);
});

it("leaves out pods that do not matter, and those that are on no node yet", () => {
  added(pod("a", "n1"), false);
  added(pod("b", ""));
  expect([...nodes.of("shop")]).toEqual([]);
});

it("follows a pod that is bound, that matters no more, and that goes", () => {
  added(pod("a", ""));
  updated(pod("a", ""), pod("a", "n1"));
  added(pod("b", "n2"));
  expect([...nodes.of("shop")]).toEqual(["n1", "n2"]);
  updated(pod("a", "n1"), pod("a", "n1"), false);
  expect([...nodes.of("shop")]).toEqual(["n2"]);
  nodes.apply({ type: "deleted", object: pod("b", "n2") }, true);
  expect([...nodes.of("shop")]).toEqual([]);
});
