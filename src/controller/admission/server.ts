import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LinkedAbort } from "../../sys/linked-abort.ts";
import { messageOf, stackOf } from "../../text/error-words.ts";
import type { Leaf } from "./certificates.ts";
import { ReviewError } from "./review.ts";
import { type AnswerKind, NotReadyError } from "./reviewer.ts";

/** The HTTPS server that the API server calls: one path, bounded in size and time, and nothing that is sent ends it. */

/** Where reviews are posted. */
export const REVIEW_PATH = "/mutate";

/** Bytes. A pod has at most 3 MiB, and JSON may escape. */
const MAX_REVIEW = 8 * 1024 * 1024;
/** For a review to be sent, from its first byte. */
const REQUEST_MS = 5_000;
/** For the answer; the webhook's timeoutSeconds are 5. */
const ANSWER_MS = 3_000;
/** Longer than an API server keeps an idle connection (90 s): whoever closes first loses no request. */
const KEEP_ALIVE_MS = 120_000;
const MAX_CONNECTIONS = 1_000;

export interface ReviewServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly answer: (
    text: string,
    signal: AbortSignal,
  ) => Promise<{ readonly kind: AnswerKind; readonly text: string }>;
  /** Hears of each answer, in seconds. `refused`: it was no review, or too large; `failed`: no answer could be given. */
  readonly answered: (kind: AnswerKind | "refused" | "failed", seconds: number) => void;
  /** Milliseconds. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

/** What is wrong with a request, as HTTP says it. */
class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class ReviewServer implements AsyncDisposable {
  private readonly options: ReviewServerOptions;
  private readonly server: Server;
  private readonly stop = new AbortController();

  private constructor(options: ReviewServerOptions) {
    this.options = options;
    // Without a certificate at first: handshakes fail until there is one.
    this.server = createServer(
      {
        minVersion: "TLSv1.2",
        handshakeTimeout: REQUEST_MS,
        headersTimeout: REQUEST_MS,
        requestTimeout: REQUEST_MS,
        connectionsCheckingInterval: 1_000,
        keepAliveTimeout: KEEP_ALIVE_MS,
      },
      (request, response) => void this.respond(request, response),
    );
    this.server.maxConnections = MAX_CONNECTIONS;
  }

  /** Rejects when the address cannot be had. */
  static async open(options: ReviewServerOptions): Promise<ReviewServer> {
    const review = new ReviewServer(options);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    review.server.once("error", reject);
    review.server.listen({ ...options.listen }, resolve);
    await promise;
    return review;
  }

  /** The port that was taken. */
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** From now on handshakes are with this certificate; connections that are open stay. */
  use({ certificate, key }: Leaf): void {
    this.server.setSecureContext({ cert: certificate, key });
  }

  /** Answers what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((done) => this.server.close(done));
    this.server.closeIdleConnections();
    const limit = setTimeout(() => {
      this.stop.abort(new Error("the controller ends"));
      this.server.closeAllConnections();
    }, ANSWER_MS);
    await closed;
    clearTimeout(limit);
  }

  private async respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { now, answered, warn } = this.options;
    const started = now();
    const done = (kind: Parameters<typeof answered>[0]) => answered(kind, (now() - started) / 1000);
    try {
      const { kind, text } = await this.answerTo(request);
      done(kind);
      send(response, 200, "application/json", text);
    } catch (error) {
      const isTheirs = error instanceof ReviewError || error instanceof HttpError;
      done(isTheirs ? "refused" : "failed");
      const isOurs = !isTheirs && !(error instanceof NotReadyError);
      if (isOurs) warn(`a review got no answer: ${stackOf(error)}`);
      send(response, statusOf(error), "text/plain; charset=utf-8", `${messageOf(error)}\n`);
    }
  }

  private async answerTo(request: IncomingMessage) {
    const path = request.url?.split("?")[0];
    if (path !== REVIEW_PATH) throw new HttpError(404, `reviews are posted to ${REVIEW_PATH}`);
    if (request.method !== "POST") throw new HttpError(405, "reviews are posted");
    const text = await bodyOf(request);
    using either = new LinkedAbort(this.stop.signal);
    const limit = setTimeout(
      () => either.abort(new Error(`no answer within ${ANSWER_MS / 1000} s`)),
      ANSWER_MS,
    );
    try {
      return await this.options.answer(text, either.signal);
    } finally {
      clearTimeout(limit);
    }
  }
}

function statusOf(error: unknown): number {
  if (error instanceof HttpError) return error.status;
  if (error instanceof ReviewError) return 400;
  return error instanceof NotReadyError ? 503 : 500;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_REVIEW) throw new HttpError(413, `a review has at most ${MAX_REVIEW} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  // The rest of a request that was not read would be taken for the next one.
  const end = status === 200 ? {} : { connection: "close" };
  response
    .writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text), ...end })
    .end(text);
}
