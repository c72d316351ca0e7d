import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { cpio, type Entry } from "./cpio.ts";
import type { Kernel } from "./kernel.ts";

// What reaches the root and the share, then what nearly every test uses; the rest loads on demand from the root.
const modules = [
  ["virtio_pci", "9pnet_virtio", "9p", "overlay"],
  ["8021q", "veth", "dummy", "bridge", "nf_tables"],
].flat();

// Loaded plainly, dummy makes a device of its own.
const options: Readonly<Record<string, string>> = { dummy: "numdummies=0" };

/** Reads what modprobe --show-depends prints: paths of modules in the order to load them, each once. */
export function parseDepends(output: string): string[] {
  const paths = output
    .split("\n")
    .map((line) => /^insmod (\S+)/.exec(line)?.[1])
    .filter((path) => path !== undefined);
  return [...new Set(paths)];
}

function loadOrder(kernel: Kernel): string[] {
  // Without the host's own configuration: its blacklists and install commands are not the guest's.
  const where = ["--config", "/dev/null", "--dirname", kernel.base, "--set-version", kernel.release];
  return parseDepends(
    execFileSync("modprobe", ["--show-depends", ...where, "--all", ...modules], { encoding: "utf8" }),
  );
}

function moduleEntry(path: string): Entry {
  return { path: join("modules", basename(path)), kind: "file", content: readFileSync(path) };
}

function orderLine(path: string): string {
  return `${basename(path)} ${options[basename(path, ".ko")] ?? ""}\n`;
}

/** Builds the initramfs: a static busybox, the modules that reach the root, and guest/init.sh. */
export function initramfs(kernel: Kernel): Buffer {
  const paths = loadOrder(kernel);
  const script = (name: string): Buffer => readFileSync(join(import.meta.dirname, "guest", name));
  return cpio([
    ...["bin", "dev", "modules", "proc", "sys"].map((path): Entry => ({ path, kind: "directory" })),
    { path: "bin/busybox", kind: "file", content: readFileSync("/bin/busybox"), executable: true },
    { path: "bin/sh", kind: "link", target: "busybox" },
    { path: "init", kind: "file", content: script("init.sh"), executable: true },
    { path: "main.sh", kind: "file", content: script("main.sh") },
    { path: "modules/order", kind: "file", content: Buffer.from(paths.map(orderLine).join("")) },
    ...paths.map(moduleEntry),
  ]);
}
