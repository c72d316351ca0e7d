import type { KubernetesClient, Scope } from "../kubernetes/client.ts";
import { KubernetesError } from "../kubernetes/error.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { type Fact, type Gap, known, unknown } from "./fact.ts";

/** Reading the API server: what it refuses is a fact. */

export interface Api {
  readonly client: KubernetesClient;
  readonly signal: AbortSignal;
}

/** All objects of a scope. Rejects with the signal's reason only. */
export async function listFact<T>(
  { client, signal }: Api,
  resource: Resource<T>,
  scope: Scope = {},
): Promise<Fact<readonly T[]>> {
  try {
    const list = await client.listIfServed(resource, scope, signal);
    return list === undefined ? unknown(absent(resource)) : known(list.items);
  } catch (error) {
    return unknown(gapOf(error, "list", resource, scope.namespace));
  }
}

/** One object; undefined when there is none of that name. Rejects with the signal's reason only. */
export async function getFact<T>(
  { client, signal }: Api,
  resource: Resource<T>,
  object: { readonly namespace?: string; readonly name: string },
): Promise<Fact<T | undefined>> {
  try {
    return known(await client.get(resource, object, signal));
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return known(undefined);
    return unknown(gapOf(error, "get", resource, object.namespace));
  }
}

function absent({ plural, group }: Resource<unknown>): Gap {
  return {
    what: plural,
    reason: "absent",
    message: `the API server serves no ${plural}${group === "" ? "" : `.${group}`}`,
  };
}

function gapOf(error: unknown, verb: string, resource: Resource<unknown>, namespace?: string): Gap {
  if (!(error instanceof KubernetesError)) throw error;
  const { plural, group } = resource;
  const name = group === "" ? plural : `${plural}.${group}`;
  const gap = { what: plural, message: error.message };
  if (error.status !== 403) return { ...gap, reason: "failed" };
  const where = namespace === undefined ? "" : ` in ${namespace}`;
  return { ...gap, reason: "denied", permission: `${verb} ${name}${where}` };
}
