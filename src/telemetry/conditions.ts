/** What the readiness of a part that runs for long is made of, by name, as `/readyz` and the log show it. */

export interface Condition {
  readonly isTrue: boolean;
  /** One line: what is missing, or what was found. */
  readonly why: string;
}

/** Keeps conditions, and tells of each change. */
export class NamedConditions<Name extends string> {
  private readonly needed: readonly Name[];
  private readonly conditions: Map<Name, Condition>;
  private readonly changed: (name: Name, condition: Condition) => void;

  /** Ready is who has all of `needed`; `told` are worth knowing. */
  constructor(
    needed: readonly Name[],
    told: readonly Name[],
    changed: (name: Name, condition: Condition) => void,
  ) {
    this.needed = needed;
    this.conditions = new Map(
      [...needed, ...told].map((name) => [name, { isTrue: false, why: "not yet looked at" }]),
    );
    this.changed = changed;
  }

  set(name: Name, isTrue: boolean, why: string): void {
    const before = this.conditions.get(name);
    if (before?.isTrue === isTrue && before.why === why) return;
    const condition = { isTrue, why };
    this.conditions.set(name, condition);
    this.changed(name, condition);
  }

  get(name: Name): Condition {
    return this.conditions.get(name) ?? { isTrue: false, why: "" };
  }

  get isReady(): boolean {
    return this.needed.every((name) => this.get(name).isTrue);
  }

  all(): readonly (readonly [Name, Condition])[] {
    return [...this.conditions];
  }

  /** A line for each condition, as Kubernetes' own components write them. */
  report(): string {
    return [...this.conditions]
      .map(([name, { isTrue, why }]) => `[${isTrue ? "+" : "-"}]${name}${why === "" ? "" : `: ${why}`}\n`)
      .join("");
  }
}
