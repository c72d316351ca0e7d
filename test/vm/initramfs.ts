import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { cpio, directory, file, link, program } from "./cpio.ts";
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

function orderLine(path: string): string {
  return `${basename(path)} ${options[basename(path, ".ko")] ?? ""}\n`;
}

function script(name: string): Buffer {
  return readFileSync(join(import.meta.dirname, "guest", name));
}

/** Builds the initramfs: the static busybox of a root, the modules that reach the root, and the scripts of guest/. */
export function initramfs(kernel: Kernel, root: string): Buffer {
  const paths = loadOrder(kernel);
  return cpio([
    ...["bin", "dev", "modules", "proc", "sys"].map(directory),
    program("bin/busybox", readFileSync(join(root, "bin/busybox"))),
    link("bin/sh", "busybox"),
    program("init", script("init.sh")),
    file("main.sh", script("main.sh")),
    file("modules/order", Buffer.from(paths.map(orderLine).join(""))),
    ...paths.map((path) => file(join("modules", basename(path)), readFileSync(path))),
  ]);
}
