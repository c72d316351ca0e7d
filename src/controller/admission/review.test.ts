import { describe, expect, it } from "vitest";
import { ReviewError, readReview, reviewAnswer } from "./review.ts";

const REQUEST = {
  uid: "u1",
  kind: { group: "", version: "v1", kind: "Pod" },
  namespace: "shop",
  operation: "CREATE",
  userInfo: { username: "someone", groups: ["a", "b"] },
  object: { metadata: {} },
};
const review = (request: object) =>
  JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });

describe("readReview", () => {
  it("has what decides", () =>
    expect(readReview(review(REQUEST))).toEqual({
      uid: "u1",
      namespace: "shop",
      groups: ["a", "b"],
      object: { metadata: {} },
    }));

  it.each([
    ["", "it is not JSON: "],
    ["{", "it is not JSON: "],
    ["null", "it is nothing of nothing, not AdmissionReview of admission.k8s.io/v1"],
    ["[1]", "it is nothing of nothing"],
    ["[".repeat(100_000), "it is not JSON: "],
    [
      JSON.stringify({ apiVersion: "admission.k8s.io/v1beta1", kind: "AdmissionReview" }),
      'it is "AdmissionReview" of "admission.k8s.io/v1beta1", not AdmissionReview of admission.k8s.io/v1',
    ],
    [review({ ...REQUEST, uid: 7 }), "request.uid is missing"],
    [review({ ...REQUEST, namespace: "" }), "request.namespace is missing"],
    [
      review({ ...REQUEST, operation: "UPDATE" }),
      'it is about "UPDATE" of "Pod", not about CREATE of a Pod: correct the rules of the webhook',
    ],
    [review({ ...REQUEST, subResource: "status" }), 'it is about "CREATE" of "Pod"'],
    [review({ ...REQUEST, kind: { group: "", version: "v1", kind: "Binding" } }), 'of "Binding"'],
  ])("refuses %j", (text, words) => {
    expect(() => readReview(text)).toThrow(ReviewError);
    expect(() => readReview(text)).toThrow(words);
  });
});

describe("reviewAnswer", () => {
  it("admits a pod as it is", () =>
    expect(JSON.parse(reviewAnswer("u1", []))).toEqual({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: { uid: "u1", allowed: true },
    }));

  it("admits it with a patch, in base64, and with warnings", () => {
    const patch = [{ op: "add", path: "/a", value: "ä" }] as const;
    const { response } = JSON.parse(reviewAnswer("u1", patch, ["w"])) as { response: { patch: string } };
    expect(response).toMatchObject({ allowed: true, patchType: "JSONPatch", warnings: ["w"] });
    expect(JSON.parse(Buffer.from(response.patch, "base64").toString())).toEqual(patch);
  });
});
