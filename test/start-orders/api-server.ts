import type { Connection, HttpAnswer, HttpRequest } from "../../src/kubernetes/connection.ts";
import { KubernetesError } from "../../src/kubernetes/error.ts";
import type { ModelClock } from "./clock.ts";

/** An object as JSON has it. */
export interface ApiObject {
  readonly metadata: {
    readonly namespace?: string;
    readonly name: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

interface Change {
  readonly version: number;
  readonly at: number;
  readonly plural: string;
  readonly object: ApiObject;
  readonly before: ApiObject | undefined;
  readonly isDeletion: boolean;
}

/** When modelled time begins, in milliseconds since 1970. */
export const BEGINNING = Date.UTC(2026, 10, 28, 12);

/** /api/v1 or /apis/GROUP/VERSION, then namespaces/NAMESPACE, the plural, and a name. */
const PATH = /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/;

/** An API server as far as the agent and its surroundings can tell: versions, watches that lag, JSON patches, outages. */
export class ModelApiServer {
  isUp = false;
  /** Called after each change of an object, and when it comes up. */
  changed: () => void = () => undefined;
  /** Hears of each patch of a CNINode, before it applies. */
  patching: () => void = () => undefined;
  /** Hears of each list or watch of pods. */
  listing: () => void = () => undefined;
  /** Hears of each event that is made. */
  told: (uid: string, reason: string, message: string) => void = () => undefined;
  private readonly clock: ModelClock;
  /** How late a watch of these objects is, in milliseconds. */
  private readonly lagOf: (plural: string) => number;
  private version = 100;
  private uids = 0;
  private readonly objects = new Map<string, Map<string, ApiObject>>();
  private readonly changes: Change[] = [];
  private readonly watches = new Set<Watch>();

  constructor(clock: ModelClock, lagOf: (plural: string) => number) {
    this.clock = clock;
    this.lagOf = lagOf;
  }

  comeUp(): void {
    this.isUp = true;
    this.changed();
  }

  goDown(): void {
    this.isUp = false;
    for (const watch of this.watches) watch.break();
    this.watches.clear();
  }

  get(plural: string, name: string, namespace = ""): ApiObject | undefined {
    return this.objects.get(plural)?.get(`${namespace}/${name}`);
  }

  list(plural: string): ApiObject[] {
    return [...(this.objects.get(plural)?.values() ?? [])];
  }

  /** Makes or replaces it, and returns it as it is now. */
  put(plural: string, object: ApiObject): ApiObject {
    const key = `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
    const all = this.objects.get(plural) ?? new Map<string, ApiObject>();
    const before = all.get(key);
    this.version += 1;
    const born = before === undefined ? this.born() : {};
    const metadata = { ...object.metadata, ...born, resourceVersion: String(this.version) };
    const now = { ...object, metadata };
    all.set(key, now);
    this.objects.set(plural, all);
    this.record({ plural, object: now, before, isDeletion: false });
    return now;
  }

  delete(plural: string, name: string, namespace = ""): void {
    const before = this.get(plural, name, namespace);
    if (before === undefined) return;
    this.objects.get(plural)?.delete(`${namespace}/${name}`);
    this.version += 1;
    const object = {
      ...before,
      metadata: { ...before.metadata, resourceVersion: String(this.version) },
    };
    this.record({ plural, object, before, isDeletion: true });
  }

  /** Of one process, whose requests are `effect`s of it. It may not use the resource `denied`. */
  connectionOf(effect: <T>(what: string, happen: () => T) => T | "dead", denied?: string): Connection {
    return {
      send: async (request) => {
        const { method, path } = request;
        request.signal.throwIfAborted();
        const answer = effect(`${method} ${path}`, () =>
          denied !== undefined && path.includes(`/${denied}`) && this.isUp
            ? json(403, { kind: "Status", reason: "Forbidden", message: "forbidden", code: 403 })
            : this.answer(request),
        );
        // A dead process hears of nothing any more.
        return answer === "dead" ? new Promise<never>(() => undefined) : answer;
      },
    };
  }

  private born(): { uid: string; creationTimestamp: string } {
    this.uids += 1;
    const time = new Date(BEGINNING + this.clock.now).toISOString();
    return { uid: `uid-${this.uids}`, creationTimestamp: `${time.slice(0, 19)}Z` };
  }

  private record(change: Omit<Change, "version" | "at">): void {
    const whole = { ...change, version: this.version, at: this.clock.now };
    this.changes.push(whole);
    for (const watch of this.watches) this.deliver(watch, whole);
    this.changed();
  }

  private answer({ method, path, body = "", signal }: HttpRequest): HttpAnswer {
    if (!this.isUp) throw new KubernetesError("retry", `${method} ${path}`, "connect ECONNREFUSED");
    const url = new URL(path, "http://model");
    const [, namespace, plural = "", name] = PATH.exec(url.pathname) ?? [];
    switch (method) {
      case "GET": {
        if (name !== undefined) return this.one(this.get(plural, name, namespace));
        if (plural === "pods") this.listing();
        const matches = selector(url.searchParams.get("fieldSelector") ?? "", namespace);
        return url.searchParams.has("watch")
          ? this.watch(plural, matches, Number(url.searchParams.get("resourceVersion")), signal)
          : json(200, {
              metadata: { resourceVersion: String(this.version) },
              items: this.list(plural).filter(matches),
            });
      }
      case "POST":
        return this.makeEvent(JSON.parse(body) as ApiObject);
      case "PATCH": {
        const found = this.get(plural, name ?? "", namespace);
        if (found === undefined) return this.one(found);
        if (plural === "cninodes") this.patching();
        return this.patch(plural, found, JSON.parse(body) as Step[]);
      }
      case "PUT":
      case "DELETE":
        throw new Error(`the model has no ${method} ${path}`);
    }
  }

  private one(object: ApiObject | undefined): HttpAnswer {
    if (object !== undefined) return json(200, object);
    return json(404, { kind: "Status", reason: "NotFound", message: "not found", code: 404 });
  }

  private makeEvent(event: ApiObject): HttpAnswer {
    const { name, namespace } = event.metadata;
    if (this.get("events", name, namespace) !== undefined)
      return json(409, { kind: "Status", reason: "AlreadyExists", message: "it exists", code: 409 });
    const { involvedObject, reason, message } = event as unknown as {
      readonly involvedObject: { readonly uid: string };
      readonly reason: string;
      readonly message: string;
    };
    const made = this.put("events", event);
    this.told(involvedObject.uid, reason, message);
    return json(201, made);
  }

  private patch(plural: string, object: ApiObject, steps: readonly Step[]): HttpAnswer {
    const copy = structuredClone(object);
    for (const step of steps) {
      if (!applied(copy, step))
        return json(422, { kind: "Status", reason: "Invalid", message: "it does not apply", code: 422 });
    }
    return json(200, this.put(plural, copy));
  }

  private watch(
    plural: string,
    matches: (object: ApiObject) => boolean,
    version: number,
    signal: AbortSignal,
  ): HttpAnswer {
    const watch = new Watch(plural, matches, signal, () => this.watches.delete(watch));
    this.watches.add(watch);
    for (const change of this.changes) if (change.version > version) this.deliver(watch, change);
    return { status: 200, headers: {}, body: watch };
  }

  private deliver(watch: Watch, { plural, object, before, isDeletion, at }: Change): void {
    if (plural !== watch.plural) return;
    const was = before !== undefined && watch.matches(before);
    const is = !isDeletion && watch.matches(object);
    if (!was && !is) return;
    const type = is ? (was ? "MODIFIED" : "ADDED") : "DELETED";
    const line = `${JSON.stringify({ type, object })}\n`;
    const late = at + this.lagOf(plural) - this.clock.now;
    if (late <= 0) watch.push(line);
    else this.clock.after(late, () => watch.push(line));
  }
}

interface Step {
  readonly op: "test" | "add";
  readonly path: string;
  readonly value: unknown;
}

/** A step of a JSON patch: only what the agent uses. False when it does not apply. */
function applied(object: object, { op, path, value }: Step): boolean {
  const keys = path.split("/").slice(1);
  const last = keys.pop() ?? "";
  let at = object as Record<string, unknown>;
  for (const key of keys) {
    const next = at[key];
    if (typeof next !== "object" || next === null) return false;
    at = next as Record<string, unknown>;
  }
  if (op === "test") return at[last] === value;
  if (Array.isArray(at) && last === "-") at.push(value);
  else at[last] = value;
  return true;
}

function selector(fields: string, namespace: string | undefined): (object: ApiObject) => boolean {
  const [field, value] = fields.split("=");
  return ({ metadata, ["spec"]: spec }) => {
    if (namespace !== undefined && metadata.namespace !== namespace) return false;
    if (field === "metadata.name") return metadata.name === value;
    if (field === "spec.nodeName") return (spec as { readonly nodeName?: string }).nodeName === value;
    return true;
  };
}

function json(status: number, value: object): HttpAnswer {
  return { status, headers: {}, body: once(Buffer.from(JSON.stringify(value))) };
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

/** The body of a watch. */
class Watch implements AsyncIterable<Uint8Array> {
  readonly plural: string;
  readonly matches: (object: ApiObject) => boolean;
  private readonly signal: AbortSignal;
  private readonly lines: Uint8Array[] = [];
  private isBroken = false;
  private wake = Promise.withResolvers<void>();

  constructor(
    plural: string,
    matches: (object: ApiObject) => boolean,
    signal: AbortSignal,
    closed: () => void,
  ) {
    this.plural = plural;
    this.matches = matches;
    this.signal = signal;
    signal.addEventListener("abort", () => {
      closed();
      this.wake.resolve();
    });
  }

  push(line: string): void {
    this.lines.push(Buffer.from(line));
    this.wake.resolve();
  }

  break(): void {
    this.isBroken = true;
    this.wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.signal.throwIfAborted();
      if (this.isBroken) throw new KubernetesError("retry", "GET", "socket hang up");
      const line = this.lines.shift();
      if (line !== undefined) yield line;
      else {
        await this.wake.promise;
        this.wake = Promise.withResolvers<void>();
      }
    }
  }
}
