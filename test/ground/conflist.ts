// The network configuration list a runtime would find: a primary plugin, and branchline behind it.
import { chmod, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { distDirectory } from "./executable.ts";
import { vpcMtu } from "./vpc.ts";

const root = path.join(import.meta.dirname, "..", "..");

/** Debian's reference plugins. */
export const debianPlugins = "/usr/lib/cni";

/** Where ptp's pods get their addresses: prefixes of the node's primary ENI, to be given to `assignSecondary`. */
export const ptpPrefixes = { ipv4: "10.0.9.0/24", ipv6: "2001:db8:9::/80" } as const;

export const podAnnotations = "io.kubernetes.cri.pod-annotations";

export interface ConflistOptions {
  readonly name?: string;
  readonly cniVersion?: string;
  /** The stand-in for aws-cni, or Debian's ptp with host-local. */
  readonly primary: "aws" | "ptp";
  /** More settings for the primary's entry, such as `deviceNumber` or `leaveVeth`. */
  readonly primarySettings?: Readonly<Record<string, unknown>>;
  /** Settings of branchline's entry over the ones set here; false leaves the entry out. */
  readonly branchline?: Readonly<Record<string, unknown>> | false;
  /** With portmap behind them, as aws-cni's own list has it. */
  readonly portmap?: boolean;
  /** As aws-cni's own list says; then cnitool's check does nothing. */
  readonly disableCheck?: boolean;
  /** Directories searched for plugins before Debian's; `dist` and this one unless told. */
  readonly pluginDirs?: readonly string[];
}

/** A network that cnitool can be pointed at. */
export interface Network {
  readonly name: string;
  readonly primary: "aws" | "ptp";
  /** NETCONFPATH. */
  readonly configDir: string;
  /** CNI_PATH. */
  readonly pluginPath: string;
  /** Where the stand-in looks for the addresses of a pod. */
  readonly addressDir: string;
  /** The list as written. */
  readonly conflist: Readonly<Record<string, unknown>>;
}

/** Where the stand-in looks for the addresses of a pod, by a list that keeps what it refers to below a directory. */
export function addressDirOf(dir: string): string {
  return path.join(dir, "addresses");
}

/** The list `[primary, branchline]`, which keeps what it refers to below a directory. */
export function conflistOf(dir: string, options: ConflistOptions): Readonly<Record<string, unknown>> {
  const capabilities = { [podAnnotations]: true };
  const addressDir = addressDirOf(dir);
  const primary =
    options.primary === "aws"
      ? { type: "primary-aws", mtu: String(vpcMtu), vethPrefix: "eni", addressDir, capabilities }
      : {
          type: "ptp",
          mtu: vpcMtu,
          ipam: {
            type: "host-local",
            dataDir: path.join(dir, "host-local"),
            ranges: [[{ subnet: ptpPrefixes.ipv4 }], [{ subnet: ptpPrefixes.ipv6 }]],
            routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
          },
        };
  const branchline = {
    type: "branchline",
    enablePodENI: true,
    // There is no agent here.
    missingAnnotation: "pass",
    serviceCIDRs: ["172.20.0.0/16", "fd00:20::/108"],
    trunk: { interface: "eth1" },
    pluginLogFile: path.join(dir, "branchline.log"),
    pluginLogLevel: "debug",
    capabilities,
  };
  return {
    cniVersion: options.cniVersion ?? "1.0.0",
    name: nameOf(options),
    ...(options.disableCheck === true && { disableCheck: true }),
    plugins: [
      { ...primary, ...options.primarySettings },
      ...(options.branchline === false ? [] : [{ ...branchline, ...options.branchline }]),
      ...(options.portmap === true
        ? [{ type: "portmap", capabilities: { portMappings: true }, snat: true }]
        : []),
    ],
  };
}

function nameOf({ name = "ground" }: ConflistOptions): string {
  return name;
}

/** Writes the list and what it refers to below a directory, which is made if absent. */
export async function writeConflist(dir: string, options: ConflistOptions): Promise<Network> {
  const configDir = path.join(dir, "net.d");
  const addressDir = addressDirOf(dir);
  const conflist = conflistOf(dir, options);
  await mkdir(configDir, { recursive: true });
  await mkdir(path.join(addressDir, "attached"), { recursive: true });
  await writeFile(path.join(configDir, "10-ground.conflist"), `${JSON.stringify(conflist, undefined, 2)}\n`);
  // A checkout may have lost the bit (an archive, a file share).
  await chmod(path.join(import.meta.dirname, "primary-aws"), 0o755).catch(() => undefined);
  const pluginDirs = options.pluginDirs ?? [path.join(root, distDirectory)];
  return {
    name: nameOf(options),
    primary: options.primary,
    configDir,
    addressDir,
    pluginPath: [...pluginDirs, debianPlugins, import.meta.dirname].join(path.delimiter),
    conflist,
  };
}
