import { type Fields, fieldsOf, itemsOf, textOf, textsByKey } from "../kubernetes/fields.ts";
import { readMetadata } from "../kubernetes/metadata.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { type Api, getFact, listFact } from "./api.ts";
import type { Fact } from "./fact.ts";

/** Services and their endpoints. */

export interface ServiceFact {
  readonly namespace: string;
  readonly name: string;
  /** ClusterIP, NodePort, LoadBalancer or ExternalName. */
  readonly type: string;
  /** Without "None", so a headless Service has none. */
  readonly clusterIps: readonly string[];
  /** Of an ExternalName. */
  readonly externalName: string | undefined;
  readonly ports: readonly ServicePort[];
  readonly selector: Readonly<Record<string, string>>;
}

export interface ServicePort {
  readonly name: string | undefined;
  readonly port: number;
  /** TCP, UDP or SCTP. */
  readonly protocol: string;
}

/** A discovery.k8s.io/v1 EndpointSlice. */
export interface EndpointSliceFact {
  readonly namespace: string;
  readonly service: string;
  readonly ports: readonly ServicePort[];
  readonly endpoints: readonly EndpointFact[];
}

export interface EndpointFact {
  readonly addresses: readonly string[];
  readonly isReady: boolean;
  readonly node: string | undefined;
  /** The pod's name, in the slice's namespace. */
  readonly pod: string | undefined;
}

export function readServices(api: Api, namespace?: string): Promise<Fact<readonly ServiceFact[]>> {
  return listFact(api, SERVICES, namespace === undefined ? {} : { namespace });
}

export function readService(
  api: Api,
  namespace: string,
  name: string,
): Promise<Fact<ServiceFact | undefined>> {
  return getFact(api, SERVICES, { namespace, name });
}

/** Those that have the address as their first ClusterIP: one, or none. */
export function readServicesAt(api: Api, clusterIp: string): Promise<Fact<readonly ServiceFact[]>> {
  return listFact(api, SERVICES, { fieldSelector: `spec.clusterIP=${clusterIp}` });
}

/** Those of one Service, or of a namespace, or all. */
export function readEndpointSlices(
  api: Api,
  namespace?: string,
  service?: string,
): Promise<Fact<readonly EndpointSliceFact[]>> {
  return listFact(api, ENDPOINT_SLICES, {
    ...(namespace !== undefined && { namespace }),
    ...(service !== undefined && { labelSelector: `${SERVICE_LABEL}=${service}` }),
  });
}

const SERVICE_LABEL = "kubernetes.io/service-name";

export const SERVICES: Resource<ServiceFact> = {
  group: "",
  version: "v1",
  plural: "services",
  kind: "Service",
  isNamespaced: true,
  read(object) {
    const { namespace, name } = readMetadata(object);
    const { type, clusterIP, clusterIPs, externalName, ports, selector } = fieldsOf(fieldsOf(object)["spec"]);
    const all = [...itemsOf(clusterIPs), clusterIP].flatMap((one) => textOf(one) ?? []);
    return {
      namespace,
      name,
      type: textOf(type) ?? "ClusterIP",
      clusterIps: [...new Set(all)].filter((one) => one !== "" && one !== "None"),
      externalName: textOf(externalName),
      ports: portsOf(ports),
      selector: textsByKey(selector),
    };
  },
};

export const ENDPOINT_SLICES: Resource<EndpointSliceFact> = {
  group: "discovery.k8s.io",
  version: "v1",
  plural: "endpointslices",
  kind: "EndpointSlice",
  isNamespaced: true,
  read(object) {
    const { namespace, labels } = readMetadata(object);
    const { ports, endpoints } = fieldsOf(object);
    return {
      namespace,
      service: labels[SERVICE_LABEL] ?? "",
      ports: portsOf(ports),
      endpoints: itemsOf(endpoints).map((one) => endpointOf(fieldsOf(one))),
    };
  },
};

function portsOf(ports: unknown): ServicePort[] {
  return itemsOf(ports)
    .map(fieldsOf)
    .flatMap(({ name, port, protocol }) =>
      typeof port === "number"
        ? [{ name: textOf(name) || undefined, port, protocol: textOf(protocol) ?? "TCP" }]
        : [],
    );
}

function endpointOf({ addresses, conditions, nodeName, targetRef }: Fields): EndpointFact {
  const target = fieldsOf(targetRef);
  return {
    addresses: itemsOf(addresses).flatMap((one) => textOf(one) ?? []),
    // An absent condition means ready.
    isReady: fieldsOf(conditions)["ready"] !== false,
    node: textOf(nodeName),
    pod: target["kind"] === "Pod" ? textOf(target["name"]) : undefined,
  };
}
