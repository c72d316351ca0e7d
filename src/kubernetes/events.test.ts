import { beforeEach, describe, expect, it } from "vitest";
import { ManualTimer, settle } from "../../test/unit/manual-timer.ts";
import { KubernetesClient } from "./client.ts";
import type { HttpAnswer, HttpRequest } from "./connection.ts";
import { KubernetesError } from "./error.ts";
import { type EventText, Recorder, type Regarding } from "./events.ts";

let timer: ManualTimer;
let sent: string[];
let events: Map<string, { message: string; count: number }>;
let warnings: string[];
let stop: AbortController;
let isAway: boolean;
let answers: PromiseWithResolvers<void>;
let atOnce: number;
let mostAtOnce: number;

interface Body {
  readonly metadata: { readonly name: string };
  readonly message: string;
  readonly count: number;
}

async function send(request: HttpRequest): Promise<HttpAnswer> {
  atOnce += 1;
  mostAtOnce = Math.max(mostAtOnce, atOnce);
  try {
    const given = answerTo(request);
    await answers.promise;
    return given;
  } finally {
    atOnce -= 1;
  }
}

/** Events by their path, as the API server has them. */
function answerTo({ method, path, body = "" }: HttpRequest): HttpAnswer {
  if (isAway) throw new KubernetesError("retry", method, "ECONNREFUSED");
  const value: unknown = JSON.parse(body);
  if (method === "POST") {
    const { metadata, message, count } = value as Body;
    const key = `${path}/${metadata.name}`;
    if (events.has(key)) return answer(409, { reason: "AlreadyExists", message: "exists" });
    events.set(key, { message, count });
    sent.push(`create ${message} ${count}`);
    return answer(201, {});
  }
  if (!events.has(path)) return answer(404, { reason: "NotFound", message: "not found" });
  const steps = value as readonly { readonly path: string; readonly value: unknown }[];
  const valueAt = (of: string) => steps.find((step) => step.path === of)?.value;
  const [message, count] = [String(valueAt("/message")), Number(valueAt("/count"))];
  events.set(path, { message, count });
  sent.push(`patch ${message} ${count}`);
  return answer(200, {});
}

function answer(status: number, object: object): HttpAnswer {
  return { status, headers: {}, body: once(Buffer.from(JSON.stringify(object))) };
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

function recorder(): Recorder {
  return new Recorder({
    client: new KubernetesClient({ send }),
    component: "branchline-test",
    instance: "node-1",
    timer,
    wallClock: () => 1_764_000_000_000 + timer.now(),
    warn: (message) => warnings.push(message),
    signal: stop.signal,
  });
}

beforeEach(() => {
  timer = new ManualTimer();
  stop = new AbortController();
  sent = [];
  events = new Map();
  warnings = [];
  isAway = false;
  answers = Promise.withResolvers();
  answers.resolve();
  atOnce = 0;
  mostAtOnce = 0;
});

async function untilSent(count: number): Promise<void> {
  for (let i = 0; i < 5000 && sent.length < count; i += 1) await settle();
}

const pod = (name = "web"): Regarding => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace: "shop", name, uid: `uid-of-${name}` },
});
const text = (message: string, reason = "BranchLate"): EventText => ({ type: "Warning", reason, message });

