/**
 * The plugin's side of the agent's socket: one question per connection, one line each way. The agent reads the pod from
 * the API server, so it knows of a branch before the runtime does.
 */

import type { DatapathName } from "../datapath/datapath.ts";
import { AnnotationError, POD_ENI_ANNOTATION } from "../ipam/annotation.ts";
import type { Clock } from "../sys/clock.ts";
import { ForeignFileError } from "../sys/files.ts";
import { SysError } from "../sys/errno.ts";
import { AssetError } from "../sys/asset.ts";
import { type BranchAnswer, readBranchAnswer, readGoneAnswer } from "./answer.ts";
import { ExchangeError, MAX_LINE, connectToAgent, exchange } from "./exchange.ts";

const VERSION = 1;

/** The pod in question, as far as the runtime identified it. */
export interface AskedPod {
  readonly namespace?: string;
  readonly name?: string;
  /**
   * Old runtimes do not pass it. The agent then looks the pod up by namespace and name, in the API server rather than in
   * its cache, which may still have the previous pod of that name.
   */
  readonly uid?: string;
}

export interface BranchQuestion {
  readonly pod: AskedPod;
  readonly containerId: string;
  readonly interface: string;
  /** The annotation that the runtime passed; null for none. */
  readonly annotation: string | null;
  /** The configured datapath; with `auto` the agent chooses. */
  readonly datapath: DatapathName | "auto";
}

/** An answer with which the ADD can continue. */
export type Found = Extract<BranchAnswer, { answer: "none" | "branch" }>;

/** Why an ADD cannot continue. */
export class AgentError extends Error {
  override name = "AgentError";
  /** `refused`: final. `wait`: the agent does not have what the pod needs yet. `unanswered`: no valid answer came. */
  readonly kind: "refused" | "wait" | "unanswered";
  /** Whether anything listened on the socket. */
  readonly isThere: boolean;

  constructor(kind: AgentError["kind"], message: string, isThere = true) {
    super(message);
    this.kind = kind;
    this.isThere = isThere;
  }
}

/** Sends one line and returns the answer, over a new connection. The deadline is in clock time. Tests script it. */
export type Ask = (question: string, deadline: number) => string;

export function askOver(stateDirectory: string, clock: Clock): Ask {
  return (question, deadline) => {
    using connection = connectToAgent(stateDirectory);
    return exchange(connection, question, deadline, clock);
  };
}

/** Pause between two connections: 50 ms, doubled each time, up to a second. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;
/** The last connection gets at least this long. */
const LAST_CHANCE_MS = 100;
/** The agent is told a slightly shorter limit than ours, so that its reason arrives in time. */
const MARGIN_MS = 250;

/**
 * Asks whether the pod has a branch until there is an answer or the time is up. Otherwise AgentError, with the agent's
 * last reason if it gave one.
 */
export function askForBranch(ask: Ask, question: BranchQuestion, limitMs: number, clock: Clock): Found {
  let reason: string | undefined;
  const { answer, problem, isThere } = untilAnswered(clock, limitMs, (deadline) => {
    const reply = readBranchAnswer(ask(branchLine(question, deadline - clock.now()), deadline));
    if (reply.answer === "wait") reason = reply.reason;
    return reply.answer === "wait" ? undefined : reply;
  });
  if (answer?.answer === "refused") throw new AgentError("refused", answer.reason);
  if (answer !== undefined) return answer;
  if (reason === undefined)
    throw new AgentError("unanswered", problem ?? "the agent did not answer", isThere);
  throw new AgentError("wait", problem === undefined ? reason : `${reason}; meanwhile ${problem}`);
}

function branchLine(question: BranchQuestion, leftMs: number): string {
  const { pod, containerId, interface: ifName, annotation, datapath } = question;
  const timeoutMs = Math.max(1, Math.floor(leftMs - Math.min(MARGIN_MS, leftMs / 10)));
  const line = JSON.stringify({
    version: VERSION,
    ask: "branch",
    pod: identity(pod),
    containerId,
    interface: ifName,
    annotation,
    datapath,
    timeoutMs,
  });
  const bytes = Buffer.byteLength(line);
  if (bytes < MAX_LINE) return line;
  // Only the annotation can have any length.
  throw new AnnotationError(
    POD_ENI_ANNOTATION,
    `annotation ${POD_ENI_ANNOTATION}: it makes a question of ${bytes} bytes to the agent, more than the ${MAX_LINE} it may have`,
  );
}

function identity({ namespace = "", name = "", uid = "" }: AskedPod) {
  return { namespace, name, uid };
}

/**
 * Repeats an exchange until it returns something. After an invalid answer or a failed connection it pauses and tries
 * again. The pause is reset after a long exchange, because then the agent itself did the waiting.
 */
function untilAnswered<T>(
  clock: Clock,
  limitMs: number,
  attempt: (deadline: number) => T | undefined,
  isWorthwhile: (error: ExchangeError) => boolean = () => true,
): { answer?: T; problem: string | undefined; isThere: boolean } {
  const deadline = clock.now() + limitMs;
  let pause = FIRST_PAUSE_MS;
  let isThere = false;
  let problem: string | undefined;
  for (let tries = 0; ; tries++) {
    const started = clock.now();
    try {
      const answer = attempt(deadline);
      isThere = true;
      problem = undefined;
      if (answer !== undefined) return { answer, problem, isThere };
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      // If the last try only ran out of time, the problem before it says more.
      const isCutOff = error.isLate && tries > 0 && deadline - started < MAX_PAUSE_MS;
      if (!isCutOff) problem = error.message;
      isThere ||= error.isThere;
      if (!isWorthwhile(error)) return { problem, isThere };
    }
    const now = clock.now();
    const left = deadline - now;
    if (left <= LAST_CHANCE_MS) return { problem, isThere };
    if (now - started >= MAX_PAUSE_MS) pause = FIRST_PAUSE_MS;
    clock.sleep(Math.min(pause, left - LAST_CHANCE_MS));
    pause = Math.min(2 * pause, MAX_PAUSE_MS);
  }
}

/** Short, because the caller holds a VLAN id's lock and kubelet is waiting. */
const GONE_LIMIT_MS = 3_000;

/** Whether the pod is gone from the API server; undefined if that is unknown. */
export function askIfGone(ask: Ask, pod: AskedPod, clock: Clock): boolean | undefined {
  // Without the UID the answer could be about a later pod of the same name.
  if (!pod.namespace || !pod.name || !pod.uid) return undefined;
  const line = JSON.stringify({ version: VERSION, ask: "gone", pod: identity(pod) });
  const { answer } = untilAnswered(
    clock,
    GONE_LIMIT_MS,
    (deadline) => {
      const reply = readGoneAnswer(ask(line, deadline));
      return reply.answer === "wait" ? undefined : reply.answer;
    },
    // If no agent is running, do not wait for one.
    ({ isThere }) => isThere,
  );
  return answer === undefined ? undefined : answer === "gone";
}

/** Whether the pod is certainly gone. Only then may its VLAN id be taken from a sandbox that looks alive. */
export function podIsGone(stateDirectory: string, clock: Clock, pod: AskedPod): boolean {
  try {
    return askIfGone(askOver(stateDirectory, clock), pod, clock) === true;
  } catch (error) {
    if (error instanceof ForeignFileError || error instanceof SysError || error instanceof AssetError) {
      return false;
    }
    throw error;
  }
}
