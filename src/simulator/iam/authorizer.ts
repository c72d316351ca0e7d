import { Ec2Error } from "../model/error.ts";
import type { Params } from "../model/params.ts";
import type { World } from "../model/types.ts";
import { matches } from "./pattern.ts";
import type { Statement } from "./policy.ts";
import { type Target, targetsOf } from "./targets.ts";

/** Refusals that are remembered; more are the same ones. */
const MAX_REFUSED = 200;

/** How often something of a policy has decided. */
type Uses = Record<string, number>;

/** What has been used of a policy, and what was missing in it. */
export interface PolicyUse {
  readonly statements: readonly {
    readonly name: string;
    readonly effect: Statement["effect"];
    readonly used: number;
    /** By the pattern of the statement; 0 for what nothing has needed. */
    readonly actions: Readonly<Uses>;
    readonly resources: Readonly<Uses>;
  }[];
  readonly refused: readonly { readonly action: string; readonly resource: string; readonly count: number }[];
}

/** Allows requests by one policy, as IAM does: a Deny counts before any Allow, and what nothing allows is refused. */
export class Authorizer {
  private readonly statements: readonly Statement[];
  private uses: readonly { used: number; readonly actions: Uses; readonly resources: Uses }[] = [];
  private readonly refused = new Map<
    string,
    { readonly action: string; readonly resource: string; count: number }
  >();

  constructor(statements: readonly Statement[]) {
    this.statements = statements;
    this.forget();
  }

  /** Throws UnauthorizedOperation when a part of the request is not allowed. */
  check(action: string, params: Params, world: World, account: string): void {
    const name = `ec2:${action}`;
    // Also of what is not there: an action that nothing allows is refused before anything is looked for.
    const isKnown = this.statements.some(
      ({ effect, actions }) => effect === "Allow" && actions.some((one) => isAction(one, name)),
    );
    if (!isKnown) throw this.refusal({ action: name, resource: "*" }, account, false);
    for (const target of targetsOf(action, params, world, account)) {
      const deciding = this.decide(target);
      for (const index of deciding ?? []) this.note(index, target);
      const isDenied = deciding?.some((index) => this.statements[index]?.effect === "Deny") ?? true;
      if (isDenied) throw this.refusal(target, account, deciding !== undefined);
    }
  }

  use(): PolicyUse {
    return {
      statements: this.statements.map(({ name, effect }, i) => ({
        name,
        effect,
        ...(this.uses[i] ?? { used: 0, actions: {}, resources: {} }),
      })),
      refused: [...this.refused.values()],
    };
  }

  forget(): void {
    this.uses = this.statements.map(({ actions, resources }) => ({
      used: 0,
      actions: Object.fromEntries(actions.map((action) => [action, 0])),
      resources: Object.fromEntries(resources.map((resource) => [resource, 0])),
    }));
    this.refused.clear();
  }

  /** The statements that decide: those that deny, else those that allow; undefined when there is none. */
  private decide(target: Target): readonly number[] | undefined {
    const applying = [...this.statements.entries()].filter(([, statement]) => applies(statement, target));
    const denying = applying.filter(([, { effect }]) => effect === "Deny");
    const deciding = denying.length > 0 ? denying : applying;
    return deciding.length === 0 ? undefined : deciding.map(([index]) => index);
  }

  private note(index: number, { action, resource }: Target): void {
    const [statement, use] = [this.statements[index], this.uses[index]];
    if (statement === undefined || use === undefined) return;
    use.used += 1;
    for (const one of statement.actions)
      if (isAction(one, action)) use.actions[one] = (use.actions[one] ?? 0) + 1;
    for (const one of statement.resources) {
      if (isResource(one, resource)) use.resources[one] = (use.resources[one] ?? 0) + 1;
    }
  }

  private refusal(
    { action, resource }: Pick<Target, "action" | "resource">,
    account: string,
    isDenied: boolean,
  ): Ec2Error {
    const key = `${action} ${resource}`;
    const known = this.refused.get(key);
    if (known !== undefined) known.count += 1;
    else if (this.refused.size < MAX_REFUSED) this.refused.set(key, { action, resource, count: 1 });
    const why = isDenied
      ? "with an explicit deny in an identity-based policy"
      : `because no identity-based policy allows the ${action} action`;
    return new Ec2Error(
      "UnauthorizedOperation",
      `You are not authorized to perform this operation. User: arn:aws:iam::${account}:role/simulated is not authorized to perform: ${action} on resource: ${resource} ${why}.`,
    );
  }
}

function applies(
  { actions, resources, conditions }: Statement,
  { action, resource, facts }: Target,
): boolean {
  return (
    actions.some((one) => isAction(one, action)) &&
    resources.some((one) => isResource(one, resource)) &&
    conditions.every(({ holds }) => holds(facts))
  );
}

function isAction(pattern: string, action: string): boolean {
  return matches(pattern, action, { ignoresCase: true });
}

/** An action without resources has a star for one, which no ARN matches. What is to be made has one in place of its id. */
function isResource(pattern: string, resource: string): boolean {
  return matches(pattern, resource);
}
