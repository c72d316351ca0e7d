// Required by each process of the project `native` before anything else: network and mounts of its own, so that test
// files can run beside each other and touch nothing of this machine. Later threads and processes inherit them.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { koffi } from "../../src/sys/runtime/node.ts";

// linux/sched.h
const CLONE_NEWNS = 0x00020000;
const CLONE_NEWNET = 0x40000000;

const unshare = koffi().load(null).func("int unshare(int)");
if (unshare(CLONE_NEWNS | CLONE_NEWNET) !== 0)
  throw new Error(`no namespaces of our own (root?): errno ${koffi().errno()}`);

const script = path.join(import.meta.dirname, "../vm/guest/native.sh");
const { status, stderr, error } = spawnSync(
  "sh",
  // cnitool keeps what a chain answered in a directory that all its callers share.
  [
    "-ec",
    'mount --make-rprivate /; mkdir -p /var/lib/cni; mount -t tmpfs tmpfs /var/lib/cni; exec sh "$1" true',
    "sh",
    script,
  ],
  { encoding: "utf8" },
);
if (status !== 0) throw new Error(`no mounts of our own: ${error?.message ?? stderr}`);
