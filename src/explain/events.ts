import type { EventFact } from "../facts/events.ts";
import type { Fact } from "../facts/fact.ts";

/** What was said about a pod, in events. Pure. */

/** Who gives pods their branches: ours, and AWS's. */
export const CONTROLLERS: readonly string[] = ["branchline-controller", "vpc-resource-controller"];

/** The newest of some components, and with these reasons if any are given; undefined without one. */
export function newestOf(
  events: Fact<readonly EventFact[]>,
  components: readonly string[],
  reasons?: readonly string[],
): EventFact | undefined {
  if (!events.known) return undefined;
  return events.value.findLast(
    ({ component, reason }) => components.includes(component) && (reasons?.includes(reason) ?? true),
  );
}

const MOST_CHARACTERS = 400;

/** Whoever may create events may write what they like. */
export function oneLine(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim();
  return line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line;
}
