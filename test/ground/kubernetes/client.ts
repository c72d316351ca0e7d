// What tests ask an API server, in JSON over HTTPS: not the product's own client, which is tested by it.
import { Agent, request, type RequestOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import { readKubeconfig, type Access } from "./kubeconfig.ts";
import { Watch } from "./watch.ts";

/** The parts of an object that all have. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const PATCHES = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
  /** Server-side apply; the path needs ?fieldManager=. */
  apply: "application/apply-patch+yaml",
} as const;

type Headers = Readonly<Record<string, string>>;

export type PatchType = keyof typeof PATCHES;

/** The API server refused: its Status object. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, body: unknown) {
    const { message = `status ${status}`, reason = "" } =
      typeof body === "string" ? { message: body } : (body as { message?: string; reason?: string });
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Asks by raw paths, such as /api/v1/namespaces/default/pods?limit=1. */
export class ApiClient {
  readonly #options: RequestOptions;
  readonly #headers: Headers;
  readonly #agent: Agent;
  readonly #timeout: number;

  /** `timeout`: milliseconds until a request without an answer fails. */
  constructor({ url, ca, as }: Access, timeout = 30_000) {
    this.#timeout = timeout;
    const { hostname, port } = new URL(url);
    this.#agent = new Agent({
      keepAlive: true,
      ca,
      ...("token" in as ? {} : { cert: as.certificate, key: as.key }),
    });
    this.#options = {
      agent: this.#agent,
      host: hostname,
      port,
    };
    const token = "token" in as ? { authorization: `Bearer ${as.token}` } : {};
    this.#headers = { accept: "application/json", ...token };
  }

  static of(kubeconfig: string): ApiClient {
    return new ApiClient(readKubeconfig(kubeconfig));
  }

  /** Whatever the answer is. Text that is no JSON comes as a string. */
  async request(method: string, path: string, body?: unknown, headers: Headers = {}): Promise<Answer> {
    const response = await this.#open(method, path, AbortSignal.timeout(this.#timeout), body, headers);
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    return { status: response.statusCode ?? 0, body: isJson(response) ? JSON.parse(text) : text };
  }

  /** `accept`: another form than JSON objects, such as a table. */
  async get<T = KubernetesObject>(path: string, accept?: string): Promise<T> {
    return this.#must<T>("GET", path, undefined, accept === undefined ? {} : { accept });
  }

  /** The objects of a collection. */
  async list<T = KubernetesObject>(path: string): Promise<readonly T[]> {
    return (await this.#must<{ items: T[] }>("GET", path)).items;
  }

  /** Creates an object in the collection of this path. */
  async create<T = KubernetesObject>(path: string, object: unknown): Promise<T> {
    return this.#must<T>("POST", path, object);
  }

  async replace<T = KubernetesObject>(path: string, object: unknown): Promise<T> {
    return this.#must<T>("PUT", path, object);
  }

  async patch<T = KubernetesObject>(path: string, type: PatchType, patch: unknown): Promise<T> {
    return this.#must<T>("PATCH", path, patch, { "content-type": PATCHES[type] });
  }

  async delete(path: string): Promise<void> {
    await this.#must("DELETE", path);
  }

  /** Watches a collection; a path without resourceVersion begins with an ADDED for each object there is. */
  async watch<T = KubernetesObject>(path: string): Promise<Watch<T>> {
    const abort = new AbortController();
    const response = await this.#open(
      "GET",
      `${path}${path.includes("?") ? "&" : "?"}watch=true`,
      abort.signal,
    );
    const watch = new Watch<T>(response, abort);
    if (response.statusCode === 200) return watch;
    watch.close();
    throw new ApiError(response.statusCode ?? 0, `no watch of ${path}`);
  }

  /** Closes its connections; the next request opens another one. */
  close(): void {
    this.#agent.destroy();
  }

  async #must<T>(method: string, path: string, body?: unknown, headers?: Headers): Promise<T> {
    const answer = await this.request(method, path, body, headers);
    if (answer.status >= 400) throw new ApiError(answer.status, answer.body);
    return answer.body as T;
  }

  #open(
    method: string,
    path: string,
    signal: AbortSignal,
    body?: unknown,
    more: Headers = {},
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      // Node states no length for DELETE, and the body would be taken for the next request.
      const type =
        text === undefined
          ? {}
          : { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) };
      const headers = { ...this.#headers, ...type, ...more };
      const sent = request({ ...this.#options, method, path, headers, signal }, resolve);
      sent.on("error", reject);
      sent.end(text);
    });
  }
}

function isJson({ headers }: IncomingMessage): boolean {
  return headers["content-type"]?.startsWith("application/json") === true;
}
