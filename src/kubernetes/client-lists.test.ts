import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { answer, page } from "../../test/unit/protobuf.ts";
import { KubernetesClient } from "./client.ts";
import type { Connection, HttpAnswer, HttpRequest } from "./connection.ts";
import { fieldsOf } from "./fields.ts";
import { message } from "./protobuf/message.ts";
import type { Resource } from "./resource.ts";

/** Lists in protobuf, from a connection that answers what it is told to. */

const NAMES: Resource<unknown> = {
  group: "",
  version: "v1",
  plural: "pods",
  kind: "Pod",
  isNamespaced: true,
  message: message({ metadata: [1, message({ name: [1, "text"] })] }),
  read: (object) => fieldsOf(fieldsOf(object)["metadata"])["name"],
};
const pod = (name: string) => [[1, [[1, name]]]] as const;
const { signal } = new AbortController();

/** Bytes: less than an object has. */
const PIECE = 5;

class Answers implements Connection {
  readonly asked: HttpRequest[] = [];
  private readonly answers: readonly Partial<HttpAnswer & { bytes: Buffer }>[];

  constructor(...answers: readonly Partial<HttpAnswer & { bytes: Buffer }>[]) {
    this.answers = answers;
  }

  send(request: HttpRequest): Promise<HttpAnswer> {
    const { status = 200, headers = {}, bytes = Buffer.of() } = this.answers[this.asked.length] ?? {};
    this.asked.push(request);
    // eslint-disable-next-line @typescript-eslint/require-await -- a body is read in pieces
    const body = (async function* () {
      for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
    })();
    return Promise.resolve({ status, headers, body });
  }
}

const list = (answers: Answers, compressed = false) =>
  new KubernetesClient(answers, { compressed }).list(NAMES, { namespace: "shop" }, signal);

describe("a list in protobuf", () => {
  it("is read page by page, and the next one is asked for before a page is read", async () => {
    const answers = new Answers(
      { bytes: page([pod("a"), pod("b")], "next/1") },
      { bytes: page([pod("c")], "next/2") },
      { bytes: page([], "", "9") },
    );
    const order: string[] = [];
    const read = (object: unknown) => {
      order.push(`${String(NAMES.read(object))} after ${answers.asked.length} requests`);
      return NAMES.read(object);
    };
    const client = new KubernetesClient(answers);
    expect(await client.list({ ...NAMES, read }, { namespace: "shop" }, signal)).toEqual({
      items: ["a", "b", "c"],
      resourceVersion: "9",
    });
    expect(order).toEqual(["a after 2 requests", "b after 2 requests", "c after 3 requests"]);
    const pods = "/api/v1/namespaces/shop/pods?limit=500";
    expect(answers.asked.map(({ path }) => path)).toEqual([
      pods,
      `${pods}&continue=next%2F1`,
      `${pods}&continue=next%2F2`,
    ]);
    expect(answers.asked[0]).toMatchObject({
      accept: "application/vnd.kubernetes.protobuf",
      acceptGzip: false,
    });
  });

  it("may be compressed", async () => {
    const answers = new Answers({
      bytes: gzipSync(page([pod("a")])),
      headers: { "content-encoding": "gzip" },
    });
    expect((await list(answers, true)).items).toEqual(["a"]);
    expect(answers.asked[0]).toMatchObject({ acceptGzip: true });
  });

  it.each<[string, Partial<HttpAnswer & { bytes: Buffer }>, object]>([
    [
      "a refusal in protobuf",
      {
        status: 403,
        headers: { "content-type": "application/vnd.kubernetes.protobuf" },
        bytes: answer("Status", [
          [2, "Failure"],
          [3, "pods is forbidden"],
          [4, "Forbidden"],
          [5, [[5, 0]]],
          [6, 403],
        ]),
      },
      {
        kind: "denied",
        reason: "Forbidden",
        message: "GET /api/v1/namespaces/shop/pods?limit=500: pods is forbidden (403)",
      },
    ],
    [
      "a refusal that is compressed JSON",
      {
        status: 410,
        headers: { "content-encoding": "gzip", "content-type": "application/json" },
        bytes: gzipSync(JSON.stringify({ message: "too old", reason: "Expired" })),
      },
      { kind: "expired" },
    ],
    ["no protobuf", { bytes: Buffer.from("<html>") }, { kind: "retry" }],
    ["half an answer", { bytes: page([pod("a")]).subarray(0, 30) }, { kind: "retry" }],
    [
      "an item with a defect",
      { bytes: page([[[1, 7]]]) },
      {
        message: expect.stringContaining("the answer cannot be read: field metadata has type 0 instead of 2"),
      },
    ],
    [
      "no gzip, where it says so",
      { bytes: Buffer.from("plain"), headers: { "content-encoding": "gzip" } },
      { message: expect.stringContaining("the answer cannot be unzipped") },
    ],
  ])("is refused for %s", async (_what, said, expected) => {
    await expect(list(new Answers(said))).rejects.toMatchObject({ name: "KubernetesError", ...expected });
  });

  it("is refused when a later page is", async () => {
    const answers = new Answers({ bytes: page([pod("a")], "next") }, { status: 500 });
    await expect(list(answers)).rejects.toMatchObject({ kind: "retry", status: 500 });
  });

  it("knows the server's clock", async () => {
    const date = "Sun, 29 Nov 2026 05:09:43 GMT";
    const client = new KubernetesClient(new Answers({ bytes: page([]), headers: { date } }));
    expect(client.serverTime).toBeUndefined();
    await client.list(NAMES, {}, signal);
    expect(client.serverTime).toBe(Date.parse(date));
  });
});
