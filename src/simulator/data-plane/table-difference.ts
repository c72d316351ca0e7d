import { TABLE } from "./base-table.ts";
import type { Table } from "./table.ts";

/** The transaction, as `nft -f` reads it, that makes one table into the other; empty when they are the same. */
export function tableDifference(before: Table, after: Table): string {
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  const changedChains = [...after.chains].filter(
    ([name, rules]) => before.chains.get(name)?.join("\n") !== rules.join("\n"),
  );
  const goneChains = [...before.chains.keys()].filter((name) => !after.chains.has(name));
  const goneSets = [...before.sets].filter(([name]) => !after.sets.has(name));
  for (const [name, body] of after.timeouts)
    if (!before.timeouts.has(name)) say(`add ct timeout ${TABLE} ${name} { ${body} }`);
  for (const [name, { kind, type }] of after.sets) {
    if (before.sets.has(name)) continue;
    say(`add ${kind} ${TABLE} ${name} { ${type}; }`);
  }
  for (const [name] of changedChains) if (!before.chains.has(name)) say(`add chain ${TABLE} ${name}`);
  for (const name of goneChains) say(`flush chain ${TABLE} ${name}`);
  for (const [name] of changedChains) if (before.chains.has(name)) say(`flush chain ${TABLE} ${name}`);
  const elements = (verb: "add" | "delete", name: string, list: readonly string[]) => {
    if (list.length > 0) say(`${verb} element ${TABLE} ${name} { ${list.join(", ")} }`);
  };
  for (const [name, { elements: old }] of before.sets) {
    const kept = after.sets.get(name)?.elements;
    if (kept !== undefined)
      elements(
        "delete",
        name,
        [...old].filter((element) => !kept.has(element)),
      );
  }
  for (const [name, { elements: wanted }] of after.sets) {
    const old = before.sets.get(name)?.elements;
    elements(
      "add",
      name,
      [...wanted].filter((element) => old?.has(element) !== true),
    );
  }
  for (const [name, rules] of changedChains)
    for (const rule of rules) say(`add rule ${TABLE} ${name} ${rule}`);
  for (const name of goneChains) say(`delete chain ${TABLE} ${name}`);
  for (const [name, { kind }] of goneSets) say(`delete ${kind} ${TABLE} ${name}`);
  for (const name of before.timeouts.keys())
    if (!after.timeouts.has(name)) say(`delete ct timeout ${TABLE} ${name}`);
  return lines.map((line) => `${line}\n`).join("");
}
