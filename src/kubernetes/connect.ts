import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import http from "node:http";
import https from "node:https";
import { createSecureContext } from "node:tls";
import { urlToHttpOptions } from "node:url";
import { isDeepStrictEqual } from "node:util";
import type { Connection, HttpAnswer, HttpRequest } from "./connection.ts";
import { KubernetesError } from "./error.ts";
import { connectionWords, credentialsWords } from "./failure-words.ts";
import { errorCode } from "../sys/errno.ts";

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
  const { hostname, port } = urlToHttpOptions(server);
  const scheme = server.protocol === "http:" ? PLAIN : SECURE;
  const agents = new Agents(scheme);
  return {
    async send(request) {
      const { method, path, body, contentType, signal } = request;
      const { accept = "application/json", acceptGzip = false } = request;
      const words = `${method} ${path}`;
      signal.throwIfAborted();
      const given: https.RequestOptions = {};
      const isProxied = config.getCurrentCluster()?.proxyUrl !== undefined;
      let way = given;
      try {
        await config.applyToHTTPSOptions(given);
        if (!isProxied) way = { auth: given.auth, agent: agents.of(given) };
      } catch (cause) {
        const said = `the kubeconfig gives no credentials: ${credentialsWords(config, cause)}`;
        throw new KubernetesError("denied", words, said, { cause });
      }
      // The library sets a header as a key of an object, never as a list.
      const headers = {
        ...(given.headers as http.OutgoingHttpHeaders),
        accept,
        ...(acceptGzip && { "accept-encoding": "gzip" }),
        "user-agent": userAgent,
        ...(contentType !== undefined && { "content-type": contentType }),
        ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }),
      };
      const options = { ...way, hostname, port, path: `${base}${path}`, method, headers, signal };
      return exchange(scheme, options, request, words);
    },
  };
}

/** HTTP with or without TLS. `connected`: the event of a socket that can be used. */
interface Scheme {
  readonly request: typeof https.request;
  readonly connected: "connect" | "secureConnect";
}

const PLAIN: Scheme = { request: http.request, connected: "connect" };
const SECURE: Scheme = { request: https.request, connected: "secureConnect" };

/** Who we are, and whom we believe. */
const CREDENTIALS = ["ca", "cert", "key", "pfx", "passphrase", "rejectUnauthorized", "servername"] as const;

/**
 * Keeps connections for each set of credentials: the library's own agent opens one for every request. Certificates are
 * read once, and are no part of what Node compares to find a connection: both would be done again for each request.
 */
class Agents {
  private readonly scheme: Scheme;
  private credentials: https.RequestOptions = {};
  private agent: http.Agent | undefined;

  constructor(scheme: Scheme) {
    this.scheme = scheme;
  }

  of(given: https.RequestOptions): http.Agent {
    const { agent, credentials } = this;
    if (agent !== undefined && CREDENTIALS.every((key) => isDeepStrictEqual(given[key], credentials[key])))
      return agent;
    // Requests under way keep the old one's connections.
    this.credentials = Object.fromEntries(CREDENTIALS.map((key) => [key, given[key]]));
    this.agent = this.make();
    return this.agent;
  }

  private make(): http.Agent {
    const keep = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS };
    if (this.scheme === PLAIN) return new http.Agent(keep);
    const { rejectUnauthorized, servername, ...identity } = this.credentials;
    return new https.Agent({
      ...keep,
      rejectUnauthorized,
      servername,
      secureContext: createSecureContext(identity),
    });
  }
}

function exchange(
  scheme: Scheme,
  options: https.RequestOptions,
  { body, signal }: HttpRequest,
  words: string,
): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const request = scheme.request(options);
  const limit = setTimeout(
    () =>
      request.destroy(new Error(`no connection to ${options.hostname ?? ""} after ${CONNECT_MS / 1000} s`)),
    CONNECT_MS,
  );
  request.once("error", (error) => reject(failureOf(error, signal, words)));
  request.once("close", () => clearTimeout(limit));
  request.once("socket", (socket) => {
    // One that was kept is connected.
    if (!socket.connecting) clearTimeout(limit);
    else socket.once(scheme.connected, () => clearTimeout(limit));
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
  return new KubernetesError("retry", words, connectionWords(error), {
    reason: errorCode(error) ?? "",
    cause: error,
  });
}
