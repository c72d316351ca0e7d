import { beforeEach, expect, it } from "vitest";
import { ManualTimer } from "../../test/unit/manual-timer.ts";
import type { CacheState } from "./cache.ts";
import { type KubernetesObject, keyOf } from "./metadata.ts";
import { Overlay } from "./overlay.ts";

let objects: Map<string, KubernetesObject>;
let version: string | undefined;
let timer: ManualTimer;
let overlay: Overlay<KubernetesObject>;

function thing(name: string, resourceVersion: string, uid = `uid-${name}`): KubernetesObject {
  const nothing = { labels: {}, annotations: {}, creationTimestamp: "", deletionTimestamp: undefined };
  return { metadata: { namespace: "", name, uid, resourceVersion, ...nothing } };
}

/** The watch delivers an object, and with it everything before. */
function deliver(object: KubernetesObject): void {
  objects.set(keyOf(object.metadata), object);
  version = object.metadata.resourceVersion;
}

const shown = () =>
  [...overlay.values()].map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`);

beforeEach(() => {
  objects = new Map();
  version = "1";
  timer = new ManualTimer();
  const state = (): CacheState => ({
    isComplete: true,
    isMissing: false,
    isFollowing: true,
    heardAt: 0,
    listedAt: 0,
    resourceVersion: version,
    problem: undefined,
  });
  overlay = new Overlay({ get: (name) => objects.get(name), values: () => objects.values(), state }, timer);
});

it("shows what was written until the watch has it, and then what the watch says", () => {
  deliver(thing("a", "5"));
  deliver(thing("b", "6"));
  overlay.wrote(thing("a", "9"));
  overlay.wrote(thing("new", "10"));
  expect(shown()).toEqual(["a 9", "b 6", "new 10"]);
  // From before our write.
  deliver(thing("a", "8"));
  expect(overlay.get("a")?.metadata.resourceVersion).toBe("9");
  deliver(thing("a", "9"));
  deliver(thing("a", "12"));
  expect(shown()).toEqual(["a 12", "b 6"]);
  expect(overlay.pending).toBe(0);
});

it("believes a deletion that it hears of after its write", () => {
  overlay.wrote(thing("a", "9"));
  version = "8";
  expect(overlay.get("a")).toBeDefined();
  // A bookmark, or the list after a broken watch: there is no such object any more.
  version = "9";
  expect(overlay.get("a")).toBeUndefined();
});

it("does not show what was deleted, but its successor", () => {
  deliver(thing("a", "5", "old"));
  overlay.deleted(thing("a", "5", "old"));
  expect(overlay.get("a")).toBeUndefined();
  expect(shown()).toEqual([]);
  deliver(thing("a", "6", "old"));
  expect(overlay.get("a")).toBeUndefined();
  deliver(thing("a", "8", "new"));
  expect(shown()).toEqual(["a 8"]);
  overlay.deleted(thing("a", "8", "new"));
  objects.delete("a");
  expect(overlay.get("a")).toBeUndefined();
  expect(overlay.pending).toBe(0);
});

it("a creation after a deletion counts, before the watch has either", () => {
  deliver(thing("a", "5", "old"));
  overlay.deleted(thing("a", "5", "old"));
  overlay.wrote(thing("a", "7", "new"));
  expect(overlay.get("a")?.metadata.uid).toBe("new");
  objects.delete("a");
  version = "6";
  expect(overlay.get("a")?.metadata.uid).toBe("new");
});

it("takes the newer of two answers, whichever comes first", () => {
  overlay.wrote(thing("a", "10"));
  overlay.wrote(thing("a", "9"));
  expect(overlay.get("a")?.metadata.resourceVersion).toBe("10");
  overlay.wrote(thing("a", "11"));
  expect(overlay.get("a")?.metadata.resourceVersion).toBe("11");
});

it("forgets after two minutes, so that nothing is hidden for ever", async () => {
  deliver(thing("a", "5"));
  overlay.deleted(thing("a", "5"));
  overlay.wrote(thing("b", "9"));
  await timer.advance(119_999);
  expect(shown()).toEqual(["b 9"]);
  await timer.advance(1);
  expect(shown()).toEqual(["a 5"]);
  expect(overlay.pending).toBe(0);
});

it("remembers at most ten thousand writes", () => {
  for (let i = 0; i < 10_010; i++) overlay.wrote(thing(`n${i}`, String(100 + i)));
  expect(overlay.pending).toBe(10_000);
  expect(overlay.get("n9")).toBeUndefined();
  expect(overlay.get("n10")).toBeDefined();
});
