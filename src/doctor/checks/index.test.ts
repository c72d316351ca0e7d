import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { factsOf } from "../../../test/unit/doctor.ts";
import { docsOf } from "../run.ts";
import { CHECKS } from "./index.ts";

const DOCS = readFileSync(join(import.meta.dirname, "../../../docs/doctor.md"), "utf8");
/** A section of the page: its text by its heading. */
const sections = new Map(
  DOCS.split(/^### /m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf("\n")), part]),
);

it("every file of the folder is in the registry, by its code", () => {
  const files = readdirSync(import.meta.dirname).filter((name) => /^bl.*(?<!\.test)\.ts$/.test(name));
  const codes = files.map((name) => name.slice(0, 5).toUpperCase()).sort();
  expect(CHECKS.map(({ code }) => code)).toEqual(codes);
});

it("every check has its table of cases", () => {
  const names = readdirSync(import.meta.dirname);
  const untested = names.filter(
    (name) => /^bl.*(?<!\.test)\.ts$/.test(name) && !names.includes(name.replace(/\.ts$/, ".test.ts")),
  );
  expect(untested).toEqual([]);
});

it("every code is unique, and of one form", () => {
  const codes = CHECKS.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  expect(codes.filter((code) => !/^BL\d{3}$/.test(code))).toEqual([]);
});

it("docs/doctor.md has a section for each check, and no other", () => {
  expect([...sections.keys()]).toEqual(CHECKS.map(({ code }) => code));
});

it.each(CHECKS)("$code has the same words in docs/doctor.md", (check) => {
  const section = sections.get(check.code) ?? "";
  expect(section).toContain(`**${check.title}.**`);
  expect(section).toContain(check.why);
  expect(section).toContain(check.todo);
  expect(docsOf(check)).toBe(`docs/doctor.md#${check.code.toLowerCase()}`);
});

it.each(CHECKS)("$code says why it cannot look", (check) => {
  expect(check.judge(factsOf({}))).toEqual({ result: "unknown", found: "not read", items: [] });
});
