import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { useScratch } from "../../../test/unit/scratch.ts";
import { PODS } from "../../kubernetes/objects.ts";
import { AttachmentStore } from "../../state/store.ts";
import { systemClock } from "../../sys/clock.ts";
import { recordOf as anyRecord } from "../../../test/unit/record.ts";
import { KnownAttachments } from "./known.ts";

const scratch = useScratch();

const storeIn = (name: string) => new AttachmentStore(join(scratch.path, name), systemClock);
const knownIn = (name: string) => new KnownAttachments(storeIn(name));

const recordOf = (containerId: string, uid: string) =>
  anyRecord({ containerId, pod: { uid, namespace: "shop", name: containerId } });

const pods = ["u1", "u2", "u3"].map((uid, i) =>
  PODS.read({ metadata: { namespace: "shop", name: i === 2 ? "c2" : "c1", uid } }),
);

it("reads a record once, and again when it was written again", () => {
  const store = storeIn("state");
  const known = new KnownAttachments(store);
  store.write(recordOf("c1", "u1"));
  const { steps: _, ...all } = recordOf("c1", "u1");
  expect(known.all()).toEqual([all]);
  const find = vi.spyOn(store, "find");
  expect(known.uidsOf(pods)).toEqual(new Set(["u1"]));
  expect(find).not.toHaveBeenCalled();
  store.write(recordOf("c1", "u2"));
  store.write(recordOf("c2", "u3"));
  expect(known.uidsOf(pods)).toEqual(new Set(["u2", "u3"]));
  expect(find).toHaveBeenCalledTimes(2);
  store.remove(recordOf("c1", "u2"));
  expect(known.uidsOf(pods)).toEqual(new Set(["u3"]));
});

it("is nothing without a state directory", () => expect(knownIn("none").uidsOf(pods)).toEqual(new Set()));

it("says nothing when a record cannot be read: its pod would be taken for one without a branch", () => {
  const store = storeIn("state");
  store.prepare();
  mkdirSync(join(scratch.path, "state", "attachments"), { recursive: true });
  writeFileSync(join(scratch.path, "state", "attachments", "7:c1:eth0.json"), "{}", { mode: 0o600 });
  const known = new KnownAttachments(store);
  expect(known.all()).toEqual([]);
  expect(() => known.uidsOf(pods)).toThrow("1 of 1 attachment records cannot be read");
});
