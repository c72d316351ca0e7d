import type { PodName } from "../../src/controller/facts.ts";
import type { NewInterface } from "../../src/ec2/types.ts";
import type { WarmSettings } from "../../src/controller/view.ts";
import { claimOf } from "./cluster.ts";
import type { HeldCall } from "./rules.ts";

/**
 * What EC2 keeps of the connections of a branch, and which pod it is meant for. EC2 tracks connections by interface: they
 * go on whoever has it by then, so the next pod is reached by whatever was allowed to one before.
 */
export class WarmRules {
  private readonly recycle: WarmSettings["recycle"];
  /** By ENI: of the pods that had it the namespaces and groups. */
  private readonly tracked = new Map<
    string,
    Map<string, { readonly namespace: string; readonly groups: string }>
  >();
  /** By ENI: the UID of the pod that it was last given to, or was to be. */
  private readonly owners = new Map<string, string>();

  private readonly tokens = new Set<string>();

  constructor(recycle: WarmSettings["recycle"]) {
    this.recycle = recycle;
  }

  begins({ method, args }: HeldCall): void {
    const claim = method === "annotate" ? claimOf(String(args[2])) : undefined;
    if (claim !== undefined) this.owners.set(claim.eniId, (args[0] as PodName).uid);
    // It is for a pod, and does not say for which.
    if (method === "setGroups") this.owners.set(String(args[0]), "a pod");
  }

  /** The next process cannot know of a pod that was to have it, and has not got it. */
  restarted(annotated: ReadonlyMap<string, string>): void {
    for (const [eni, uid] of this.owners) if (annotated.get(eni) !== uid) this.owners.delete(eni);
  }

  ownerOf(eni: string): string | undefined {
    return this.owners.get(eni);
  }

  /** Whether a creation is carried out for the first time. */
  isFirst(token: string): boolean {
    const isFirst = !this.tokens.has(token);
    this.tokens.add(token);
    return isFirst;
  }

  /** Those that have not been carried out yet. */
  creationsIn(calls: readonly HeldCall[]): number {
    return calls.filter(({ method, args }) => {
      if (method !== "createBranch") return false;
      const { tags, token } = args[0] as NewInterface;
      return tags["branchline.dev/pod-uid"] === undefined && !this.tokens.has(token);
    }).length;
  }

  /** Its pod has other groups from now on: what these allow is tracked as well. */
  changed(eni: string, { namespace }: PodName, groups: string): void {
    const tracked = this.tracked.get(eni) ?? new Map();
    tracked.set(`${namespace} ${groups}`, { namespace, groups });
    this.tracked.set(eni, tracked);
  }

  /** What is wrong with a branch that a pod is given. */
  given(eni: string, { namespace, uid }: PodName, groups: string): readonly string[] {
    const tracked = this.tracked.get(eni) ?? new Map();
    const faults = [...tracked.values()].flatMap((before) => {
      if (before.namespace !== namespace)
        return [
          `${uid} of ${namespace} was given ${eni}, which tracks connections of a pod of ${before.namespace}`,
        ];
      const isOther = before.groups !== groups && this.recycle !== "across-groups";
      return isOther
        ? [`${uid} was given ${eni}, which tracks connections that ${before.groups} allowed`]
        : [];
    });
    tracked.set(`${namespace} ${groups}`, { namespace, groups });
    this.tracked.set(eni, tracked);
    return faults;
  }
}
