import { LEASES, type LeaseObject } from "../kubernetes/lease-record.ts";
import { type Api, listFact } from "./api.ts";
import type { Fact } from "./fact.ts";

/** Leases of a name, in all namespaces. */
export function readLeases(api: Api, name: string): Promise<Fact<readonly LeaseObject[]>> {
  return listFact(api, LEASES, { fieldSelector: `metadata.name=${name}` });
}
