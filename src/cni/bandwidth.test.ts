import { expect, it } from "vitest";
import { POD_ANNOTATIONS } from "../ipam/annotation.ts";
import { bandwidthAskedFor } from "./bandwidth.ts";
import { parseJson, isObject } from "../text/json.ts";

const annotations = (values: object) => ({ [POD_ANNOTATIONS]: values });
const ingress = "kubernetes.io/ingress-bandwidth";
const egress = "kubernetes.io/egress-bandwidth";

it.each([
  [{}, undefined],
  [annotations({}), undefined],
  [{ [POD_ANNOTATIONS]: null, bandwidth: null }, undefined],
  [{ bandwidth: { ingressRate: 0, ingressBurst: 0, egressRate: 0, egressBurst: 0 } }, undefined],
  [{ bandwidth: { ingressBurst: 5 } }, undefined],
  [{ bandwidth: { ingressRate: 1_000_000 } }, "ingressRate 1000000"],
  [{ bandwidth: { ingressRate: 1, egressRate: 2 } }, "ingressRate 1, egressRate 2"],
  [annotations({ [ingress]: "1M" }), `${ingress} "1M"`],
  [annotations({ [egress]: "10M", other: "1" }), `${egress} "10M"`],
  [annotations({ [ingress]: "", [egress]: "0" }), undefined],
  [{ bandwidth: [], ...annotations([]) }, undefined],
  [
    { bandwidth: { egressRate: 1000 }, ...annotations({ [egress]: "1k" }) },
    `egressRate 1000, ${egress} "1k"`,
  ],
])("of %j: %s", (runtimeConfig, expected) => {
  const value = parseJson(JSON.stringify(runtimeConfig));
  expect(isObject(value) ? bandwidthAskedFor(value) : "no object").toBe(expected);
});

it("quotes a number as it was written", () => {
  const value = parseJson('{"bandwidth":{"ingressRate":18446744073709551615,"egressRate":0.0}}');
  expect(isObject(value) ? bandwidthAskedFor(value) : "").toBe("ingressRate 18446744073709551615");
});
