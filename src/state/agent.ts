/**
 * The plugin's half of the agent's socket: one question a connection, one line each way. The agent reads the pod from the
 * API server, so it knows of a branch before the runtime does.
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

/** Which pod is meant, as far as the runtime said. */
export interface AskedPod {
  readonly namespace?: string;
  readonly name?: string;
  /**
   * Old runtimes do not say it. The agent then goes by namespace and name, and by the API server instead of its cache,
   * which may still hold the last pod of that name.
   */
  readonly uid?: string;
}

export interface BranchQuestion {
  readonly pod: AskedPod;
  readonly containerId: string;
  readonly interface: string;
  /** What the runtime passed; null for none. */
  readonly annotation: string | null;
  /** What the pod is to get; `auto` leaves it to the agent. */
  readonly datapath: DatapathName | "auto";
}

/** An answer that lets the ADD go on. */
export type Found = Extract<BranchAnswer, { answer: "none" | "branch" }>;

/** Why an ADD may not go on. */
export class AgentError extends Error {
  override name = "AgentError";
  /** `refused`: by the agent, for good. `wait`: it has not got what the pod needs. `unanswered`: it said nothing. */
  readonly kind: "refused" | "wait" | "unanswered";
  /** Whether anybody listened on the socket. */
  readonly isThere: boolean;

  constructor(kind: AgentError["kind"], message: string, isThere = true) {
    super(message);
    this.kind = kind;
    this.isThere = isThere;
  }
}

/** One line out, one line back, over a connection of its own. The deadline is the clock's time. Tests script it. */
export type Ask = (question: string, deadline: number) => string;

export function askOver(stateDirectory: string, clock: Clock): Ask {
  return (question, deadline) => {
    using connection = connectToAgent(stateDirectory);
    return exchange(connection, question, deadline, clock);
  };
}

/** Between two connections: from 50 ms, doubled each time, up to a second. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;
/** What the last connection has left. */
const LAST_CHANCE_MS = 100;
/** The agent is given a little less than there is, so that its reason arrives in time. */
const MARGIN_MS = 250;

/**
 * Asks whether the pod has a branch, until there is an answer or the time is up. AgentError says why there is none, with
 * the agent's own last reason if it gave one.
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
  // Only this one can be of any length.
  throw new AnnotationError(
    POD_ENI_ANNOTATION,
    `annotation ${POD_ENI_ANNOTATION}: it makes a question of ${bytes} bytes to the agent, more than the ${MAX_LINE} it may have`,
  );
}

function identity({ namespace = "", name = "", uid = "" }: AskedPod) {
  return { namespace, name, uid };
}

/**
 * Repeats one exchange until it gives something. Answers that are none and connections that fail are tried again after a
 * pause; a pause begins small again after an exchange that took long, since then the agent held the question itself.
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
      // What was short of time at the end says less than what came before.
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

/** The caller holds the lock of a VLAN id, and kubelet waits. */
const GONE_LIMIT_MS = 3_000;

/** Whether the API server has this pod no more; undefined when that cannot be known. */
export function askIfGone(ask: Ask, pod: AskedPod, clock: Clock): boolean | undefined {
  // Another pod may have the name by now.
  if (!pod.namespace || !pod.name || !pod.uid) return undefined;
  const line = JSON.stringify({ version: VERSION, ask: "gone", pod: identity(pod) });
  const { answer } = untilAnswered(
    clock,
    GONE_LIMIT_MS,
    (deadline) => {
      const reply = readGoneAnswer(ask(line, deadline));
      return reply.answer === "wait" ? undefined : reply.answer;
    },
    // Without an agent there will be none in a moment either.
    ({ isThere }) => isThere,
  );
  return answer === undefined ? undefined : answer === "gone";
}

/** Whether the pod is certainly gone: only then may its VLAN id be taken from a sandbox that seems to live. */
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
