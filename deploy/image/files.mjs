// What is in the image: the executable, its native library, the shared libraries of both, and their licences.

import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { dist } from "../../build/paths.mjs";
import { HOST, libraryOf } from "../../build/target.mjs";

/** Where the executable is in the image. */
export const EXECUTABLE = "/usr/local/bin/branchline";

/** Certificates of authorities in the image, for calls to EC2: beside those that are built into Node, which age with it. */
export const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
/** Where Debian's package has them, a file each. */
const AUTHORITIES = "/usr/share/ca-certificates/mozilla/*.crt";

/**
 * The image's files by their paths there: `source` on this machine, and permissions. Debian's packages that libraries are
 * from, with versions. Throws unless this is a Debian with all libraries, and the target is built.
 */
export function imageFiles(target = HOST, executable = `${target.dist}/branchline`) {
  const sysroot = target.sysroot === "" ? "" : realpathSync(target.sysroot);
  const libraries = [...new Set([executable, target.koffi].flatMap((file) => librariesOf(file, target)))];
  const authorities = globSync(AUTHORITIES).toSorted();
  if (authorities.length === 0) throw new Error(`there is no ${AUTHORITIES}: install ca-certificates`);
  const packages = new Map([
    ...libraries.map((path) => packageOf(path, sysroot)),
    ...authorities.slice(0, 1).map((path) => packageOf(path)),
  ]);
  const files = [
    { path: EXECUTABLE, source: executable, mode: 0o755 },
    // Under the name that the executable looks for, so that it need not be written.
    { path: libraryPath(target), source: target.koffi, mode: 0o755 },
    ...libraries.map((path) => ({ path, source: realpathSync(sysroot + path), mode: 0o755 })),
    { path: CERTIFICATES, source: bundleOf(authorities), mode: 0o644 },
    {
      path: "/usr/share/doc/branchline/THIRD-PARTY-NOTICES.txt",
      source: `${target.dist}/THIRD-PARTY-NOTICES.txt`,
      mode: 0o644,
    },
    ...[...packages.keys()].map((name) => {
      const path = `/usr/share/doc/${name}/copyright`;
      // What is no library is of this machine.
      return { path, source: realpathSync(existsSync(sysroot + path) ? sysroot + path : path), mode: 0o644 };
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
function libraryPath(target) {
  const { hash } = libraryOf(target);
  return `${EXECUTABLE.slice(0, -basename(EXECUTABLE).length)}.branchline-${hash}-koffi.node`;
}

/** The paths by which the dynamic linker finds them, its own included. */
function librariesOf(file, { loader: [program, ...args], sysroot }) {
  return execFileSync(program, [...args, "--list", file], { encoding: "utf8" })
    .split("\n")
    .flatMap((line) => {
      const path = /^\t(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line)?.[1];
      if (line.includes("not found")) throw new Error(`${file}: ${line.trim()}`);
      if (path === undefined) return [];
      // Itself it lists where it was started from.
      return [path.startsWith(`${sysroot}/`) ? path.slice(sysroot.length) : path];
    });
}

/** Name and version of the Debian package that a file is from; it is below `sysroot`, where that package's list is too. */
function packageOf(file, sysroot = "") {
  // dpkg knows files by the names of before /usr was merged, or by those of after it.
  const real = realpathSync(sysroot + file).slice(sysroot.length);
  const names = [file, real, real.replace(/^\/usr/, "")];
  const lists = ["--admindir", `${sysroot}/var/lib/dpkg`];
  for (const name of names.filter((one) => existsSync(sysroot + one))) {
    try {
      const owner = dpkgQuery(...lists, "-S", name).split(":")[0];
      return [owner, dpkgQuery(...lists, "-W", "-f", "${Version}", owner)];
    } catch {
      // By another name.
    }
  }
  throw new Error(`${file} is of no Debian package`);
}

function dpkgQuery(...args) {
  return execFileSync("dpkg-query", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}
