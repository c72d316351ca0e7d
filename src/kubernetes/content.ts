import { Readable, pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { messageOf } from "../text/error-words.ts";
import type { HttpAnswer } from "./connection.ts";
import { KubernetesError } from "./error.ts";

/** What an answer says, unzipped when it is compressed. */

/** Bytes of an answer: 500 objects of etcd's largest would be more, but no cluster has them. */
const MAX_ANSWER = 256 * 1024 * 1024;
/** Bytes that are unzipped at a time. */
const PIECE = 256 * 1024;

type Body = Pick<HttpAnswer, "headers" | "body">;

/** As it arrives. KubernetesError; `request` is for its message. */
export async function* piecesOf(
  { headers, body }: Body,
  request: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let length = 0;
  for await (const piece of headers["content-encoding"] === "gzip" ? unzipped(body, request) : body) {
    length += piece.length;
    if (length > MAX_ANSWER)
      throw new KubernetesError("retry", request, `the answer has more than ${MAX_ANSWER} bytes`);
    yield piece;
  }
}

/** All of it. KubernetesError. */
export async function wholeOf(body: Body, request: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of piecesOf(body, request)) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* unzipped(
  body: HttpAnswer["body"],
  request: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip({ chunkSize: PIECE });
  // What either end says arrives by the loop.
  pipeline(Readable.from(body), gunzip, () => {});
  try {
    for await (const piece of gunzip) yield piece as Uint8Array;
  } catch (cause) {
    if (cause instanceof KubernetesError || !isOfZlib(cause)) throw cause;
    throw new KubernetesError("retry", request, `the answer cannot be unzipped: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Z_DATA_ERROR, Z_BUF_ERROR and others. */
function isOfZlib(error: unknown): boolean {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith("Z_");
}
