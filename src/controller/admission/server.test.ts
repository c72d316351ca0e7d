import { request } from "node:https";
import { text } from "node:stream/consumers";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Leaf, makeAuthority, makeLeaf } from "./certificates.ts";
import { ReviewError } from "./review.ts";
import { NotReadyError } from "./reviewer.ts";
import { ReviewServer, type ReviewServerOptions } from "./server.ts";

const lifetime = { validMs: 3_600_000, renewMs: 1_800_000 };

let leaf: Leaf;
let other: Leaf;
let server: ReviewServer;
let port: number;
let answer: ReviewServerOptions["answer"];
let answered: string[];
let warnings: string[];

async function makeOne(): Promise<Leaf> {
  return makeLeaf(await makeAuthority(Date.now(), lifetime), ["127.0.0.1"], Date.now(), lifetime);
}

beforeAll(async () => {
  [leaf, other] = await Promise.all([makeOne(), makeOne()]);
});

beforeEach(async () => {
  [answered, warnings] = [[], []];
  answer = (sent) => Promise.resolve({ kind: "unchanged", text: `got ${sent}` });
  server = await ReviewServer.open({
    listen: { host: "127.0.0.1", port: 0 },
    answer: (sent, signal) => answer(sent, signal),
    answered: (kind) => void answered.push(kind),
    now: () => performance.now(),
    warn: (message) => void warnings.push(message),
  });
  server.use(leaf);
  port = server.port;
});

afterEach(() => server[Symbol.asyncDispose]());

interface Sent {
  readonly path?: string;
  readonly method?: string;
  readonly body?: string;
  readonly ca?: string;
}

/** STATUS TEXT. */
async function send({ path = "/mutate?timeout=5s", method = "POST", body = "x", ca = leaf.issuer }: Sent) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asking = request(
    { host: "127.0.0.1", port, path, method, ca, agent: false },
    (response) => void text(response).then((said) => resolve(`${response.statusCode} ${said}`), reject),
  );
  asking.on("error", reject).end(body);
  return promise;
}

describe("the server", () => {
  it("answers what is posted", async () => {
    expect(await send({})).toBe("200 got x");
    expect(answered).toEqual(["unchanged"]);
  });

  it.each<[string, Sent, RegExp]>([
    ["another path", { path: "/" }, /^404 reviews are posted to \/mutate/],
    ["what is not posted", { method: "PUT" }, /^405 reviews are posted/],
    [
      "what is too large",
      { body: "x".repeat(8 * 1024 * 1024 + 1) },
      /^413 a review has at most 8388608 bytes/,
    ],
  ])("refuses %s", async (_what, sent, said) => {
    expect(await send(sent)).toMatch(said);
    expect(answered).toEqual(["refused"]);
    expect(await send({})).toBe("200 got x");
  });

  it.each<[Error, string, string, number]>([
    [new ReviewError("it is not JSON"), "400 it is not JSON\n", "refused", 0],
    [new NotReadyError("not yet"), "503 not yet\n", "failed", 0],
    [new TypeError("a defect"), "500 a defect\n", "failed", 1],
  ])("says what went wrong: %s", async (error, said, kind, warned) => {
    answer = () => Promise.reject(error);
    expect(await send({})).toBe(said);
    expect(answered).toEqual([kind]);
    expect(warnings).toHaveLength(warned);
  });

  it("gives up an answer that takes too long", async () => {
    answer = async (_sent, signal) => {
      const { promise, reject } = Promise.withResolvers<never>();
      signal.addEventListener("abort", () => reject(signal.reason as Error));
      return promise;
    };
    expect(await send({})).toBe("500 no answer within 3 s\n");
  });

  it("takes another certificate at the next handshake", async () => {
    await send({});
    server.use(other);
    await expect(send({})).rejects.toThrow(/certificate/);
    expect(await send({ ca: other.issuer })).toBe("200 got x");
  });

  it("answers what is under way before it ends, and takes nothing more", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    answer = async () => {
      begun.resolve();
      await promise;
      return { kind: "asks", text: "late" };
    };
    const asking = send({});
    await begun.promise;
    const closed = server[Symbol.asyncDispose]();
    await expect(send({})).rejects.toThrow(/ECONNREFUSED/);
    resolve();
    expect(await asking).toBe("200 late");
    await closed;
  });
});
