import { X509Certificate } from "node:crypto";
import { fieldsOf, itemsOf, textOf } from "../kubernetes/fields.ts";
import { readMetadata } from "../kubernetes/metadata.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { type Api, listFact } from "./api.ts";
import { type Fact, mapFact } from "./fact.ts";

/** All webhooks for pods, and which admission policies act: for a look at the whole chain. */

export interface PodWebhookFact {
  /** Of the MutatingWebhookConfiguration. */
  readonly configuration: string;
  readonly name: string;
  /** NAMESPACE/NAME; undefined when it is by a URL. */
  readonly service: string | undefined;
  readonly url: string | undefined;
  /** When the last certificate of its caBundle ends, in milliseconds since 1970; undefined without one that is valid. */
  readonly trustEnds: number | undefined;
}

export async function readPodWebhooks(api: Api): Promise<Fact<readonly PodWebhookFact[]>> {
  return mapFact(await listFact(api, CONFIGURATIONS), (found) => found.flat());
}

/** Policies by name, with the actions of their bindings: those of a mutating policy have none, and count as Apply. */
export async function readBoundPolicies(
  api: Api,
  kind: "Validating" | "Mutating",
): Promise<Fact<ReadonlyMap<string, readonly string[]>>> {
  const [policies, bindings] = await Promise.all([
    listFact(api, policyResource(kind, "AdmissionPolicy", "admissionpolicies")),
    listFact(api, policyResource(kind, "AdmissionPolicyBinding", "admissionpolicybindings")),
  ]);
  if (!bindings.known) return bindings;
  return mapFact(
    policies,
    (found) =>
      new Map(
        found.map(({ name }) => [
          name,
          bindings.value.flatMap(({ policy, actions }) => (policy === name ? actions : [])),
        ]),
      ),
  );
}

const GROUP = { group: "admissionregistration.k8s.io", version: "v1", isNamespaced: false } as const;

const CONFIGURATIONS: Resource<readonly PodWebhookFact[]> = {
  ...GROUP,
  plural: "mutatingwebhookconfigurations",
  kind: "MutatingWebhookConfiguration",
  read(object) {
    const { name: configuration } = readMetadata(object);
    return itemsOf(fieldsOf(object)["webhooks"]).map((one) => {
      const { name, clientConfig } = fieldsOf(one);
      const { service, url, caBundle } = fieldsOf(clientConfig);
      const { namespace, name: its } = fieldsOf(service);
      return {
        configuration,
        name: textOf(name) ?? "",
        service: service === undefined ? undefined : `${textOf(namespace) ?? ""}/${textOf(its) ?? ""}`,
        url: textOf(url),
        trustEnds: endOf(textOf(caBundle) ?? ""),
      };
    });
  },
};

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Only when it ends: nothing else of the certificates is kept. */
function endOf(caBundle: string): number | undefined {
  const texts = Buffer.from(caBundle, "base64").toString("latin1").match(CERTIFICATE) ?? [];
  const ends = texts.flatMap((text) => {
    try {
      return [new X509Certificate(text).validToDate.getTime()];
    } catch {
      return [];
    }
  });
  return ends.length === 0 ? undefined : Math.max(...ends);
}

interface PolicyOrBinding {
  readonly name: string;
  readonly policy: string;
  readonly actions: readonly string[];
}

function policyResource(kind: string, ending: string, plural: string): Resource<PolicyOrBinding> {
  return {
    ...GROUP,
    plural: `${kind.toLowerCase()}${plural}`,
    kind: `${kind}${ending}`,
    read(object) {
      const { policyName, validationActions } = fieldsOf(fieldsOf(object)["spec"]);
      const actions = itemsOf(validationActions).flatMap((action) => textOf(action) ?? []);
      return {
        name: readMetadata(object).name,
        policy: textOf(policyName) ?? "",
        actions: kind === "Mutating" ? ["Apply"] : actions,
      };
    },
  };
}
