// What is in the image: the executable, its native library, the shared libraries of both, and their licences.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { dist, koffi } from "../../build/paths.mjs";

/** Where the executable is in the image. */
export const EXECUTABLE = "/usr/local/bin/branchline";

/** Certificates of authorities in the image, for calls to EC2: beside those that are built into Node, which age with it. */
export const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
/** Where Debian's package has them, a file each. */
const AUTHORITIES = "/usr/share/ca-certificates/mozilla/*.crt";

/**
 * The image's files by their paths there: `source` on this machine, and permissions. Debian's packages that libraries are
 * from, with versions. Throws unless this is a Debian with all libraries.
 */
export function imageFiles(executable = `${dist}/branchline`) {
  const libraries = [...new Set([executable, koffi].flatMap(librariesOf))];
  const authorities = globSync(AUTHORITIES).toSorted();
  if (authorities.length === 0) throw new Error(`there is no ${AUTHORITIES}: install ca-certificates`);
  const packages = new Map([...libraries, ...authorities.slice(0, 1)].map(packageOf));
  const files = [
    { path: EXECUTABLE, source: executable, mode: 0o755 },
    // Under the name that the executable looks for, so that it need not be written.
    { path: libraryPath(), source: koffi, mode: 0o755 },
    ...libraries.map((path) => ({ path, source: realpathSync(path), mode: 0o755 })),
    { path: CERTIFICATES, source: bundleOf(authorities), mode: 0o644 },
    {
      path: "/usr/share/doc/branchline/THIRD-PARTY-NOTICES.txt",
      source: `${dist}/THIRD-PARTY-NOTICES.txt`,
      mode: 0o644,
    },
    ...[...packages.keys()].map((name) => {
      const path = `/usr/share/doc/${name}/copyright`;
      return { path, source: realpathSync(path), mode: 0o644 };
    }),
  ];
  return { files, packages };
}

/** One file of all, without what this machine trusts besides; its path. */
function bundleOf(authorities) {
  const [bundle, building] = [`${dist}/ca-certificates.crt`, `${dist}/.ca-certificates-${process.pid}`];
  writeFileSync(building, authorities.map((file) => `${readFileSync(file, "utf8").trimEnd()}\n`).join(""));
  renameSync(building, bundle);
  return bundle;
}

/** As src/sys/asset.ts names it. */
function libraryPath() {
  const hash = createHash("sha256").update(readFileSync(koffi)).digest("hex").slice(0, 16);
  return `${EXECUTABLE.slice(0, -basename(EXECUTABLE).length)}.branchline-${hash}-koffi.node`;
}

/** The paths by which the dynamic linker finds them, its own included. */
function librariesOf(file) {
  return execFileSync("ldd", [file], { encoding: "utf8" })
    .split("\n")
    .flatMap((line) => {
      const found = /^\t(?:(\S+) => )?(\S+) \(0x[0-9a-f]+\)$/.exec(line);
      if (line.includes("not found")) throw new Error(`${file}: ${line.trim()}`);
      return found?.[2]?.startsWith("/") ? [found[2]] : [];
    });
}

/** Name and version of the Debian package that a file is from. */
function packageOf(file) {
  // dpkg knows files by the names of before /usr was merged, or by those of after it.
  const names = [file, realpathSync(file), realpathSync(file).replace(/^\/usr/, "")];
  for (const name of names.filter(existsSync)) {
    try {
      const owner = dpkgQuery("-S", name).split(":")[0];
      return [owner, dpkgQuery("-W", "-f", "${Version}", owner)];
    } catch {
      // By another name.
    }
  }
  throw new Error(`${file} is of no Debian package`);
}

function dpkgQuery(...args) {
  return execFileSync("dpkg-query", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}
