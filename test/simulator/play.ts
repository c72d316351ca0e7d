// Plays one request of the table: makes the state it begins with, asks, and compares.

import { randomBytes } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { fill, mismatch, type Names, pick } from "./json.ts";
import { allSteps, type Parameters, type Request, type State } from "./table.ts";

/** What a client makes of an answer; `status` is 0 where the client does not show it. */
export type Answer = { status: number; body: unknown } | { status: number; code: string; message: string };

export type Client = (operation: string, parameters: Parameters) => Promise<Answer>;

export const REGION = "us-east-1";

/** An image that moto knows; EC2's model has no list of images that a simulator would need. */
const IMAGE = "ami-12c6146b";

/** For how long a describe may be late, and a state unfinished, in milliseconds. */
export interface Patience {
  describe: number;
  state: number;
}

const PATIENCE: Patience = { describe: 2_000, state: 10_000 };
const BETWEEN_MS = 50;

/**
 * Why the answer is not as the table says, in one line; undefined when it is.
 *
 * @param prepare asks what makes the state
 * @param client asks the request itself
 */
export async function play(
  request: Request,
  states: ReadonlyMap<string, State>,
  prepare: Client,
  client: Client,
  patience = PATIENCE,
): Promise<string | undefined> {
  let names: Names;
  try {
    names = await makeState(request.state, states, prepare, patience);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const parameters = fill(request.parameters, names) as Parameters;
  const expected = { ...request, answer: fill(request.answer, names) };
  const late = request.operation.startsWith("Describe") ? patience.describe : 0;
  for (const end = Date.now() + late; ; await setTimeout(BETWEEN_MS)) {
    const wrong = judge(expected, await client(request.operation, parameters));
    if (wrong === undefined || Date.now() >= end) return wrong;
  }
}

function judge(expected: Request, answer: Answer): string | undefined {
  const code = "code" in answer ? answer.code : "";
  const said = "code" in answer ? `${code}: ${answer.message}` : `success, ${JSON.stringify(answer.body)}`;
  if (!(expected.codes.length === 0 ? code === "" : expected.codes.includes(code))) {
    return `expected ${expected.codes.join(" or ") || "success"} (${expected.place}), got ${said}`;
  }
  if (answer.status !== 0 && answer.status !== expected.status) {
    return `expected status ${expected.status} (${expected.place}), got ${answer.status} with ${said}`;
  }
  const lacking = "body" in answer ? mismatch(expected.answer, answer.body) : undefined;
  return lacking === undefined ? undefined : `${lacking} (${expected.place})`;
}

/**
 * Makes a state anew, in a VPC of its own, and tells what is called what in it.
 *
 * @throws {Error} naming the request that was refused, or was not answered as it should be in time
 */
export async function makeState(
  name: string,
  states: ReadonlyMap<string, State>,
  client: Client,
  patience = PATIENCE,
): Promise<Names> {
  const nonce = randomBytes(6).toString("hex");
  const names: Record<string, string> = { region: REGION, image: IMAGE, nonce };
  for (const step of allSteps(name, states)) {
    const parameters = fill(step.parameters, names) as Parameters;
    const until = fill(step.until ?? {}, names);
    let body: unknown;
    for (let time = 0; time < step.times; time += 1) {
      for (const end = Date.now() + patience.state; ; await setTimeout(BETWEEN_MS)) {
        const answer = await client(step.operation, parameters);
        const wrong = "code" in answer ? `${answer.code}: ${answer.message}` : mismatch(until, answer.body);
        if (wrong === undefined && "body" in answer) {
          body = answer.body;
          break;
        }
        // Only what is looked at until it is so is asked again.
        if (step.until === undefined || Date.now() >= end) {
          throw new Error(`state ${name} cannot be made: ${step.operation}: ${wrong}`);
        }
      }
    }
    for (const [key, where] of Object.entries(step.names)) names[key] = pick(body, where);
  }
  return names;
}
