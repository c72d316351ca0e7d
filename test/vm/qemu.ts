import type { Architecture } from "./kernel.ts";

/** What a guest's machine is made of. */
export interface Machine {
  readonly architecture: Architecture;
  readonly image: string;
  readonly initramfs: string;
  /** The host's directory that is the guest's root, read-only. */
  readonly root: string;
  /** Directories of the host that the guest mounts, read-only, by their tags. */
  readonly mounts: ReadonlyMap<string, string>;
  /** The host's directory that the guest may write to. */
  readonly share: string;
  /** Written back with the status: only this boot knows it. */
  readonly nonce: string;
  readonly memoryMiB: number;
  readonly cpus: number;
}

// An emulated machine: stock guest kernels were seen to hang under nested KVM.
const hardware = [
  ["-accel", "tcg,thread=multi"],
  ["-nodefaults"],
  ["-no-user-config"],
  ["-no-reboot"],
  ["-nic", "none"],
  ["-display", "none"],
  ["-monitor", "none"],
  ["-serial", "stdio"],
].flat();

const boards = {
  amd64: {
    program: "qemu-system-x86_64",
    // The least that Node runs on: what newer processors have (AVX, five levels of page tables) costs more to emulate.
    options: ["-cpu", "Nehalem"],
    console: "ttyS0",
  },
  arm64: {
    program: "qemu-system-aarch64",
    // Graviton's first generation has this one.
    options: ["-machine", "virt", "-cpu", "cortex-a72"],
    console: "ttyAMA0",
  },
} as const;

function share(name: string, path: string, access: string): string[] {
  // A comma in a path is written twice.
  const escaped = path.replaceAll(",", ",,");
  // multidevs: a root of several file systems has the same inode number more than once.
  return [
    "-fsdev",
    `local,id=${name},path=${escaped},security_model=none,multidevs=remap${access}`,
    "-device",
    `virtio-9p-pci,fsdev=${name},mount_tag=${name}`,
  ];
}

/**
 * The kernel's command line. A panic ends the machine (panic=-1 with -no-reboot), and so does an oops: a kernel
 * that limps on proves nothing. So does a processor that has been in the kernel for two minutes (twice the threshold)
 * and scheduled nobody: emulated ones were seen to wait for each other for ever.
 */
function kernelArguments(console: string, nonce: string): string {
  const watchdog = "softlockup_panic=1 watchdog_thresh=60";
  return `console=${console} quiet panic=-1 oops=panic ${watchdog} mitigations=off guest.nonce=${nonce}`;
}

/** The command that runs the machine: its serial line is standard output. */
export function qemuCommand(machine: Machine): [string, ...string[]] {
  const { program, options, console } = boards[machine.architecture];
  return [
    // Should the harness be killed outright, the guest goes with it.
    "setpriv",
    "--pdeathsig",
    "KILL",
    "--",
    program,
    ...options,
    ...hardware,
    "-smp",
    String(machine.cpus),
    "-m",
    `${machine.memoryMiB}M`,
    "-kernel",
    machine.image,
    "-initrd",
    machine.initramfs,
    "-append",
    kernelArguments(console, machine.nonce),
    ...share("root", machine.root, ",readonly=on"),
    ...[...machine.mounts].flatMap(([tag, path]) => share(tag, path, ",readonly=on")),
    ...share("share", machine.share, ""),
  ];
}
