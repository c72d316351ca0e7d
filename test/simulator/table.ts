// requests.tsv and states.tsv, read: what is asked of EC2, and what it answers. Their heads say what the columns are.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "./json.ts";

export type Parameters = Record<string, Json>;

export interface Request {
  id: string;
  state: string;
  operation: string;
  parameters: Parameters;
  status: number;
  /** The codes that EC2 may answer; none for a success. */
  codes: readonly string[];
  answer: Json;
  place: string;
}

export interface Step {
  operation: string;
  parameters: Parameters;
  /** What is called $name later, by its path in the answer. */
  names: Record<string, string>;
  until?: Json;
  times: number;
}

export interface State {
  /** The state that this one begins with; "" for none. */
  after: string;
  steps: Step[];
}

/** The rows of a table beside this file, without comments, each with as many columns as asked for. */
export function rows(file: string, columns: number): string[][] {
  return readFileSync(join(import.meta.dirname, file), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const row = line.split("\t");
      if (row.length !== columns)
        throw new Error(`${file}: ${row.length} columns instead of ${columns}: ${line}`);
      return row;
    });
}

export function readRequests(): Request[] {
  return rows("requests.tsv", 9).map(
    ([
      id = "",
      state = "",
      operation = "",
      parameters = "",
      status,
      codes = "",
      answer = "",
      ,
      place = "",
    ]) => ({
      id,
      state,
      operation,
      parameters: JSON.parse(parameters) as Parameters,
      status: Number(status),
      codes: codes === "" ? [] : codes.split("|"),
      answer: answer === "" ? {} : (JSON.parse(answer) as Json),
      place,
    }),
  );
}

export function readStates(): Map<string, State> {
  const states = new Map<string, State>();
  for (const row of rows("states.tsv", 7)) {
    const [name = "", after = "", operation = "", parameters = "", names = "", until = "", times = ""] = row;
    const state = states.get(name) ?? { after, steps: [] };
    states.set(name, state);
    state.steps.push({
      operation,
      parameters: JSON.parse(parameters) as Parameters,
      names: names === "" ? {} : (JSON.parse(names) as Record<string, string>),
      ...(until === "" ? {} : { until: JSON.parse(until) as Json }),
      times: times === "" ? 1 : Number(times),
    });
  }
  return states;
}

/**
 * The requests that make a state, those of the state it begins with first.
 *
 * @throws {Error} naming a state that is not there
 */
export function allSteps(name: string, states: ReadonlyMap<string, State>): Step[] {
  if (name === "") return [];
  const state = states.get(name);
  if (state === undefined) throw new Error(`states.tsv has no state "${name}"`);
  return [...allSteps(state.after, states), ...state.steps];
}
