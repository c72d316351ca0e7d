import { LinkedAbort } from "../sys/linked-abort.ts";
import { parseJsonPlain } from "./plain-json.ts";
import type { Connection, HttpAnswer, HttpRequest } from "./connection.ts";
import { piecesOf, wholeOf } from "./content.ts";
import { KubernetesError, kindOfStatus } from "./error.ts";
import { type Fields, fieldsOf, itemsOf, textOf } from "./fields.ts";
import { linesOf } from "./lines.ts";
import { PROTOBUF, readStatus } from "./protobuf/answer.ts";
import { ProtobufError } from "./protobuf/wire.ts";
import { listInProtobuf, type OpenAnswer } from "./list-in-protobuf.ts";
import { collectionPath, groupPath, objectPath, type Resource } from "./resource.ts";
import { Turns } from "./turns.ts";
import { readWatchEvent, type WatchEvent } from "./watch-event.ts";

/**
 * Requests under way at once, without watches: each has a connection of its own, and an API server that is asked for
 * thousands of things at the same time answers none in time.
 */
const AT_ONCE = 32;
/** Of one request, from its turn to the last byte of its answer. */
const REQUEST_MS = 30_000;
/** Objects of a page. */
const PAGE = 500;
/** 500,000 objects: more are a defect of the server, or a token that it repeats. */
const MAX_PAGES = 1000;
/** Bytes of an event: etcd takes no object above 1.5 MiB, and JSON may escape. */
const MAX_EVENT = 16 * 1024 * 1024;

const PODS_PATH: Resource<unknown> = {
  group: "",
  version: "v1",
  plural: "pods",
  kind: "Pod",
  isNamespaced: true,
  read: (object) => object,
};

export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Which objects of a collection. */
export interface Scope {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface ListOf<T> {
  readonly items: readonly T[];
  /** Where a watch goes on. */
  readonly resourceVersion: string;
}

export interface WatchOptions {
  /** After which changes are wanted. */
  readonly resourceVersion: string;
  readonly seconds: number;
  /** Called once the server has begun to answer. */
  readonly opened?: () => void;
}

/** A step of a JSON patch (RFC 6902). */
export type PatchStep =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

export interface ClientOptions {
  /** Answers are asked for with gzip: a tenth of the bytes, for whoever is far away. */
  readonly compressed?: boolean;
}

/**
 * The Kubernetes API: one method an operation. Each rejects with a KubernetesError, or with the signal's reason; none
 * tries again. More requests than 32 at once wait for their turn, so what must not wait has a client of its own.
 */
export class KubernetesClient {
  private readonly connection: Connection;
  private readonly compressed: boolean;
  private readonly turns = new Turns(AT_ONCE);
  private date: number | undefined;

  constructor(connection: Connection, { compressed = false }: ClientOptions = {}) {
    this.connection = connection;
    this.compressed = compressed;
  }

  /** When the API server last answered, by its own clock: milliseconds since 1970, to the second. Undefined before that. */
  get serverTime(): number | undefined {
    return this.date;
  }

  /** Never from a cache: the API server answers as of the moment of the request. */
  async get<T>(resource: Resource<T>, object: ObjectName, signal: AbortSignal): Promise<T> {
    return resource.read(await this.json({ method: "GET", path: objectPath(resource, object), signal }));
  }

  /**
   * All objects of a scope, page by page. The first page is as of the moment of the request, and the others show the same
   * moment.
   */
  async list<T>(resource: Resource<T>, scope: Scope, signal: AbortSignal): Promise<ListOf<T>> {
    if (resource.message !== undefined) {
      const open = (from: string) =>
        this.open({ method: "GET", path: pagePath(resource, scope, from), signal, accept: PROTOBUF });
      return listInProtobuf(resource, resource.message, { most: MAX_PAGES, open });
    }
    const items: T[] = [];
    let next = "";
    for (let page = 0; page < MAX_PAGES; page++) {
      const path = pagePath(resource, scope, next);
      const list = fieldsOf(await this.json({ method: "GET", path, signal }));
      const metadata = fieldsOf(list["metadata"]);
      for (const item of itemsOf(list["items"])) items.push(resource.read(item));
      next = textOf(metadata["continue"]) ?? "";
      const resourceVersion = textOf(metadata["resourceVersion"]) ?? "";
      if (next !== "") continue;
      if (resourceVersion === "")
        throw new KubernetesError("retry", `GET ${path}`, "a list without a resourceVersion");
      return { items, resourceVersion };
    }
    throw new KubernetesError("retry", `list ${resource.plural}`, `more than ${MAX_PAGES} pages`);
  }

  /** The same, and undefined when the API server has no such resource: only its discovery can say that. */
  async listIfServed<T>(
    resource: Resource<T>,
    scope: Scope,
    signal: AbortSignal,
  ): Promise<ListOf<T> | undefined> {
    try {
      return await this.list(resource, scope, signal);
    } catch (error) {
      // Of a group that nobody serves the API server says no more than that the page is not there.
      if (!(error instanceof KubernetesError) || error.status !== 404) throw error;
      if (await this.isServed(resource, signal)) throw error;
      return undefined;
    }
  }

