import { readService, type ServiceFact } from "../../facts/services.ts";
import type { Fact } from "../../facts/fact.ts";
import { known } from "../../facts/fact.ts";
import type { Target } from "../party.ts";
import type { Question } from "../question.ts";
import { toAddress, toResolved } from "./address.ts";
import { type Asking, familiesOf, unseen } from "./asking.ts";
import { toService } from "./service.ts";

/** `--to HOST:PORT`: an address, a Service by its name, or a name that the local resolver knows. */
export async function toHost(
  asking: Asking,
  { host, isAddress, protocol, port }: Extract<Question, { kind: "to" }>,
): Promise<readonly Target[]> {
  const shown = host.includes(":") ? `[${host}]` : host;
  const what = {
    asked: "to",
    title: `to ${shown}:${port}${protocol === "udp" ? "/udp" : ""}`,
    protocol,
    port,
  } as const;
  if (isAddress) return toAddress(asking, what, host, host);
  const { pod } = asking.facts;
  const service = await serviceCalled(asking, host);
  if (!service.known) return [unseen(what, service.gap)];
  const own = familiesOf(pod);
  const families = own.length === 0 ? ([4, 6] as const) : own;
  if (service.value === undefined) return toResolved(asking, what, host, families);
  const { type, externalName = "" } = service.value;
  if (type === "ExternalName") return toResolved(asking, what, externalName.replace(/\.$/, ""), families);
  return toService(asking, service.value, what);
}

/** As a pod's resolver would find it: NAME of its own namespace, NAME.NAMESPACE, or with .svc and the cluster's domain. */
async function serviceCalled(
  { api, facts: { pod } }: Asking,
  host: string,
): Promise<Fact<ServiceFact | undefined>> {
  const [, short = host] = /^(.+)\.svc(?:\.cluster\.local)?$/.exec(host) ?? [];
  const [name = "", namespace = pod.namespace, ...more] = short.split(".");
  return more.length > 0 ? known(undefined) : readService(api, namespace, name);
}
