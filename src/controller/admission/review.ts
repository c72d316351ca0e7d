import type { PatchStep } from "../../kubernetes/client.ts";
import { fieldsOf, itemsOf, textOf } from "../../kubernetes/fields.ts";
import { messageOf } from "../../text/error-words.ts";
import { quote } from "../../text/json.ts";

/** AdmissionReview (admission.k8s.io/v1), as the API server sends it and wants it back. */

/** What was sent is no AdmissionReview of a pod that is being created; the message says what of it. */
export class ReviewError extends Error {
  override name = "ReviewError";
}

export interface ReviewRequest {
  /** The answer has to repeat it. */
  readonly uid: string;
  readonly namespace: string;
  /** Of the user who creates it. */
  readonly groups: readonly string[];
  /** The pod. */
  readonly object: unknown;
}

const VERSION = "admission.k8s.io/v1";

/** Throws ReviewError. */
export function readReview(text: string): ReviewRequest {
  let review: unknown;
  try {
    review = JSON.parse(text);
  } catch (cause) {
    throw new ReviewError(`it is not JSON: ${messageOf(cause)}`, { cause });
  }
  const { apiVersion, kind, request: sent } = fieldsOf(review);
  if (apiVersion !== VERSION || kind !== "AdmissionReview") {
    throw new ReviewError(`it is ${quote(kind)} of ${quote(apiVersion)}, not AdmissionReview of ${VERSION}`);
  }
  const request = fieldsOf(sent);
  const uid = textOf(request["uid"]) ?? "";
  const namespace = textOf(request["namespace"]) ?? "";
  if (uid === "") throw new ReviewError("request.uid is missing");
  if (namespace === "") throw new ReviewError("request.namespace is missing");
  const { group, version, kind: of } = fieldsOf(request["kind"]);
  const { operation, subResource = "" } = request;
  if (group !== "" || version !== "v1" || of !== "Pod" || operation !== "CREATE" || subResource !== "") {
    throw new ReviewError(
      `it is about ${quote(operation)} of ${quote(of)}, not about CREATE of a Pod: correct the rules of the webhook`,
    );
  }
  return {
    uid,
    namespace,
    groups: itemsOf(fieldsOf(request["userInfo"])["groups"]).flatMap((one) => textOf(one) ?? []),
    object: request["object"],
  };
}

/** The answer as JSON: the pod is admitted, with a patch unless that is empty. Warnings are shown to who creates it. */
export function reviewAnswer(
  uid: string,
  patch: readonly PatchStep[],
  warnings: readonly string[] = [],
): string {
  const change =
    patch.length === 0
      ? {}
      : { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") };
  return JSON.stringify({
    apiVersion: VERSION,
    kind: "AdmissionReview",
    response: { uid, allowed: true, ...change, ...(warnings.length > 0 && { warnings }) },
  });
}