  /**
   * Changes after a version, with bookmarks, until the server ends the watch, after about `seconds`. Breaking out of the
   * loop ends the request. There is no limit to the silence between two events: the signal is to end it.
   */
  async *watch<T>(
    resource: Resource<T>,
    scope: Scope,
    { resourceVersion, seconds, opened = () => undefined }: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const path = withQuery(collectionPath(resource, scope.namespace), {
      ...selectors(scope),
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion,
      timeoutSeconds: String(seconds),
    });
    const request = `GET ${path}`;
    // A generator that is left runs its finally clause, which ends the request.
    using linked = new LinkedAbort(signal);
    try {
      const answer = await this.connection.send({ method: "GET", path, signal: linked.signal });
      if (answer.status !== 200) throw await refusal(request, answer);
      opened();
      for await (const line of linesOf(answer.body, MAX_EVENT, request)) {
        yield readWatchEvent(line, resource, request);
      }
    } finally {
      linked.abort(new Error("the watch is over"));
    }
  }

  async create<T>(
    resource: Resource<T>,
    namespace: string | undefined,
    object: object,
    signal: AbortSignal,
  ): Promise<T> {
    const path = collectionPath(resource, namespace);
    return resource.read(await this.json({ method: "POST", path, signal, ...jsonBody(object) }));
  }

  /** Replaces an object, or its subresource. With a resourceVersion in it: only if that is still its version. */
  async replace<T>(
    resource: Resource<T>,
    name: ObjectName,
    object: object,
    signal: AbortSignal,
    subresource?: string,
  ): Promise<T> {
    const path = objectPath(resource, name, subresource);
    return resource.read(await this.json({ method: "PUT", path, signal, ...jsonBody(object) }));
  }

  /** A JSON patch. When a test fails, or a path is not there: a KubernetesError of kind `conflict`. */
  async patch<T>(
    resource: Resource<T>,
    name: ObjectName,
    steps: readonly PatchStep[],
    signal: AbortSignal,
    subresource?: string,
  ): Promise<T> {
    const path = objectPath(resource, name, subresource);
    const body = JSON.stringify(steps);
    const request = {
      method: "PATCH",
      path,
      signal,
      body,
      contentType: "application/json-patch+json",
    } as const;
    return resource.read(await this.json(request));
  }

  /** Whether a JSON patch would be taken, by a dry run: rejects as the patch would. Changes nothing. */
  async tryPatch(
    resource: Resource<unknown>,
    name: ObjectName,
    steps: readonly PatchStep[],
    signal: AbortSignal,
  ): Promise<void> {
    const path = `${objectPath(resource, name)}?dryRun=All`;
    const contentType = "application/json-patch+json";
    await this.json({ method: "PATCH", path, signal, body: JSON.stringify(steps), contentType });
  }

  /** Evicts the pod of this UID and no other (policy/v1). Kind `retry` while a PodDisruptionBudget forbids it. */
  async evict(
    pod: { readonly namespace: string; readonly name: string; readonly uid: string },
    signal: AbortSignal,
  ) {
    const { namespace, name, uid } = pod;
    const path = `${objectPath(PODS_PATH, { namespace, name })}/eviction`;
    const eviction = {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { namespace, name },
      deleteOptions: { preconditions: { uid } },
    };
    await this.json({ method: "POST", path, signal, ...jsonBody(eviction) });
  }

  /** Deletes the object of this UID and no other. */
  async delete(
    resource: Resource<unknown>,
    name: ObjectName,
    uid: string,
    signal: AbortSignal,
  ): Promise<void> {
    const path = objectPath(resource, name);
    await this.json({ method: "DELETE", path, signal, ...jsonBody({ preconditions: { uid } }) });
  }

  /**
   * Whether the API server has the resource, by its discovery. Only what it lists can say that one is not there: a list of
   * groups without the group, or the group's list without the resource.
   */
  async isServed(resource: Resource<unknown>, signal: AbortSignal): Promise<boolean> {
    const { group, version, plural } = resource;
    if (group !== "") {
      const groups = await this.listed("/apis", "groups", signal);
      const found = groups.find(({ name }) => name === group);
      if (found === undefined) return false;
      if (!itemsOf(found["versions"]).some((one) => fieldsOf(one)["version"] === version)) return false;
    }
    return (await this.listed(groupPath(resource), "resources", signal)).some(({ name }) => name === plural);
  }

  /** A list of discovery. KubernetesError when it is not there, so that nothing is taken for absent. */
  private async listed(path: string, field: string, signal: AbortSignal): Promise<readonly Fields[]> {
    const list = fieldsOf(await this.json({ method: "GET", path, signal }))[field];
    if (Array.isArray(list)) return list.map(fieldsOf);
    throw new KubernetesError("retry", `GET ${path}`, `the answer has no ${field}`);
  }

