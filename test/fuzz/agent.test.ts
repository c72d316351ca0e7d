// Whatever comes over the agent's socket, in whatever pieces: one of the answers that there are, or an error that says what
// came; never the answer of a line that is damaged, and never longer than the time that there is.
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { AgentError, askForBranch } from "../../src/state/agent.ts";
import { readBranchAnswer, readGoneAnswer } from "../../src/state/answer.ts";
import { ExchangeError, exchange } from "../../src/state/exchange.ts";
import { SysError } from "../../src/sys/errno.ts";
import type { Connection } from "../../src/sys/unix-socket.ts";
import { type Value, changed, textOf } from "./hostile.ts";
import { patience, runs } from "./runs.ts";

const right: readonly Value[] = [
  { answer: "none" },
  { answer: "branch", annotation: "[{}]", datapath: "direct" },
  { answer: "wait", reason: "no trunk yet" },
  { answer: "refused", reason: "a policy selects it" },
  { answer: "gone" },
];

const lines: fc.Arbitrary<string> = fc.oneof(
  changed(fc.constantFrom(...right), 2).map((value) => textOf(value)),
  fc.constantFrom(...right).map((value) => textOf(value)),
  fc.json(),
  fc.string(),
  fc
    .tuple(fc.constantFrom(...right), fc.nat(60), fc.nat(3), fc.string({ maxLength: 3 }))
    .map(([value, at, cut, more]) => {
      const text = textOf(value);
      return text.slice(0, at) + more + text.slice(at + cut);
    }),
);

/** What a line says by the rules of JSON alone. */
function plainly(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function outcomeOf<T>(action: () => T): T | Error {
  try {
    return action();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

function outcomeDefects(outcome: object, said: Record<string, unknown> | undefined): string[] {
  if (outcome instanceof ExchangeError) return outcome.message.length < 400 ? [] : ["endless"];
  if (outcome instanceof Error) return [outcome.message];
  // A reason may be trimmed and cut; all else is as it was said.
  const { reason: _, ...fields } = outcome as Record<string, unknown>;
  return Object.entries(fields)
    .filter(([key, value]) => said?.[key] !== value)
    .map(([key]) => `${key} was not said`);
}

it("an answer is read as it stands, or not at all", patience, () => {
  const property = fc.property(lines, (line) => {
    const said = plainly(line);
    expect(
      outcomeDefects(
        outcomeOf(() => readBranchAnswer(line)),
        said,
      ),
    ).toEqual([]);
    expect(
      outcomeDefects(
        outcomeOf(() => readGoneAnswer(line)),
        said,
      ),
    ).toEqual([]);
  });
  fc.assert(property, runs(500));
});

type Event = Uint8Array | "nothing" | "error" | "end";

function scripted(events: readonly Event[], clock: { sleep(milliseconds: number): void }): Connection {
  const coming = [...events];
  return {
    peerUid: 0,
    send: (bytes) => Math.ceil(bytes.length / 2),
    receive(waitMs) {
      const next = coming.shift() ?? "end";
      if (next === "error") throw new SysError("recvfrom", 104);
      if (next === "end") return new Uint8Array();
      if (next !== "nothing") return next;
      clock.sleep(Math.max(0, waitMs));
      return undefined;
    },
    [Symbol.dispose]: () => undefined,
  };
}

const connections: fc.Arbitrary<readonly Event[]> = fc
  .tuple(
    lines,
    fc.constantFrom("", "\n", "\n", "\n", "\nmore", "\n\n"),
    fc.array(fc.nat(80), { maxLength: 3 }),
    fc.constantFrom<Event>("nothing", "error", "end"),
  )
  .map(([line, end, cuts, last]) => {
    const bytes = Buffer.from(line + end);
    const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
    return [
      ...places
        .slice(1)
        .map((to, i) => new Uint8Array(bytes.subarray(places[i], to)))
        .filter(({ length }) => length > 0),
      last,
    ];
  });

it("an agent that says anything, in any pieces, is answered within the time", patience, () => {
  const property = fc.property(fc.array(connections, { minLength: 1, maxLength: 4 }), (all) => {
    let now = 0;
    const clock = { now: () => now, sleep: (milliseconds: number) => void (now += milliseconds) };
    let i = 0;
    const question = {
      pod: {},
      containerId: "c1",
      interface: "eth0",
      annotation: null,
      datapath: "direct",
    } as const;
    const outcome = outcomeOf(() =>
      askForBranch(
        (line, deadline) => exchange(scripted(all[i++ % all.length] ?? [], clock), line, deadline, clock),
        question,
        5_000,
        clock,
      ),
    );
    expect(now).toBeLessThanOrEqual(5_000);
    // Some connection said just this, and nothing behind it.
    const answers = all
      .map((events) => Buffer.concat(events.filter((event) => typeof event !== "string")).toString())
      .map((text) => (text.endsWith("\n") ? plainly(text)?.["answer"] : undefined));
    expect(outcome instanceof AgentError || answers.includes((outcome as { answer?: string }).answer)).toBe(
      true,
    );
  });
  fc.assert(property, runs(300));
});
