// Between a client and an API server: hears each request, and may keep it or its answer back.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent, request as send } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { stringify } from "yaml";
import { readKubeconfig, type Access } from "./kubeconfig.ts";
import { requestName } from "./request-name.ts";

/** `request`: it has come, and the server has not heard of it. `answer`: the server has done it, and nobody was told. */
export type Side = "request" | "answer";

/** Hears of a request by its name; true keeps it back, for good. */
export type Listener = (side: Side, name: string) => boolean;

/** Plain HTTP on loopback for the client, which needs no credentials; the server sees the ones of a kubeconfig. */
export class ApiProxy implements AsyncDisposable {
  /** Asked for each request and each answer. */
  listener: Listener = () => false;
  /** Without it, connections break as if nobody was there. */
  isReachable = true;
  readonly #access: Access;
  readonly #agent: Agent;
  readonly #server: Server;

  private constructor(access: Access) {
    this.#access = access;
    const as = "token" in access.as ? {} : { cert: access.as.certificate, key: access.as.key };
    this.#agent = new Agent({ keepAlive: true, ca: access.ca, ...as });
    this.#server = createServer((request, response) => {
      this.#pass(request, response).catch(() => response.destroy());
    });
  }

  static async open(kubeconfig: string): Promise<ApiProxy> {
    const proxy = new ApiProxy(readKubeconfig(kubeconfig));
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** A kubeconfig that leads here, as text. */
  get kubeconfig(): string {
    const { port } = this.#server.address() as AddressInfo;
    return stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        { name: "proxy", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } },
      ],
      users: [{ name: "nobody", user: {} }],
      contexts: [{ name: "proxy", context: { cluster: "proxy", user: "nobody" } }],
      "current-context": "proxy",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await closed;
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.isReachable) {
      response.destroy();
      return;
    }
    const { method = "GET", url = "/" } = request;
    const name = requestName(method, url);
    const body = await buffer(request);
    if (this.listener("request", name)) return;
    const answer = await this.#ask(request, body);
    const { statusCode = 502, headers } = answer;
    // A watch has no end: its answer is that it has begun.
    const isWatch = name.startsWith("WATCH ") && statusCode === 200;
    const whole = isWatch ? undefined : await buffer(answer);
    if (this.listener("answer", name)) {
      answer.destroy();
      return;
    }
    response.writeHead(statusCode, headers);
    if (whole !== undefined) {
      response.end(whole);
      return;
    }
    response.flushHeaders();
    response.once("close", () => answer.destroy());
    answer.once("error", () => response.destroy());
    answer.pipe(response);
  }

  #ask({ method, url, headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const { hostname, port } = new URL(this.#access.url);
    // Its host and its connection are ours with it.
    const { host: _host, connection: _connection, ...rest } = headers;
    return new Promise((resolve, reject) => {
      const sent = send({ agent: this.#agent, hostname, port, method, path: url, headers: rest }, resolve);
      sent.once("error", reject);
      sent.end(body);
    });
  }
}
