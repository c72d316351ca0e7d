// The image of the catalogue and of its database in the cluster: psql, PostgreSQL with its data, and a script or two, out of
// Debian's packages on this machine.
import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { chown } from "node:fs/promises";
import path from "node:path";
import { keptArchive } from "../cluster/images/kept-archive.ts";
import { toolsFiles } from "../cluster/images/images.ts";
import { must } from "../ground/run.ts";
import { archiveOf } from "../runtime/containerd/image.ts";
import type { TarEntry } from "../runtime/containerd/tar.ts";
import { catalogueSql, postgresBinaries } from "./postgres.ts";

export const shopImage = "branchline.test/shop:1";
const KEPT = path.resolve(import.meta.dirname, "../../.cache/demo");
/** Where the image has the data directory, as its package's user. */
export const IMAGE_DATA = "/var/lib/postgresql/data";
const AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] as const;

/**
 * PostgreSQL's data directory with the catalogue in it, for both databases; made once. Both trust whoever gets as far as
 * that: the groups are what this is about.
 */
export async function catalogueData(): Promise<string> {
  const bin = postgresBinaries();
  const directory = path.join(KEPT, `data-${statSync(path.join(bin, "postgres")).mtimeMs.toFixed(0)}`);
  if (globSync(path.join(directory, "PG_VERSION")).length > 0) return directory;
  mkdirSync(KEPT, { recursive: true });
  const part = mkdtempSync(`${directory}.`);
  const id = async (flag: string) => Number((await must(["id", flag, "postgres"])).stdout);
  await chown(part, await id("-u"), await id("-g"));
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", TZ: "UTC", LC_ALL: "C" };
  const options = "--username=postgres --no-locale --encoding=UTF8 --wal-segsize=1 --auth=trust --no-sync";
  await must([...AS_POSTGRES, path.join(bin, "initdb"), `--pgdata=${part}`, ...options.split(" ")], {
    env,
    timeout: 120_000,
  });
  for (const [database, lines] of catalogueSql())
    await must([...AS_POSTGRES, path.join(bin, "postgres"), "--single", "-D", part, database], {
      env,
      timeout: 60_000,
      // One command a line.
      input: `${lines.join("\n")}\n`,
    });
  await must([...AS_POSTGRES, "sh", "-c", `echo "host all all 0.0.0.0/0 trust" >>"${part}/pg_hba.conf"`]);
  renameSync(part, directory);
  return directory;
}

/** The archive's path. */
export async function shopArchive(data: string): Promise<string> {
  const programs = ["postgres", "psql"].map((name) => path.join(postgresBinaries(), name));
  return keptArchive("shop", [...programs, data, import.meta.filename], async () => {
    const uid = Number((await must(["id", "-u", "postgres"])).stdout);
    const share = "/usr/share/postgresql";
    const [version = ""] = readdirSync(share);
    const files = [
      ...programs,
      "/usr/bin/setpriv",
      ...[...programs, "/usr/bin/setpriv"].flatMap(librariesOf),
      ...globSync(`${share}/${version}/timezonesets/*`),
      "/usr/share/zoneinfo/UTC",
    ];
    return archiveOf(
      shopImage,
      [
        ...toolsFiles(),
        ...directoriesOf(files),
        ...[...new Set(files)].map((file) => ({ path: file.slice(1), content: readFileSync(file) })),
        // PostgreSQL wants it to be there.
        { path: `${path.join(postgresBinaries(), "../lib").slice(1)}/` },
        { path: "etc/passwd", content: `postgres:x:${uid}:${uid}::/:/bin/sh\n`, mode: 0o644 },
        { path: "etc/group", content: `postgres:x:${uid}:\n`, mode: 0o644 },
        { path: "bin/products", content: PRODUCTS },
        { path: "bin/catalogue", content: SERVICE },
        { path: "var/lib/" },
        { path: "var/lib/postgresql/" },
        ...dataEntries(data, uid),
      ],
      { Cmd: ["sleep", "2147483647"], Env: [`PATH=/bin:/usr/bin:${postgresBinaries()}`] },
    );
  });
}

/** What the catalogue asks its database; the last line is the address by which the database knows it. */
const PRODUCTS = `#!/bin/sh
exec psql "host=$DB_HOST user=catalog dbname=catalog connect_timeout=4" --no-psqlrc \\
  -c "SELECT name, price FROM products ORDER BY id" -c "SELECT host(inet_client_addr()) AS \\"seen as\\""
`;

export const CATALOGUE_PORT = 8080;

/** It needs its database to start, as services do. */
const SERVICE = `#!/bin/sh
products || exit 1
exec httpd -f -p ${CATALOGUE_PORT} -h /www
`;

/** The paths by which the dynamic linker finds them, its own included. */
function librariesOf(program: string): string[] {
  const said = execFileSync("ldd", [program], { encoding: "utf8" });
  return [...said.matchAll(/(?:=> |^\t)(\/\S+) \(0x/gm)].map(([, file = ""]) => file);
}

function directoriesOf(files: readonly string[]): TarEntry[] {
  const parents = (file: string): string[] =>
    path.dirname(file) === "/" ? [] : [...parents(path.dirname(file)), `${path.dirname(file).slice(1)}/`];
  return [...new Set(files.flatMap(parents))].map((directory) => ({ path: directory }));
}

function dataEntries(data: string, owner: number): TarEntry[] {
  const below = IMAGE_DATA.slice(1);
  return [
    { path: `${below}/`, mode: 0o700, owner },
    ...readdirSync(data, { recursive: true, withFileTypes: true }).map((one): TarEntry => {
      const file = path.join(one.parentPath, one.name);
      const to = path.join(below, path.relative(data, file));
      if (one.isDirectory()) return { path: `${to}/`, mode: 0o700, owner };
      return { path: to, mode: 0o600, owner, content: readFileSync(file) };
    }),
  ];
}
