import { fieldsOf, itemsOf, textOf } from "../kubernetes/fields.ts";
import { readMetadata } from "../kubernetes/metadata.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { type Api, getFact, listFact } from "./api.ts";
import { type Fact, mapFact } from "./fact.ts";

/** What of branchline's is in the admission chain. */

/** A MutatingWebhookConfiguration. */
export interface WebhookFact {
  readonly name: string;
  readonly webhooks: readonly WebhookClient[];
}

export interface WebhookClient {
  readonly name: string;
  /** Undefined when it is by a URL. */
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number } | undefined;
  readonly url: string | undefined;
  readonly hasCaBundle: boolean;
  /** Ignore or Fail. */
  readonly failurePolicy: string;
}

/** An admission policy with its bindings: `Validating`, or `Mutating`. */
export interface AdmissionPolicyFact {
  readonly kind: "Validating" | "Mutating";
  readonly name: string;
  readonly failurePolicy: string;
  /** Names of its bindings: without one it does nothing. */
  readonly bindings: readonly string[];
}

/** The one that is called branchline; undefined: there is none. */
export function readWebhook(api: Api): Promise<Fact<WebhookFact | undefined>> {
  return getFact(api, WEBHOOKS, { name: "branchline" });
}

/** Those whose names begin with `branchline-`. */
export async function readGuards(
  api: Api,
  kind: AdmissionPolicyFact["kind"],
): Promise<Fact<readonly AdmissionPolicyFact[]>> {
  const [policies, bindings] = await Promise.all([
    listFact(api, admissionResource(kind, "policy")),
    listFact(api, admissionResource(kind, "binding")),
  ]);
  if (!bindings.known) return bindings;
  return mapFact(policies, (found) =>
    found
      .filter(({ name }) => name.startsWith("branchline-"))
      .map(({ name, failurePolicy }) => ({
        kind,
        name,
        failurePolicy,
        bindings: bindings.value.filter(({ policy }) => policy === name).map((binding) => binding.name),
      })),
  );
}

const GROUP = { group: "admissionregistration.k8s.io", version: "v1", isNamespaced: false } as const;

const WEBHOOKS: Resource<WebhookFact> = {
  ...GROUP,
  plural: "mutatingwebhookconfigurations",
  kind: "MutatingWebhookConfiguration",
  read: (object) => ({
    name: readMetadata(object).name,
    webhooks: itemsOf(fieldsOf(object)["webhooks"]).map(webhookOf),
  }),
};

function webhookOf(webhook: unknown): WebhookClient {
  const { name, clientConfig, failurePolicy } = fieldsOf(webhook);
  const { service, url, caBundle } = fieldsOf(clientConfig);
  const its = fieldsOf(service);
  return {
    name: textOf(name) ?? "",
    service:
      service === undefined
        ? undefined
        : {
            namespace: textOf(its["namespace"]) ?? "",
            name: textOf(its["name"]) ?? "",
            port: typeof its["port"] === "number" ? its["port"] : 443,
          },
    url: textOf(url),
    hasCaBundle: (textOf(caBundle) ?? "") !== "",
    failurePolicy: textOf(failurePolicy) ?? "",
  };
}

interface PolicyOrBinding {
  readonly name: string;
  readonly failurePolicy: string;
  /** Of a binding. */
  readonly policy: string;
}

function admissionResource(
  kind: AdmissionPolicyFact["kind"],
  part: "policy" | "binding",
): Resource<PolicyOrBinding> {
  const ending = part === "policy" ? "AdmissionPolicy" : "AdmissionPolicyBinding";
  const plural = part === "policy" ? "admissionpolicies" : "admissionpolicybindings";
  return {
    ...GROUP,
    plural: `${kind.toLowerCase()}${plural}`,
    kind: `${kind}${ending}`,
    read(object) {
      const { failurePolicy, policyName } = fieldsOf(fieldsOf(object)["spec"]);
      return {
        name: readMetadata(object).name,
        failurePolicy: textOf(failurePolicy) ?? "",
        policy: textOf(policyName) ?? "",
      };
    },
  };
}
