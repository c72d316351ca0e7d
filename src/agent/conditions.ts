/** What a node's readiness is made of, by name, as `/readyz` and the log show it. */

/** Those without which a pod could start wrongly, or not at all. */
const NEEDED = ["ExecutableInstalled", "CachesComplete", "SocketAnswers", "ListFirst"] as const;
/**
 * Worth knowing: without a trunk only pods that ask for a branch wait, and are told why; without sight of the namespaces
 * nothing of dead pods is collected.
 */
const TOLD = ["FeatureDeclared", "TrunkFound", "NamespacesVisible"] as const;

export type ConditionName = (typeof NEEDED)[number] | (typeof TOLD)[number];

export interface Condition {
  readonly isTrue: boolean;
  /** One line: what is missing, or what was found. */
  readonly why: string;
}

/** Keeps the conditions, and tells of each change. */
export class Conditions {
  private readonly conditions = new Map<ConditionName, Condition>(
    [...NEEDED, ...TOLD].map((name) => [name, { isTrue: false, why: "not yet looked at" }]),
  );
  private readonly changed: (name: ConditionName, condition: Condition) => void;

  constructor(changed: (name: ConditionName, condition: Condition) => void) {
    this.changed = changed;
  }

  set(name: ConditionName, isTrue: boolean, why: string): void {
    const before = this.conditions.get(name);
    if (before?.isTrue === isTrue && before.why === why) return;
    const condition = { isTrue, why };
    this.conditions.set(name, condition);
    this.changed(name, condition);
  }

  get(name: ConditionName): Condition {
    return this.conditions.get(name) ?? { isTrue: false, why: "" };
  }

  get isReady(): boolean {
    return NEEDED.every((name) => this.get(name).isTrue);
  }

  all(): readonly (readonly [ConditionName, Condition])[] {
    return [...this.conditions];
  }

  /** A line for each condition, as Kubernetes' own components write them. */
  report(): string {
    return [...this.conditions]
      .map(([name, { isTrue, why }]) => `[${isTrue ? "+" : "-"}]${name}${why === "" ? "" : `: ${why}`}\n`)
      .join("");
  }
}
