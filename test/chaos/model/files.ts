import { containerOf, vlanIdOf } from "./pool.ts";
import type { World } from "./world.ts";

/** What the state directory holds: a record for each attachment, and strict.json while it is needed. */

export function recordNames(world: World): string[] {
  return world.attachments
    .map(({ eni, sandbox }) => `${vlanIdOf(eni)}:${containerOf(sandbox)}:eth0.json`)
    .sort();
}

/** What is wrong with the files found, as paths below the state directory. */
export function fileDefects(world: World, found: readonly string[]): string[] {
  const wanted = recordNames(world).map((name) => `attachments/${name}`);
  const { file } = world.shared;
  const expected = [...wanted, ...(file === "present" ? ["strict.json"] : [])];
  return [
    ...expected.filter((path) => !found.includes(path)).map((path) => `- file ${path}`),
    ...found
      .filter((path) => !expected.includes(path) && !isAllowed(world, path))
      .map((path) => `+ file ${path}`),
  ];
}

function isAllowed({ shared, unfinished, strictUnfinished }: World, path: string): boolean {
  if (/^(locks\/|warned$|library(\.\d+\.tmp)?$|lib\/)/.test(path)) return true;
  if (path === "strict.json") return shared.file === "maybe";
  if (/^strict\.json\.\d+\.tmp$/.test(path)) return strictUnfinished;
  const vlan = /^attachments\/(\d+):.*\.tmp$/.exec(path)?.[1];
  return vlan !== undefined && unfinished.includes(Number(vlan));
}
