// Archives are kept in the checkout's cache: hundreds of megabytes that seldom change. A guest sees them there too.
import { createHash } from "node:crypto";
import { globSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

const DIRECTORY = path.resolve(import.meta.dirname, "../../../.cache/images");

/** The path of an archive, which is made unless one of the same sources is there; one of other sources goes. */
export async function keptArchive(
  name: string,
  sources: readonly string[],
  make: () => Buffer | Promise<Buffer>,
): Promise<string> {
  const hash = createHash("sha256");
  for (const source of sources) {
    const { size, mtimeMs, ino } = statSync(source);
    hash.update(`${source} ${size} ${mtimeMs} ${ino}\n`);
  }
  const file = path.join(DIRECTORY, `${name}-${hash.digest("hex").slice(0, 12)}.tar`);
  const old = globSync(`${name}-????????????.tar`, { cwd: DIRECTORY }).map((one) =>
    path.join(DIRECTORY, one),
  );
  if (old.includes(file)) return file;
  mkdirSync(DIRECTORY, { recursive: true });
  const part = `${file}.${process.pid}`;
  writeFileSync(part, await make());
  renameSync(part, file);
  for (const one of old) rmSync(one, { force: true });
  return file;
}
