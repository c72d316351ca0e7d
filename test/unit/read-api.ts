import type { Api } from "../../src/facts/api.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { Connection, HttpAnswer, HttpRequest } from "../../src/kubernetes/connection.ts";

type Json = Readonly<Record<string, unknown>>;

/** An API server in memory that is only read: objects by their paths, selectors of fields and labels, and what it forbids. */
export class ReadApi implements Connection {
  readonly objects: Readonly<Record<string, Json>>;
  /** Plurals of resources that nobody may read. */
  readonly forbidden: readonly string[];
  readonly requests: string[] = [];

  constructor(objects: Readonly<Record<string, Json>>, forbidden: readonly string[] = []) {
    this.objects = objects;
    this.forbidden = forbidden;
  }

  get api(): Api {
    return { client: new KubernetesClient(this), signal: new AbortController().signal };
  }

  async send({ path }: HttpRequest): Promise<HttpAnswer> {
    const { pathname, searchParams } = new URL(path, "http://memory");
    this.requests.push(`${pathname}${searchParams.get("fieldSelector") ?? ""}`);
    if (pathname.split("/").some((part) => this.forbidden.includes(part)))
      return answer(403, { reason: "Forbidden", message: "forbidden" });
    const object = this.objects[pathname];
    if (object !== undefined) return answer(200, named(pathname, object));
    // The paths of collections are those with an even number of parts after the version; objects are the others.
    if (isObject(pathname)) return answer(404, { reason: "NotFound", message: "not found" });
    const items = Object.entries(this.objects)
      .filter(([at]) => isOf(pathname, at))
      .map(([at, one]) => named(at, one))
      .filter((one) => matches(one, searchParams.get("fieldSelector"), false))
      .filter((one) => matches(one, searchParams.get("labelSelector"), true));
    return answer(200, { items, metadata: { resourceVersion: "1" } });
  }
}

const PARTS = /^\/(?:api\/[^/]+|apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?(?:\/([^/]+))?(?:\/([^/]+))?$/;

function isObject(path: string): boolean {
  return PARTS.exec(path)?.[3] !== undefined;
}

function isOf(collection: string, path: string): boolean {
  const [, namespace, plural] = PARTS.exec(collection) ?? [];
  const [, its, kind] = PARTS.exec(path) ?? [];
  return kind === plural && (namespace === undefined || namespace === its);
}

function named(path: string, object: Json): Json {
  const [, namespace, , name] = PARTS.exec(path) ?? [];
  const metadata = { ...(namespace !== undefined && { namespace }), name, uid: `uid-${name ?? ""}` };
  return { ...object, metadata: { ...metadata, ...(object["metadata"] as Json | undefined) } };
}

function matches(object: Json, selector: string | null, isLabel: boolean): boolean {
  if (selector === null) return true;
  return selector.split(",").every((one) => {
    const [key = "", value] = one.split("=");
    const path = isLabel ? ["metadata", "labels", key] : key.split(".");
    const found = path.reduce<unknown>((at, part) => (at as Json | undefined)?.[part], object);
    return found === value;
  });
}

function answer(status: number, body: Json): HttpAnswer {
  return { status, headers: {}, body: bytes(JSON.stringify({ code: status, ...body })) };
}

async function* bytes(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(text);
}
