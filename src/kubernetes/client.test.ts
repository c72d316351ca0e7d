import { setImmediate as settled } from "node:timers/promises";
import { refused } from "../../test/unit/refused.ts";
import { describe, expect, it } from "vitest";
import { KubernetesClient } from "./client.ts";
import type { HttpRequest } from "./connection.ts";
import type { KubernetesErrorKind } from "./error.ts";
import { CNI_NODES, PODS } from "./objects.ts";

const { signal } = new AbortController();
const pod = { namespace: "shop", name: "a" };

/** Answers each request alike. */
function answering(status: number, body: object | string, headers: Record<string, string> = {}) {
  const sent: HttpRequest[] = [];
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const client = new KubernetesClient({
    async send(request) {
      sent.push(request);
      return { status, headers, body: pieces(text) };
    },
  });
  return { client, sent };
}

/** A byte at a time, as TCP may. */
async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  for (const byte of Buffer.from(text)) yield Uint8Array.of(byte);
}

describe("a refusal", () => {
  it.each<[number, object | string, KubernetesErrorKind, string]>([
    [404, { message: 'pods "a" not found', reason: "NotFound" }, "missing", 'pods "a" not found (404)'],
    [409, { message: "changed", reason: "Conflict" }, "conflict", "changed (409)"],
    [410, { message: "too old", reason: "Expired" }, "expired", "too old (410)"],
    [400, { message: "too old", reason: "Expired" }, "expired", "too old (400)"],
    [401, { message: "Unauthorized", reason: "Unauthorized" }, "denied", "Unauthorized (401)"],
    [403, { message: "forbidden", reason: "Forbidden" }, "denied", "forbidden (403)"],
    [429, { message: "slower", reason: "TooManyRequests" }, "retry", "slower (429)"],
    [500, "etcd\n  is away", "retry", "etcd is away (500)"],
    [503, "", "retry", "status 503"],
    [422, { message: "no", reason: "Invalid", details: {} }, "invalid", "no (422)"],
    [400, { message: "no", reason: "BadRequest" }, "invalid", "no (400)"],
  ])("%i %j", async (status, body, kind, words) => {
    const error = await refused(answering(status, body).client.get(PODS, pod, signal));
    expect(error).toMatchObject({ kind, status, message: `GET /api/v1/namespaces/shop/pods/a: ${words}` });
  });

  it("a patch that does not apply is a conflict, one that makes an invalid object is not", async () => {
    const refuse = async (details: object) => {
      const { client } = answering(422, { message: "no", reason: "Invalid", details });
      const steps = [{ op: "test", path: "/metadata/uid", value: "1" }] as const;
      return (await refused(client.patch(PODS, pod, steps, signal))).kind;
    };
    expect(await refuse({})).toBe("conflict");
    expect(await refuse({ causes: [{ field: "metadata.labels" }] })).toBe("invalid");
  });

  it.each([
    [{ "retry-after": "7" }, {}, 7_000],
    [{}, { details: { retryAfterSeconds: 3 } }, 3_000],
    [{ "retry-after": "86400" }, {}, 300_000],
    [{ "retry-after": "soon" }, {}, 0],
    [{}, {}, 0],
  ])("%j %j: how long to wait", async (headers, body, retryAfterMs) => {
    const { client } = answering(429, body, headers);
    expect(await refused(client.get(PODS, pod, signal))).toMatchObject({ retryAfterMs });
  });
});

it("an answer that is no JSON is one to retry", async () => {
  expect((await refused(answering(200, "<html>").client.get(PODS, pod, signal))).kind).toBe("retry");
});

it("characters that lie across two pieces stay whole", async () => {
  const { client } = answering(200, { metadata: { name: "a", labels: { städte: "köln" } } });
  expect((await client.get(PODS, pod, signal)).metadata.labels).toEqual({ städte: "köln" });
});

it("a delete names the UID", async () => {
  const { client, sent } = answering(200, {});
  await client.delete(PODS, pod, "uid-1", signal);
  expect(sent).toMatchObject([
    { method: "DELETE", path: "/api/v1/namespaces/shop/pods/a", body: '{"preconditions":{"uid":"uid-1"}}' },
  ]);
});

it.each([
  [{ name: "a" }, "pods a: without a namespace"],
  [{ namespace: "shop", name: "" }, "pods: an object without a name"],
  [{ namespace: "", name: "a" }, "pods: an object without a name"],
])("%j is no pod's name: nothing is asked", async (name, message) => {
  const { client, sent } = answering(200, {});
  await expect(client.delete(PODS, name, "uid-1", signal)).rejects.toThrow(message);
  expect(sent).toEqual([]);
});

it("an object of the cluster has no namespace", async () => {
  const { client } = answering(200, {});
  await expect(client.get(CNI_NODES, { namespace: "x", name: "a" }, signal)).rejects.toThrow(
    "with a namespace",
  );
});

it("a server that gives the same page for ever is given up", async () => {
  const { client, sent } = answering(200, {
    metadata: { continue: "again", resourceVersion: "1" },
    items: [],
  });
  expect((await refused(client.list(PODS, {}, signal))).message).toContain("more than 1000 pages");
  expect(sent).toHaveLength(1000);
});

describe("many requests at once", () => {
  it("wait for their turn, but for watches", async () => {
    const answers: (() => void)[] = [];
    let watches = 0;
    const client = new KubernetesClient({
      async send({ path }) {
        if (path.includes("watch=true")) watches += 1;
        else await new Promise<void>((resolve) => answers.push(resolve));
        return { status: 200, headers: {}, body: pieces('{"metadata":{"name":"a","uid":"1"}}') };
      },
    });
    const all = Array.from({ length: 40 }, () => client.get(PODS, pod, signal));
    await settled();
    expect(answers).toHaveLength(32);
    await client.watch(PODS, {}, { resourceVersion: "1", seconds: 1 }, signal).next();
    expect(watches).toBe(1);
    answers[0]?.();
    await all[0];
    await settled();
    expect(answers).toHaveLength(33);
    for (let i = 1; i < 40; i += 1) {
      answers[i]?.();
      await all[i];
      await settled();
    }
  });
});
