// Runs of the agent in a scene: whole, to see where it can be cut, and cut.
import { readFileSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { sleep } from "../../ground/run.ts";
import type { Side } from "../../ground/kubernetes/proxy.ts";
import { Counts, cutsOf, type Cut, type Operation } from "../../ground/trace/operation.ts";
import type { TraceOrder, Traced } from "../../ground/trace/tracer.ts";
import { askForBranch } from "../../api/support/ask.ts";
import { RunningAgent } from "../../api/support/running-agent.ts";
import { NODE, NAMESPACE, STATE, type Place } from "./place.ts";
import type { Scene } from "./scenes.ts";

const TRACER = path.resolve(import.meta.dirname, "../../ground/trace/tracer.ts");
/** How long an agent may take until everything is right, traced and on a busy machine. */
const SETTLED_MS = 60_000;
/** How long it may take to reach a cut once everything is right. */
const LATE_MS = 10_000;
/** How long a killed process may take to be gone. */
const ENDING_MS = 5_000;

/** Where an agent is cut: at an operation on files, or at a request. */
export type Point = { readonly scene: Scene } & (
  { readonly file: Cut } | { readonly call: Operation & { readonly side: Side } }
);

export function nameOfPoint(point: Point): string {
  const [{ nth, name }, side] =
    "file" in point
      ? [point.file, point.file.side]
      : [
          point.call,
          { request: "before the API server has", answer: "before the answer to" }[point.call.side],
        ];
  return `${point.scene.name}: ${side} ${name}${nth === 1 ? "" : ` (${nth})`}`;
}

interface Tracing {
  readonly order: TraceOrder;
  readonly hear: (line: string) => void;
}

/** Starts the agent with more flags; by a tracer, which has ended only when the agent has. */
export function startAgent(place: Place, args: readonly string[], traced?: Tracing): RunningAgent {
  const program = [place.executable] as const;
  return new RunningAgent({
    directory: place.directory,
    node: NODE,
    kubeconfig: place.kubeconfig,
    args: [
      `--entry=${place.at("agent-entry.json")}`,
      `--state-dir=${STATE}`,
      "--primary-type=primary-aws",
      ...args,
    ],
    program: [
      // It shall not outlive us.
      "setpriv",
      "--pdeathsig=KILL",
      ...(traced === undefined
        ? program
        : [process.execPath, TRACER, JSON.stringify(traced.order), ...program]),
    ],
    ...(traced !== undefined && { hear: traced.hear }),
  });
}

/** Runs the scene without a cut and without ADDs, and gives all points at which it can be cut, in runs of like ones. */
export async function pointsOf(place: Place, scene: Scene): Promise<Point[][]> {
  await scene.prepare(place);
  const operations: Operation[] = [];
  const calls: (Operation & { readonly side: Side })[] = [];
  let isHeard = scene.disturb === undefined;
  const counts = { request: new Counts(), answer: new Counts() };
  place.proxy.listener = (side, name) => {
    const nth = counts[side].next(name);
    if (isHeard) calls.push({ name, nth, side });
    return false;
  };
  const problems: string[] = [];
  const hear = (line: string) => {
    const traced = JSON.parse(line) as Traced;
    if ("name" in traced) {
      if (isHeard) operations.push(traced);
    } else problems.push(line);
  };
  const agent = startAgent(place, scene.args, { order: { places: place.places }, hear });
  try {
    if (scene.disturb !== undefined) {
      await settled(place, scene, agent);
      isHeard = true;
      await scene.disturb(place);
    }
    await settled(place, scene, agent);
  } finally {
    await agent.end("SIGKILL");
    place.proxy.listener = () => false;
  }
  if (problems.length > 0) throw new Error(`the trace does not say all: ${problems.join()}`);
  return [
    ...cutsOf(operations).map((run) => run.map((file) => ({ scene, file }))),
    ...calls.map((call) => [{ scene, call }]),
  ];
}

/** Starts the agent and lets it come to the point at which it is cut. */
export async function runUntil(place: Place, point: Point): Promise<void> {
  const { scene } = point;
  let reached = false;
  const cut = "file" in point ? point.file : undefined;
  const agent = startAgent(
    place,
    scene.args,
    cut && {
      order: { places: place.places, cut },
      hear: (line) => (reached ||= "cut" in (JSON.parse(line) as Traced)),
    },
  );
  if ("call" in point) {
    const { side, name, nth } = point.call;
    const counts = new Counts();
    place.proxy.listener = (at, asked) => {
      if (reached) return true;
      if (at !== side || counts.next(asked) !== nth || asked !== name) return false;
      reached = true;
      void agent.end("SIGKILL");
      return true;
    };
  }
  try {
    if (scene.disturb !== undefined) {
      await untilEnded(agent, () => settled(place, scene, agent));
      if (!agent.hasEnded) await scene.disturb(place);
    }
    await untilEnded(agent, () => settled(place, scene, agent));
    await Promise.race([agent.whenEnded(), sleep(LATE_MS)]);
  } finally {
    await agent.end("SIGKILL");
    place.proxy.listener = () => false;
  }
  if (!reached) throw new Error("everything was right before the agent came there");
}

/** What fails because the agent ends is no failure; that it ends may be heard of a moment later. */
async function untilEnded(agent: RunningAgent, action: () => Promise<void>): Promise<void> {
  try {
    await Promise.race([action(), agent.whenEnded()]);
  } catch (error) {
    await Promise.race([agent.whenEnded(), sleep(ENDING_MS)]);
    if (!agent.hasEnded) throw error;
  }
}

/** Starts the agent without a cut, and waits until everything is right. */
export async function startAgain(place: Place, scene: Scene): Promise<RunningAgent> {
  const agent = startAgent(place, scene.args);
  try {
    await settled(place, scene, agent);
    return agent;
  } catch (error) {
    await agent.end("SIGKILL");
    throw error;
  }
}

/** Waits until the agent has done all that it does for the scene. */
async function settled(place: Place, scene: Scene, agent: RunningAgent): Promise<void> {
  const missing = async (): Promise<string | undefined> => {
    const { status, text } = await agent.health("readyz");
    if (status !== 200) return text;
    if (!isDeepStrictEqual(place.list, place.wantedList)) return "the list";
    if (place.installed !== "the agent's") return "the executable";
    if ((await place.features()).length === 0) return "the feature";
    if (textOf(`${STATE}/trunk.json`) !== scene.trunk) return "trunk.json";
    return undefined;
  };
  let last: string | undefined = "nothing";
  const end = Date.now() + SETTLED_MS;
  for (;;) {
    last = agent.hasEnded ? "the agent has ended" : await missing();
    if (last === undefined) break;
    if (agent.hasEnded || Date.now() > end) {
      const said = agent.lines.slice(-5).map((line) => JSON.stringify(line));
      throw new Error(
        `not right after ${SETTLED_MS / 1000} s: ${last}; its log ends with ${said.join("\n")}`,
      );
    }
    await sleep(50);
  }
  // The first question makes it load what looks at who asks.
  const pod = { namespace: NAMESPACE, name: "nobody", uid: "0" };
  const { answer, reason } = await askForBranch(STATE, pod, 10_000);
  if (answer !== "refused") throw new Error(`the socket answers ${answer} ${reason ?? ""}`);
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
