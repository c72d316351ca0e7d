// Another mutating webhook of the cluster, as AWS's is: answers with a patch that a test tells it.
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { makeAuthority, makeLeaf } from "../../../src/controller/admission/certificates.ts";
import type { ApiClient, KubernetesObject } from "../../ground/kubernetes/client.ts";

const LIFETIME = { validMs: 3_600_000, renewMs: 1_800_000 };

interface PatchStep {
  readonly op: "add";
  readonly path: string;
  readonly value: unknown;
}

export interface OtherWebhook extends AsyncDisposable {
  /** Each pod that it was asked about, as it was then. */
  readonly seen: readonly KubernetesObject[];
}

/** API servers call webhooks in the order of their registrations' names. */
export async function startOtherWebhook(
  admin: ApiClient,
  name: string,
  namespace: string,
  patch: readonly PatchStep[],
): Promise<OtherWebhook> {
  const authority = await makeAuthority(Date.now(), LIFETIME);
  const { certificate: cert, key } = await makeLeaf(authority, ["127.0.0.1"], Date.now(), LIFETIME);
  const seen: KubernetesObject[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    void json(request).then((review) => {
      const { uid, object } = (review as { request: { uid: string; object: KubernetesObject } }).request;
      seen.push(object);
      const answer = { uid, allowed: true, patchType: "JSONPatch", patch: base64(JSON.stringify(patch)) };
      response.writeHead(200, { "content-type": "application/json" }).end(
        JSON.stringify({
          apiVersion: "admission.k8s.io/v1",
          kind: "AdmissionReview",
          response: answer,
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const registrations = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
  await admin.create(registrations, {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name },
    webhooks: [
      {
        name: "other.test.branchline.dev",
        admissionReviewVersions: ["v1"],
        clientConfig: {
          url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
          caBundle: base64(authority.certificate),
        },
        failurePolicy: "Ignore",
        sideEffects: "None",
        rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
      },
    ],
  });
  return {
    seen,
    async [Symbol.asyncDispose]() {
      await admin.delete(`${registrations}/${name}`);
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
