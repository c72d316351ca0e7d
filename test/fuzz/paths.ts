// The paths of namespaces that lead somewhere in a scene, and what else a generated call has to name.
export const POD = "/run/netns/pod";
export const NODE = "/proc/1/ns/net";
/** A namespace of another kind. */
export const JUNK = "/run/netns/junk";

export const TRUNK_MAC = "02:00:00:00:00:11";
