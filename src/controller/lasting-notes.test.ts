import { expect, it } from "vitest";
import type { Note } from "./action.ts";
import { LastingNotes } from "./lasting-notes.ts";

const note = (message: string, fields: Partial<Note> = {}): Note => ({
  about: { namespace: "shop", name: "web", uid: "pod-1" },
  type: "Warning",
  reason: "GroupsKept",
  message,
  lasts: true,
  ...fields,
});

it("what lasts is said once in the same words, and again after a change", () => {
  const notes = new LastingNotes();
  expect(notes.isNew(note("a"))).toBe(true);
  expect(notes.isNew(note("a"))).toBe(false);
  expect(notes.isNew(note("b"))).toBe(true);
  expect(notes.isNew(note("a"))).toBe(true);
  const { lasts: _, ...changed } = note("c", { reason: "GroupsChanged" });
  expect(notes.isNew(changed)).toBe(true);
  expect(notes.isNew(changed)).toBe(true);
  expect(notes.isNew(note("a"))).toBe(true);
});