describe("a recorder", () => {
  it("sends the first at once, and of those within a minute the newest at its end", async () => {
    const recording = recorder();
    recording.say(pod(), text("one"));
    await settle();
    expect(sent).toEqual(["create one 1"]);
    await timer.advance(10_000);
    recording.say(pod(), text("two"));
    recording.say(pod(), text("three"));
    await timer.advance(49_999);
    expect(sent).toHaveLength(1);
    await timer.advance(1);
    expect(sent).toEqual(["create one 1", "patch three 3"]);
    await timer.advance(60_000);
    recording.say(pod(), text("four"));
    await settle();
    expect(sent.at(-1)).toBe("patch four 4");
    expect(events.size).toBe(1);
  });

  it("keeps objects and reasons apart", async () => {
    const recording = recorder();
    recording.say(pod(), text("a"));
    recording.say(pod(), text("b", "BranchRefused"));
    recording.say(pod("db"), text("c"));
    await settle();
    expect(sent).toEqual(["create a 1", "create b 1", "create c 1"]);
  });

  it("goes on with the event of the agent before it", async () => {
    recorder().say(pod(), text("before"));
    await settle();
    recorder().say(pod(), text("after"));
    await settle();
    expect(sent).toEqual(["create before 1", "patch after 1"]);
  });

  it("makes one anew that the API server has forgotten", async () => {
    const recording = recorder();
    recording.say(pod(), text("one"));
    await timer.advance(60_000);
    events.clear();
    recording.say(pod(), text("two"));
    await settle();
    expect(sent).toEqual(["create one 1", "create two 2"]);
  });

  it("says in the log what it could not send, and sends the next one", async () => {
    const recording = recorder();
    isAway = true;
    recording.say(pod(), text("one"));
    await settle();
    expect(warnings).toEqual(["event BranchLate on shop/web not sent: POST: ECONNREFUSED"]);
    isAway = false;
    await timer.advance(60_000);
    recording.say(pod(), text("two"));
    await settle();
    expect(sent).toEqual(["create two 2"]);
  });

  it("says of thousands of pods each once a minute, and a few at the same time", async () => {
    const recording = recorder();
    for (let again = 0; again < 3; again += 1) {
      for (let i = 0; i < 2500; i += 1) recording.say(pod(`p${i}`), text("x".repeat(5000)));
      await untilSent(2500);
    }
    expect([sent.length, events.size, mostAtOnce]).toEqual([2500, 2500, 4]);
    expect(Math.max(...[...events.values()].map(({ message }) => message.length))).toBe(901);
    await timer.advance(59_999);
    expect(sent).toHaveLength(2500);
    await timer.advance(1);
    await untilSent(5000);
    expect(sent.at(-1)).toMatch(/^patch x+… 3$/);
  });

  it("sends no more than it can remember, says so once, and sends others when the minute is over", async () => {
    const recording = recorder();
    for (let i = 0; i < 5100; i += 1) recording.say(pod(`p${i}`), text("one"));
    await untilSent(5000);
    expect([sent.length, warnings]).toEqual([
      5000,
      ["there are more than 5000 events a minute: for a minute no others are sent"],
    ]);
    await timer.advance(60_000);
    recording.say(pod("p5099"), text("two"));
    await settle();
    expect(sent.at(-1)).toBe("create two 1");
    // Forgotten for that one: it is found again.
    recording.say(pod("p0"), text("three"));
    await settle();
    expect([sent.at(-1), events.size]).toEqual(["patch three 1", 5001]);
  });

  it("sends the newest text to an API server that was away for long", async () => {
    const recording = recorder();
    recording.say(pod(), text("one"));
    await settle();
    answers = Promise.withResolvers<void>();
    await timer.advance(60_000);
    for (const name of ["a", "b", "c", "d"]) recording.say(pod(name), text("first"));
    for (const words of ["two", "three", "four"]) {
      recording.say(pod(), text(words));
      await timer.advance(120_000);
    }
    expect(sent).toHaveLength(5);
    answers.resolve();
    await settle();
    expect(sent.slice(5)).toEqual(["patch four 4"]);
  });

  it.each([".", "-", "-.-"])(
    "has a name that the API server takes, where the pod's is cut at %j",
    async (cut) => {
      recorder().say(pod(`${"p".repeat(230 - cut.length)}${cut}${"q".repeat(20)}`), text("one"));
      await settle();
      const [name = ""] = [...events.keys()].map((path) => path.split("/").at(-1));
      expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
      expect(name.length).toBeLessThanOrEqual(253);
    },
  );

  it("sends nothing more once it is over", async () => {
    const recording = recorder();
    recording.say(pod(), text("one"));
    await settle();
    recording.say(pod(), text("two"));
    stop.abort(new Error("over"));
    await timer.advance(120_000);
    expect(sent).toEqual(["create one 1"]);
  });
});
