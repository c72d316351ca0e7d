/** The supported versions of the specification, oldest first, and the verbs that later ones introduced. */

export const SUPPORTED_VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type CniVersion = (typeof SUPPORTED_VERSIONS)[number];

export const NEWEST_VERSION: CniVersion = "1.1.0";

/** The version of a configuration without cniVersion, as in the reference library. It is too old for us. */
export const ASSUMED_VERSION = "0.1.0";

export type Command = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS" | "VERSION";

/** The version that introduced a verb, for verbs that the first versions lack (SPEC 1.1.0, "CNI operations"). */
export const VERB_SINCE: Partial<Record<Command, CniVersion>> = {
  CHECK: "0.4.0",
  GC: "1.1.0",
  STATUS: "1.1.0",
};

/** By exact text: "1.0" and "v1.0.0" are not versions. */
export function isSupportedVersion(version: string): version is CniVersion {
  return (SUPPORTED_VERSIONS as readonly string[]).includes(version);
}

export function versionAtLeast(version: CniVersion, floor: CniVersion): boolean {
  return SUPPORTED_VERSIONS.indexOf(version) >= SUPPORTED_VERSIONS.indexOf(floor);
}

/** The answer to VERSION (SPEC 1.1.0, "VERSION"). */
export function versionDocument(): { cniVersion: CniVersion; supportedVersions: readonly CniVersion[] } {
  return { cniVersion: NEWEST_VERSION, supportedVersions: SUPPORTED_VERSIONS };
}
