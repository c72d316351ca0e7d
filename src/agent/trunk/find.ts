import { TRUNK_ANNOTATION } from "../../kubernetes/objects.ts";
import { canonicalMac } from "../../values/mac.ts";

/** Which ENI of the node is its trunk, from what several sources say. Pure. */

export interface Trunk {
  /** Undefined when only the MAC was given by flag. */
  readonly eniId: string | undefined;
  /** In lower case. */
  readonly mac: string;
}

/** What a source says; `problem` says why it says nothing. */
export type Said<T> = { readonly found: T } | { readonly problem: string };

export interface Sources {
  /** --trunk-mac, or the MAC of --trunk-interface; undefined without a flag. */
  readonly flag: Said<{ readonly mac: string }> | undefined;
  /** status.trunkInterface of the node's CNINode. */
  readonly cniNode: Said<{ readonly id: string | undefined; readonly mac: string | undefined }>;
  /** The node's annotation TRUNK_ANNOTATION. */
  readonly annotation: Said<string>;
  /** Ids of the ENIs that aws-node calls trunks. */
  readonly introspection: Said<readonly string[]>;
  /** MACs of the instance's ENIs by id, from instance metadata. */
  readonly metadata: Said<ReadonlyMap<string, string>>;
}

/** The trunk, or what was tried: one line, a part for each source. */
export function findTrunk(sources: Sources): Said<Trunk> {
  const { flag, cniNode, annotation, introspection, metadata } = sources;
  // A person's word counts alone, also when it cannot be followed.
  if (flag !== undefined) return "problem" in flag ? flag : withMac("the flag", undefined, flag.found.mac);
  const tried: string[] = [];
  for (const [source, id, mac] of candidates({ cniNode, annotation, introspection }, tried)) {
    const found = mac ?? macOf(id, metadata);
    if (found !== undefined) return withMac(source, id, found);
    tried.push(`${source} names ${id ?? "no ENI"}, whose MAC is not known: ${missing(metadata)}`);
  }
  return { problem: `no trunk yet: ${tried.join("; ")}` };
}

type Candidate = readonly [source: string, id: string | undefined, mac: string | undefined];

function candidates(
  { cniNode, annotation, introspection }: Pick<Sources, "cniNode" | "annotation" | "introspection">,
  tried: string[],
): Candidate[] {
  const found: Candidate[] = [];
  if ("problem" in cniNode) tried.push(cniNode.problem);
  else found.push(["the CNINode", cniNode.found.id, cniNode.found.mac]);
  if ("problem" in annotation) tried.push(annotation.problem);
  else found.push([`the annotation ${TRUNK_ANNOTATION}`, annotation.found, undefined]);
  if ("problem" in introspection) tried.push(introspection.problem);
  else if (introspection.found.length !== 1) {
    // An instance has one trunk at most.
    tried.push(
      `aws-node names ${introspection.found.length === 0 ? "no trunk" : introspection.found.join(", ")}`,
    );
  } else found.push(["aws-node", introspection.found[0], undefined]);
  return found;
}

function macOf(id: string | undefined, metadata: Sources["metadata"]): string | undefined {
  return id === undefined || "problem" in metadata ? undefined : metadata.found.get(id);
}

function missing(metadata: Sources["metadata"]): string {
  return "problem" in metadata ? metadata.problem : "instance metadata does not show it yet";
}

function withMac(source: string, eniId: string | undefined, mac: string): Said<Trunk> {
  const canonical = canonicalMac(mac);
  if (canonical === undefined)
    return { problem: `${source} gives the trunk the MAC ${JSON.stringify(mac)}, which is none` };
  return { found: { eniId, mac: canonical } };
}
