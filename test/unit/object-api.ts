import type { Connection, HttpAnswer, HttpRequest } from "../../src/kubernetes/connection.ts";

type Json = Readonly<Record<string, unknown>>;

/** An API server in memory with a few objects by their paths: reads, lists, JSON patches, and watches that hear nothing. */
export class ObjectApi implements Connection {
  /** By path; an object's version is its resourceVersion. */
  readonly objects = new Map<string, Json>();
  /** Method and path of each request that no watch is. */
  readonly requests: string[] = [];
  /** Statuses by which the next requests fail that begin so. */
  readonly faults: { readonly begin: string; readonly status: number }[] = [];
  private version = 1;

  put(path: string, object: Json): void {
    this.version += 1;
    const metadata = object["metadata"] as Json | undefined;
    const name = path.slice(path.lastIndexOf("/") + 1);
    const resourceVersion = String(this.version);
    this.objects.set(path, { ...object, metadata: { name, ...metadata, resourceVersion } });
  }

  async send({ method, path, body, signal }: HttpRequest): Promise<HttpAnswer> {
    signal.throwIfAborted();
    const url = new URL(path, "http://memory");
    if (url.searchParams.has("watch")) return { status: 200, headers: {}, body: silence(signal) };
    this.requests.push(`${method} ${url.pathname}`);
    const fault = this.faults[0];
    if (fault !== undefined && `${method} ${path}`.startsWith(fault.begin)) {
      this.faults.shift();
      return json(fault.status, { message: `refused with ${fault.status}`, code: fault.status });
    }
    if (method === "PATCH") this.patch(url.pathname, JSON.parse(body ?? "") as readonly Step[]);
    const object = this.objects.get(url.pathname);
    if (object !== undefined) return json(200, object);
    const items = [...this.objects].flatMap(([at, one]) => (at.startsWith(`${url.pathname}/`) ? [one] : []));
    return /\/(?:secrets|serviceaccounts|mutatingwebhookconfigurations)\/[^/]*$/.test(url.pathname)
      ? json(404, { reason: "NotFound", message: "not found", code: 404 })
      : json(200, { items, metadata: { resourceVersion: String(this.version) } });
  }

  /** Steps that add to an object, or to the first of its webhooks; the only test is of the version. */
  private patch(path: string, steps: readonly Step[]): void {
    const object = structuredClone(this.objects.get(path)) as Record<string, unknown>;
    for (const { op, path: pointer, value } of steps) {
      const keys = pointer.slice(1).split("/");
      const last = keys.pop() ?? "";
      const target = keys.reduce((at, key) => at[key] as Record<string, unknown>, object);
      if (op === "add") target[last] = value;
      else if (target[last] !== value)
        throw new Error(`${pointer} is ${String(target[last])}, not ${String(value)}`);
    }
    this.put(path, object);
  }
}

interface Step {
  readonly op: "add" | "test";
  readonly path: string;
  readonly value: unknown;
}

function json(status: number, value: object): HttpAnswer {
  return { status, headers: {}, body: chunks(Buffer.from(JSON.stringify(value))) };
}

async function* chunks(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

async function* silence(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  yield Buffer.of();
}
