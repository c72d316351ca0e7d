import type { PatchStep } from "../../kubernetes/client.ts";
import { fieldsOf, isFields, itemsOf, textOf, textsByKey, type Fields } from "../../kubernetes/fields.ts";
import { type KubernetesObject, readMetadata } from "../../kubernetes/metadata.ts";
import type { Resource } from "../../kubernetes/resource.ts";
import { type Authority, certificatesOf, readAuthority } from "./certificates.ts";
import { REVIEW_PATH } from "./server.ts";

/** The objects that the webhook's certificates are in: a Secret, and the registration at the API server. */

export interface Secret extends KubernetesObject {
  /** As text, not in base64. */
  readonly data: Readonly<Record<string, string>>;
}

export const SECRETS: Resource<Secret> = {
  group: "",
  version: "v1",
  plural: "secrets",
  kind: "Secret",
  isNamespaced: true,
  read: (object) => ({
    metadata: readMetadata(object),
    data: Object.fromEntries(
      Object.entries(textsByKey(fieldsOf(object)["data"])).map(([key, value]) => [key, fromBase64(value)]),
    ),
  }),
};

export interface Registration extends KubernetesObject {
  /** Of the first webhook; undefined if there is none. */
  readonly clientConfig: Fields | undefined;
}

export const REGISTRATIONS: Resource<Registration> = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "mutatingwebhookconfigurations",
  kind: "MutatingWebhookConfiguration",
  isNamespaced: false,
  read(object) {
    const [first] = itemsOf(fieldsOf(object)["webhooks"]);
    return {
      metadata: readMetadata(object),
      clientConfig: isFields(first) ? fieldsOf(first["clientConfig"]) : undefined,
    };
  },
};

/** Where API servers find us. */
export interface Place {
  readonly namespace: string;
  /** Of a Service. */
  readonly service: string;
  /** Instead of the Service, for a controller outside of the cluster: https://HOST:PORT, the path is ours. */
  readonly webhookUrl?: string | undefined;
}

/** The names that a certificate has to be for. */
export function namesOf({ namespace, service, webhookUrl }: Place): readonly string[] {
  const ofService = [`${service}.${namespace}.svc`, `${service}.${namespace}`];
  // An IPv6 address is in brackets there.
  return webhookUrl === undefined
    ? ofService
    : [new URL(webhookUrl).hostname.replace(/^\[(.*)\]$/, "$1"), ...ofService];
}

export function isLeadingTo({ namespace, service, webhookUrl }: Place, config: Fields): boolean {
  if (webhookUrl !== undefined) return config["url"] === reviewUrl(webhookUrl);
  const is = fieldsOf(config["service"]);
  return (
    config["url"] === undefined &&
    is["namespace"] === namespace &&
    is["name"] === service &&
    is["path"] === REVIEW_PATH
  );
}

export function registeredIn({ caBundle }: Fields): readonly string[] {
  return certificatesOf(fromBase64(textOf(caBundle) ?? ""));
}

/** Registers a bundle and the place, in this version of the registration only. */
export function registering(
  { metadata, clientConfig = {} }: Registration,
  place: Place,
  bundle: readonly string[],
): readonly PatchStep[] {
  const { namespace, service: name, webhookUrl } = place;
  const service = isLeadingTo(place, clientConfig)
    ? clientConfig["service"]
    : { namespace, name, path: REVIEW_PATH };
  const where = webhookUrl === undefined ? { service } : { url: reviewUrl(webhookUrl) };
  return [
    isVersion(metadata.resourceVersion),
    {
      op: "add",
      path: "/webhooks/0/clientConfig",
      value: { ...where, caBundle: toBase64(bundle.join("")) },
    },
  ];
}

/** The Secret's authorities that are valid at a time, in milliseconds since 1970. */
export function authoritiesOf(
  { data }: Secret,
  now: number,
): { readonly current: Authority | undefined; readonly previous: Authority | undefined } {
  const read = (name: string) =>
    readAuthority({ certificate: data[`${name}.crt`] ?? "", key: data[`${name}.key`] ?? "" }, now);
  return { current: read("ca"), previous: read("previous") };
}

/** Puts a new authority before the current one, in this version of the Secret only. */
export function renewing(
  { metadata }: Secret,
  authority: Authority,
  current: Authority | undefined,
): readonly PatchStep[] {
  const before = current && { "previous.crt": current.certificate, "previous.key": current.key };
  const data = { "ca.crt": authority.certificate, "ca.key": authority.key, ...before };
  const value = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, toBase64(text)]));
  return [isVersion(metadata.resourceVersion), { op: "add", path: "/data", value }];
}

function isVersion(value: string): PatchStep {
  return { op: "test", path: "/metadata/resourceVersion", value };
}

function reviewUrl(webhookUrl: string): string {
  return new URL(REVIEW_PATH, webhookUrl).href;
}

function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function fromBase64(text: string): string {
  return Buffer.from(text, "base64").toString("utf8");
}
