import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { useScratch } from "../../test/unit/scratch.ts";
import { AttachmentStore } from "../state/store.ts";
import { systemClock } from "../sys/clock.ts";
import { attachedUids } from "./attached.ts";

const scratch = useScratch();

it("is nothing without a state directory", () =>
  expect(attachedUids(new AttachmentStore(join(scratch.path, "none"), systemClock))).toEqual(new Set()));

it("says nothing when a record cannot be read: its pod would be taken for one without a branch", () => {
  const store = new AttachmentStore(join(scratch.path, "state"), systemClock);
  store.prepare();
  mkdirSync(join(scratch.path, "state", "attachments"), { recursive: true });
  writeFileSync(join(scratch.path, "state", "attachments", "7:c1:eth0.json"), "{}", { mode: 0o600 });
  expect(() => attachedUids(store)).toThrow("1 of 1 attachment records cannot be read");
});
