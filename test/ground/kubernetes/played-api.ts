// An API server's part in a guest, as far as the agent asks: an emulated processor takes minutes to start the real one, with
// which test/api and test/node run the same agent. Lists, watches, objects by their names; events are taken as they come.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { KubernetesObject } from "./client.ts";

const PATH =
  /^\/(?:api|apis\/[^/]+)\/(?<version>[^/]+)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[a-z]+)(?:\/(?<name>[^/]+))?$/;

interface Stored {
  readonly plural: string;
  readonly object: KubernetesObject;
}

interface Scope {
  readonly plural: string;
  readonly namespace: string | undefined;
  /** `spec.nodeName=node-1` */
  readonly fields: readonly (readonly [path: string, value: string])[];
}

interface Change extends Stored {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
}

export class PlayedApi implements AsyncDisposable {
  readonly #server: Server;
  readonly #objects = new Map<string, Stored>();
  readonly #changes: Change[] = [];
  readonly #watches = new Set<{ readonly scope: Scope; readonly response: ServerResponse }>();
  #open = Promise.withResolvers<void>();

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => refuse(response, 500, String(error)));
    });
    this.#open.resolve();
  }

  static async open(): Promise<PlayedApi> {
    const api = new PlayedApi();
    await new Promise<void>((resolve) => api.#server.listen(0, "127.0.0.1", resolve));
    return api;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  get kubeconfig(): string {
    const { port } = this.#server.address() as AddressInfo;
    // The client's library takes HTTP from nobody who cares about certificates.
    const cluster = { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true };
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "played", cluster }],
      users: [{ name: "agent", user: {} }],
      contexts: [{ name: "played", context: { cluster: "played", user: "agent" } }],
      "current-context": "played",
    });
  }

  /** Answers nothing until {@link release}. */
  hold(): void {
    this.#open = Promise.withResolvers<void>();
  }

  release(): void {
    this.#open.resolve();
  }

  /** Makes an object, or replaces the one of that name. Its UID stays, or is made up. */
  put(plural: string, object: Omit<KubernetesObject, "apiVersion" | "kind">): KubernetesObject {
    const { namespace = "", name, uid } = object.metadata;
    const key = keyOf(plural, namespace, name);
    const before = this.#objects.get(key)?.object;
    const version = this.#changes.length + 2;
    const stored = {
      ...object,
      metadata: {
        creationTimestamp: `${new Date().toISOString().slice(0, 19)}Z`,
        ...before?.metadata,
        ...object.metadata,
        uid: uid ?? before?.metadata.uid ?? `uid-${version}`,
        resourceVersion: String(version),
      },
    } as unknown as KubernetesObject;
    this.#objects.set(key, { plural, object: stored });
    this.#tell({ plural, object: stored, version, type: before === undefined ? "ADDED" : "MODIFIED" });
    return stored;
  }

  remove(plural: string, namespace: string, name: string): void {
    const key = keyOf(plural, namespace, name);
    const found = this.#objects.get(key);
    if (found === undefined) throw new Error(`there is no ${key}`);
    this.#objects.delete(key);
    const version = this.#changes.length + 2;
    const { metadata } = found.object;
    const object = { ...found.object, metadata: { ...metadata, resourceVersion: String(version) } };
    this.#tell({ plural, object, version, type: "DELETED" });
  }

  /** All of a kind. */
  all(plural: string): readonly KubernetesObject[] {
    return [...this.#objects.values()].filter((one) => one.plural === plural).map(({ object }) => object);
  }

  #tell(change: Change): void {
    this.#changes.push(change);
    for (const { scope, response } of this.#watches) if (isIn(scope, change)) response.write(lineOf(change));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://played");
    const body = await text(request);
    await this.#open.promise;
    const parts = PATH.exec(url.pathname)?.groups;
    if (parts === undefined) return refuse(response, 404, `there is no ${url.pathname}`);
    const { plural = "", namespace, name } = parts;
    const fields = (url.searchParams.get("fieldSelector") ?? "")
      .split(",")
      .filter((one) => one !== "")
      .map((one) => one.split("=") as [string, string]);
    const scope = { plural, namespace, fields };
    if (request.method === "POST") {
      const object = JSON.parse(body) as KubernetesObject;
      return say(
        response,
        201,
        this.put(plural, { ...object, metadata: { ...object.metadata, namespace } as never }),
      );
    }
    if (name !== undefined) {
      const found = this.#objects.get(keyOf(plural, namespace ?? "", name))?.object;
      if (found === undefined) return refuse(response, 404, `${plural} "${name}" not found`, "NotFound");
      if (request.method === "GET") return say(response, 200, found);
      // What is said of an event again: its own fields.
      const steps = JSON.parse(body) as readonly { readonly path: string; readonly value: unknown }[];
      const changed = Object.fromEntries(steps.map(({ path, value }) => [path.slice(1), value]));
      return say(response, 200, this.put(plural, { ...found, ...changed }));
    }
    if (url.searchParams.has("watch"))
      return this.#watch(scope, Number(url.searchParams.get("resourceVersion")), response);
    const items = [...this.#objects.values()].filter((one) => isIn(scope, one)).map(({ object }) => object);
    say(response, 200, { items, metadata: { resourceVersion: String(this.#changes.length + 1) } });
  }

  #watch(scope: Scope, version: number, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    for (const change of this.#changes)
      if (change.version > version && isIn(scope, change)) response.write(lineOf(change));
    const watch = { scope, response };
    this.#watches.add(watch);
    response.on("close", () => this.#watches.delete(watch));
  }
}

const keyOf = (plural: string, namespace: string, name: string) => `${plural}/${namespace}/${name}`;

function isIn({ plural, namespace, fields }: Scope, one: Stored): boolean {
  const { object } = one;
  if (one.plural !== plural || (namespace !== undefined && object.metadata.namespace !== namespace))
    return false;
  return fields.every(([path, value]) => fieldAt(object, path) === value);
}

function fieldAt(object: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((at, key) => (at as Readonly<Record<string, unknown>> | undefined)?.[key], object);
}

function lineOf({ type, object }: Change): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function say(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

function refuse(response: ServerResponse, code: number, message: string, reason = ""): void {
  say(response, code, { kind: "Status", code, reason, message });
}
