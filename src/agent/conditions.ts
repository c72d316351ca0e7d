import { type Condition, NamedConditions } from "../telemetry/conditions.ts";

/** What a node's readiness is made of, by name, as `/readyz` and the log show it. */

/** Those without which a pod could start wrongly, or not at all. */
const NEEDED = ["ExecutableInstalled", "CachesComplete", "SocketAnswers", "ListFirst"] as const;
/**
 * Worth knowing: without a trunk only pods that ask for a branch wait, and are told why; without sight of the namespaces
 * nothing of dead pods is collected.
 */
const TOLD = ["FeatureDeclared", "TrunkFound", "NamespacesVisible"] as const;

export type ConditionName = (typeof NEEDED)[number] | (typeof TOLD)[number];

/** The agent's conditions. */
export class Conditions extends NamedConditions<ConditionName> {
  constructor(changed: (name: ConditionName, condition: Condition) => void) {
    super(NEEDED, TOLD, changed);
  }
}