  /** The last lines of a pod's log, of its only container; its kubelet is asked for them. */
  log(pod: ObjectName, tailLines: number, signal: AbortSignal): Promise<string> {
    const path = withQuery(objectPath(PODS_PATH, pod, "log"), { tailLines: String(tailLines) });
    return this.text({ method: "GET", path, signal });
  }

  private async json(request: HttpRequest): Promise<unknown> {
    return parseJsonPlain(await this.text(request), `${request.method} ${request.path}`);
  }

  private async text(request: HttpRequest): Promise<string> {
    return (await this.bytes(request)).toString("utf8");
  }

  private async bytes(request: HttpRequest): Promise<Buffer> {
    using answer = await this.open(request);
    const pieces: Uint8Array[] = [];
    for await (const piece of answer.pieces) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** Its turn and its time end when it is disposed of. */
  private async open({ signal, ...request }: HttpRequest): Promise<OpenAnswer> {
    const words = `${request.method} ${request.path}`;
    using opened = new DisposableStack();
    opened.use(await this.turns.take(signal));
    const linked = opened.use(new LinkedAbort(signal));
    const limit = setTimeout(
      () => linked.abort(new KubernetesError("retry", words, `no answer after ${REQUEST_MS / 1000} s`)),
      REQUEST_MS,
    );
    opened.defer(() => clearTimeout(limit));
    const { compressed: acceptGzip } = this;
    const answer = await this.connection.send({ ...request, acceptGzip, signal: linked.signal });
    this.date = dateOf(answer.headers["date"]) ?? this.date;
    if (answer.status < 200 || answer.status > 299) throw await refusal(words, answer);
    const read = untilEnd(piecesOf(answer, words));
    // What nobody has read to its end keeps its connection otherwise.
    opened.defer(() => {
      if (!read.isAtEnd) linked.abort(new Error("nobody reads the answer"));
    });
    const held = opened.move();
    return { pieces: read.pieces, request: words, [Symbol.dispose]: () => held.dispose() };
  }
}

function untilEnd<T>(all: AsyncIterable<T>) {
  const read = { isAtEnd: false, pieces: pieces() };
  return read;
  async function* pieces(): AsyncGenerator<T, void, undefined> {
    for await (const one of all) yield one;
    read.isAtEnd = true;
  }
}

function dateOf(header: unknown): number | undefined {
  const at = typeof header === "string" ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

function jsonBody(object: object): Pick<HttpRequest, "body" | "contentType"> {
  return { body: JSON.stringify(object), contentType: "application/json" };
}

/** The path of a page of a list; `from` is where the page before it ended, empty for the first. */
function pagePath(resource: Resource<unknown>, scope: Scope, from: string): string {
  return withQuery(collectionPath(resource, scope.namespace), {
    ...selectors(scope),
    limit: String(PAGE),
    continue: from,
  });
}

function selectors({ fieldSelector = "", labelSelector = "" }: Scope): Record<string, string> {
  return { fieldSelector, labelSelector };
}

/** Without the parameters that are empty. */
function withQuery(path: string, parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ""));
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

/** Most characters of a text that is no Status, such as a proxy's page. */
const MAX_WORDS = 300;

/** The error for an answer that is not a success: its metav1.Status, or what else it says. */
async function refusal(request: string, { status, headers, body }: HttpAnswer): Promise<KubernetesError> {
  let text: string;
  let said: unknown;
  try {
    const bytes = await wholeOf({ headers, body }, request);
    const isProtobuf = headers["content-type"] === PROTOBUF;
    text = isProtobuf ? "" : bytes.toString("utf8");
    said = isProtobuf ? readStatus(bytes) : jsonOf(text);
  } catch (cause) {
    text = cause instanceof KubernetesError || cause instanceof ProtobufError ? "" : String(cause);
  }
  const fields = fieldsOf(said);
  const reason = textOf(fields["reason"]) ?? "";
  const message = textOf(fields["message"]) ?? text.trim().replaceAll(/\s+/g, " ").slice(0, MAX_WORDS);
  const words = message === "" ? `status ${status}` : `${message} (${status})`;
  const details = fieldsOf(fields["details"]);
  // The API server says no more of a JSON patch that does not apply: a test that failed, a path that is not there.
  const isStale = status === 422 && request.startsWith("PATCH ") && details["causes"] === undefined;
  return new KubernetesError(
    isStale ? "conflict" : kindOfStatus(status, reason),
    request,
    isStale ? "the patch does not apply to the object as it is now (422)" : words,
    { status, reason, retryAfterMs: retryAfter(headers["retry-after"], details["retryAfterSeconds"]) },
  );
}

/** Undefined for what is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Longer than this is nobody told. */
const LONGEST_RETRY_AFTER_S = 300;

/** Retry-After as seconds; its form as a date is none of the API server's. */
function retryAfter(header: unknown, detail: unknown): number {
  const seconds = typeof header === "string" ? Number(header) : Number(detail);
  return seconds > 0 ? Math.min(seconds, LONGEST_RETRY_AFTER_S) * 1000 : 0;
}
