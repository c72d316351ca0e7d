// Which containerd: Debian's 1.6, or with CONTAINERD=2 the 2.x of test/setup/containerd.sh. What tests have to know of how
// these two differ is here.
import { existsSync } from "node:fs";
import path from "node:path";
import { containerdDirectory } from "../../setup/containerd.ts";

export interface Release {
  /** Where containerd, its shim and ctr are; undefined: on the PATH. */
  readonly programs: string | undefined;
  /** The newest CNI version it speaks. */
  readonly cniVersion: string;
  /**
   * Whether each Status of the CRI calls STATUS of every plugin in the default list, from CNI 1.1.0 on: what they answer is
   * then whether the node is ready. Neither calls CHECK or GC.
   */
  readonly callsStatus: boolean;
  /** Whether a list is loaded only when the ADDs under way are over, and new ADDs, DELs and Status wait behind it. */
  readonly loadWaitsForAdds: boolean;
}

const debians: Release = {
  programs: undefined,
  cniVersion: "1.0.0",
  callsStatus: false,
  loadWaitsForAdds: false,
};

function built(): Release {
  const programs = containerdDirectory();
  if (!existsSync(path.join(programs, "containerd")))
    throw new Error(`no ${programs}/containerd: run test/setup/containerd.sh`);
  return { programs, cniVersion: "1.1.0", callsStatus: true, loadWaitsForAdds: true };
}

function chosen(): Release {
  const { CONTAINERD: name = "1.6" } = process.env;
  if (name === "1.6") return debians;
  if (name === "2") return built();
  throw new Error(`CONTAINERD is "${name}": it is 1.6 or 2`);
}

export const release = chosen();

/** The environment in which containerd finds its own shim, and whoever asks finds its ctr. */
export function releaseEnv(): Record<string, string> {
  const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin" } = process.env;
  return { PATH: release.programs === undefined ? PATH : `${release.programs}:${PATH}` };
}
