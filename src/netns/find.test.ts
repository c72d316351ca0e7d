import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, it } from "vitest";
import { allNamespaces } from "./find.ts";
import { openOwnNamespace } from "./namespace.ts";

let base: string;
beforeAll(() => {
  base = mkdtempSync(`${tmpdir()}/branchline-find-`);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** A process whose namespace has this link; without a target it ends before it can be opened. */
function process(proc: string, id: number, link: string, target?: string): void {
  mkdirSync(`${proc}/${id}/ns`, { recursive: true });
  symlinkSync(link, `${proc}/${id}/ns/net`);
  if (target !== undefined) symlinkSync(target, `${proc}/${id}/ns/${link}`);
}

const found = (proc: string) => {
  const paths: string[] = [];
  for (const namespace of allNamespaces({ mountDirectories: [], proc })) {
    paths.push(`${namespace.path} ${namespace.identity}`);
    namespace[Symbol.dispose]();
  }
  return paths;
};

it("is found by another process when the first one ends before it is opened, and once only", () => {
  using own = openOwnNamespace();
  const proc = `${base}/proc`;
  process(proc, 1, "net:[1]");
  process(proc, 2, "net:[1]", "/proc/self/ns/net");
  process(proc, 3, "net:[1]", "/proc/self/ns/net");
  mkdirSync(`${proc}/4`);
  writeFileSync(`${proc}/uptime`, "");
  expect(found(proc)).toEqual([`${proc}/2/ns/net ${own.identity}`]);
});

it("gives nothing where there is no /proc", () => {
  expect(found(`${base}/none`)).toEqual([]);
});
