import type { Connection, HttpAnswer, HttpRequest } from "../../src/kubernetes/connection.ts";
import { KubernetesError } from "../../src/kubernetes/error.ts";

/**
 * An API server in memory, with pods and nothing else, as far as a cache can tell the difference: versions, pages,
 * watches with bookmarks, and failures at will.
 */
export class ScriptedApi implements Connection {
  /** Of each request: method and path with the query. */
  readonly requests: string[] = [];
  /** Fails the next requests, in order: with an answer, or without one if it is a text. */
  readonly faults: (
    string | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  )[] = [];
  /** Whether the resource is served. */
  isServed = true;
  /** Watches from before this version are answered 410. */
  oldest = 0;
  pageSize = Number.POSITIVE_INFINITY;
  private version = 1;
  private readonly objects = new Map<string, object>();
  private readonly watches = new Set<Channel>();

  put(name: string, uid: string, more: { labels?: Record<string, string> } = {}): void {
    const type = this.objects.has(name) ? "MODIFIED" : "ADDED";
    const object = this.object(name, uid, more);
    this.objects.set(name, object);
    this.emit(type, object);
  }

  remove(name: string): void {
    const object = this.objects.get(name);
    this.objects.delete(name);
    this.emit("DELETED", { ...object, ...this.object(name, uidOf(object)) });
  }

  /** Removes without an event, as when a watch has missed it. */
  forget(name: string): void {
    this.objects.delete(name);
    this.version += 1;
  }

  bookmark(): void {
    this.version += 1;
    this.say(
      JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: String(this.version) } } }),
    );
  }

  /** Sends to all watches as it is. */
  say(line: string): void {
    for (const watch of this.watches) watch.push(Buffer.from(`${line}\n`));
  }

  /** Ends all watches, in order or by breaking the connection. */
  endWatches(how: "ended" | "broken" = "ended"): void {
    for (const watch of this.watches) watch.end(how === "broken");
    this.watches.clear();
  }

  get openWatches(): number {
    return this.watches.size;
  }

  async send({ method, path, signal }: HttpRequest): Promise<HttpAnswer> {
    this.requests.push(`${method} ${path}`);
    signal.throwIfAborted();
    const fault = this.faults.shift();
    if (typeof fault === "string") throw new KubernetesError("retry", `${method} ${path}`, fault);
    if (fault !== undefined) return answer(fault.status, fault.body ?? "", fault.headers);
    const url = new URL(path, "http://scripted");
    if (url.pathname === "/api/v1") {
      return json(200, { resources: this.isServed ? [{ name: "pods" }] : [] });
    }
    if (!this.isServed)
      return json(404, { reason: "NotFound", message: "the server could not find it", code: 404 });
    return url.searchParams.has("watch") ? this.watch(url.searchParams, signal) : this.list(url.searchParams);
  }

  private list(query: URLSearchParams): HttpAnswer {
    const from = Number(query.get("continue") ?? 0);
    const all = [...this.objects.values()];
    const end = from + Math.min(this.pageSize, Number(query.get("limit")));
    return json(200, {
      items: all.slice(from, end),
      metadata: { resourceVersion: String(this.version), ...(end < all.length && { continue: String(end) }) },
    });
  }

  private watch(query: URLSearchParams, signal: AbortSignal): HttpAnswer {
    const channel = new Channel(signal, () => this.watches.delete(channel));
    if (Number(query.get("resourceVersion")) < this.oldest) {
      const status = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
      channel.push(Buffer.from(`${JSON.stringify({ type: "ERROR", object: status })}\n`));
      channel.end(false);
    } else this.watches.add(channel);
    return { status: 200, headers: {}, body: channel };
  }

  private object(
    name: string,
    uid: string,
    { labels = {} }: { labels?: Record<string, string> } = {},
  ): object {
    this.version += 1;
    return { metadata: { namespace: "shop", name, uid, labels, resourceVersion: String(this.version) } };
  }

  private emit(type: string, object: object): void {
    this.say(JSON.stringify({ type, object }));
  }
}

function uidOf(object: object | undefined): string {
  return (object as { metadata: { uid: string } }).metadata.uid;
}

function json(status: number, value: object): HttpAnswer {
  return answer(status, JSON.stringify(value));
}

function answer(status: number, body: string, headers: Record<string, string> = {}): HttpAnswer {
  return { status, headers, body: once(Buffer.from(body)) };
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

/** A body that others write to. */
class Channel implements AsyncIterable<Uint8Array> {
  private readonly chunks: Uint8Array[] = [];
  private state: "open" | "ended" | "broken" = "open";
  private wake = Promise.withResolvers<void>();
  private readonly signal: AbortSignal;

  constructor(signal: AbortSignal, closed: () => void) {
    this.signal = signal;
    signal.addEventListener("abort", () => {
      closed();
      this.wake.resolve();
    });
  }

  push(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.wake.resolve();
  }

  end(isBroken: boolean): void {
    this.state = isBroken ? "broken" : "ended";
    this.wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.signal.throwIfAborted();
      const chunk = this.chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.state === "broken") throw new KubernetesError("retry", "GET", "socket hang up");
      else if (this.state === "ended") return;
      else {
        await this.wake.promise;
        this.wake = Promise.withResolvers<void>();
      }
    }
  }
}
