import { type Call, type Operation, callsOf } from "./model/operation.ts";
import type { Round } from "./player.ts";

/** What a run did, counted. */
export class Account {
  rounds = 0;
  readonly #operations = new Map<string, number>();
  readonly #answers = new Map<string, number>();
  readonly #kills = new Map<string, number>();

  add({ operation, replies }: Round): void {
    this.rounds += 1;
    count(this.#operations, nameOf(operation));
    for (const [i, call] of callsOf(operation).entries()) {
      const reply = replies[i];
      if (reply !== undefined)
        count(this.#answers, `${verbOf(call)} ${reply.code === 0 ? "ok" : reply.code}`);
      const kill = "kill" in call ? call.kill : undefined;
      if (kill !== undefined) {
        count(this.#kills, `${verbOf(call)} by ${kill.by}${reply === undefined ? "" : " (came too late)"}`);
      }
    }
  }

  lines(): string[] {
    const say = (title: string, counts: Map<string, number>) => {
      const sorted = [...counts].sort(([a], [b]) => a.localeCompare(b));
      return `${title}: ${sorted.map(([name, times]) => `${name} ${times}`).join(", ")}`;
    };
    return [say("operations", this.#operations), say("answers", this.#answers), say("kills", this.#kills)];
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function verbOf({ op }: Call): string {
  return op.toUpperCase();
}

function nameOf(operation: Operation): string {
  if (operation.op === "pair") return `pair (${operation.calls.map(verbOf).sort().join(", ")})`;
  if (operation.op === "add") return `ADD ${operation.eni === undefined ? "passed through" : operation.mode}`;
  const [call] = callsOf(operation);
  return call === undefined ? operation.op : verbOf(call);
}
