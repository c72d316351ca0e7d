import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import http from "node:http";
import https from "node:https";
import type { Connection, HttpAnswer, HttpRequest } from "./connection.ts";
import { KubernetesError } from "./error.ts";
import { messageOf } from "../text/error-words.ts";

/** The real connection to an API server. */

/** For TCP and TLS together. */
const CONNECT_MS = 10_000;
/** Before a load balancer forgets an idle connection. */
const KEEP_ALIVE_MS = 30_000;

/** `userAgent` is what the audit log shows of us. */
export function connectTo(config: KubeConfig, userAgent: string): Connection {
  const server = new URL(config.getCurrentCluster()?.server ?? "");
  // A server may be below a path, as behind Rancher.
  const base = server.pathname.replace(/\/$/, "");
  const agents = new Agents();
  return {
    async send(request) {
      const words = `${request.method} ${request.path}`;
      request.signal.throwIfAborted();
      const options: https.RequestOptions = {};
      try {
        await config.applyToHTTPSOptions(options);
      } catch (cause) {
        const said = messageOf(cause);
        throw new KubernetesError("denied", words, `the kubeconfig gives no credentials: ${said}`, { cause });
      }
      if (config.getCurrentCluster()?.proxyUrl === undefined) options.agent = agents.of(server, options);
      // The library sets a header as a key of an object, never as a list.
      options.headers = {
        ...(options.headers as http.OutgoingHttpHeaders),
        accept: "application/json",
        "user-agent": userAgent,
        ...(request.contentType !== undefined && { "content-type": request.contentType }),
        ...(request.body !== undefined && { "content-length": String(Buffer.byteLength(request.body)) }),
      };
      return exchange(new URL(`${server.origin}${base}${request.path}`), options, request, words);
    },
  };
}

/** Keeps connections for each set of credentials: the library's own agent opens one for every request. */
class Agents {
  private key = "";
  private agent: http.Agent | undefined;

  of(server: URL, options: https.RequestOptions): http.Agent {
    const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
    const identity = JSON.stringify([ca, cert, key, pfx, passphrase, rejectUnauthorized, servername]);
    if (this.agent === undefined || identity !== this.key) {
      // Requests under way keep the old one's connections.
      const keep = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS };
      this.agent =
        server.protocol === "http:"
          ? new http.Agent(keep)
          : new https.Agent({ ...keep, ca, cert, key, pfx, passphrase, rejectUnauthorized, servername });
      this.key = identity;
    }
    return this.agent;
  }
}

function exchange(
  url: URL,
  options: https.RequestOptions,
  { method, body, signal }: HttpRequest,
  words: string,
): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const send = url.protocol === "http:" ? http.request : https.request;
  const request = send(url, { ...options, method, signal });
  const failed = (error: Error) => reject(failureOf(error, signal, words));
  const limit = setTimeout(
    () => request.destroy(new Error(`no connection to ${url.host} after ${CONNECT_MS / 1000} s`)),
    CONNECT_MS,
  );
  request.once("error", failed);
  request.once("close", () => clearTimeout(limit));
  request.once("socket", (socket) => {
    // One that was kept is connected.
    if (!socket.connecting) clearTimeout(limit);
    else socket.once(url.protocol === "http:" ? "connect" : "secureConnect", () => clearTimeout(limit));
  });
  request.once("response", (response) => {
    resolve({
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: bodyOf(response, signal, words),
    });
  });
  request.end(body);
  return promise;
}

async function* bodyOf(
  response: http.IncomingMessage,
  signal: AbortSignal,
  words: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of response) yield chunk as Uint8Array;
  } catch (error) {
    throw failureOf(error, signal, words);
  }
}

function failureOf(error: unknown, signal: AbortSignal, words: string): unknown {
  if (signal.aborted) return signal.reason;
  const { code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { code: "", message: String(error) };
  return new KubernetesError("retry", words, message === "" ? String(code) : message, {
    reason: code ?? "",
    cause: error,
  });
}
