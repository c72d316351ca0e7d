import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Ec2Error } from "../model/error.ts";
import type { Authorize, Simulator } from "../model/simulator.ts";
import { readForm } from "./form.ts";
import type { Holds } from "./holds.ts";
import type { Reply } from "./http.ts";
import { checkSignature } from "./signature.ts";
import { answerDocument, errorDocument } from "./xml.ts";

/** What the log and the page know of a call. */
export interface Call {
  readonly action: string;
  readonly requestId: string;
  readonly account: string;
  readonly status: number;
  readonly code?: string;
  readonly message?: string;
}

export interface Ec2WireOptions {
  readonly simulator: () => Simulator;
  readonly now: () => number;
  /** Real time, for signatures. */
  readonly wallClock: () => number;
  readonly onCall: (call: Call) => void;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly holds: Holds;
  /** For a request with this access key; undefined: it may do anything. */
  readonly authorize: (key: string) => Authorize | undefined;
}

const TYPE = "text/xml;charset=UTF-8";

/** One request of the EC2 Query protocol. Whatever is wrong with it, the reply is an EC2 error. */
export async function answerEc2(
  request: IncomingMessage,
  body: string,
  options: Ec2WireOptions,
): Promise<Reply> {
  const requestId = randomUUID();
  const simulator = options.simulator();
  let action = "";
  let { account } = simulator.world;
  let reply: Reply;
  try {
    const url = request.url ?? "/";
    const question = url.indexOf("?");
    const query = question < 0 ? "" : url.slice(question + 1);
    account = authenticate(simulator, request, body, options.wallClock());
    const tree = readForm([query, body].filter((part) => part !== "").join("&"));
    if (typeof tree["Action"] !== "string" || tree["Action"] === "") {
      throw new Ec2Error("MissingAction", "The request is missing an action");
    }
    action = tree["Action"];
    await options.holds.pass(action, false);
    const answer = simulator.execute(
      action,
      tree,
      options.now(),
      account,
      options.authorize(accessKey(request)),
    );
    reply = { status: 200, type: TYPE, body: answerDocument(action, requestId, answer) };
    options.onCall({ action, requestId, account, status: 200 });
  } catch (error) {
    const refused =
      error instanceof Ec2Error
        ? error
        : new Ec2Error(
            "InternalError",
            `A defect of the simulator: ${error instanceof Error ? error.stack : String(error)}`,
          );
    const { code, message, status } = refused;
    options.onCall({ action, requestId, account, status, code, message });
    reply = { status, type: TYPE, body: errorDocument(refused, requestId) };
  }
  await options.holds.pass(action, true);
  const wait = latency(simulator, action);
  if (wait > 0) await options.sleep(wait);
  return { ...reply, headers: { "x-amzn-RequestId": requestId } };
}

export function tooLargeReply(): Reply {
  const requestId = randomUUID();
  const error = new Ec2Error("RequestEntityTooLarge", "The body of the request is too large", 413);
  return {
    status: 413,
    type: TYPE,
    body: errorDocument(error, requestId),
    headers: { "x-amzn-RequestId": requestId },
  };
}

/** The account of the request's key; without any keys everybody is the world's account. */
function authenticate({ world }: Simulator, request: IncomingMessage, body: string, now: number): string {
  const { keys } = world;
  if (Object.keys(keys).length === 0) return world.account;
  const { method = "POST", url = "/", headers } = request;
  const secretOf = (key: string) => (Object.hasOwn(keys, key) ? keys[key]?.secret : undefined);
  const key = checkSignature({ method, url, headers, body }, secretOf, now);
  return keys[key]?.account ?? world.account;
}

/** As the request says: it is checked only where keys are configured. */
function accessKey({ headers }: IncomingMessage): string {
  return /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\//.exec(headers.authorization ?? "")?.[1] ?? "";
}

function latency({ world }: Simulator, action: string): number {
  const { latencyMs } = world.settings;
  const range = Object.hasOwn(latencyMs, action) ? latencyMs[action] : latencyMs["*"];
  return range === undefined ? 0 : world.random.between(range[0], range[1]);
}
