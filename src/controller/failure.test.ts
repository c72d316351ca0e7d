import { expect, it } from "vitest";
import { Ec2CallError, kindOf } from "../ec2/error.ts";
import { KubernetesError, kindOfStatus } from "../kubernetes/error.ts";
import { failureOf } from "./failure.ts";

it.each([
  ["RequestLimitExceeded", 503, "throttled"],
  ["IncorrectState", 400, "unknown"],
  ["InternalError", 500, "unknown"],
  ["Unavailable", 503, "unknown"],
  ["InsufficientFreeAddressesInSubnet", 400, "wait"],
  ["NetworkInterfaceLimitExceeded", 400, "wait"],
  ["AttachmentLimitExceeded", 400, "wait"],
  ["UnauthorizedOperation", 403, "denied"],
  ["RequestExpired", 400, "denied"],
  ["OptInRequired", 401, "denied"],
  ["IdempotentParameterMismatch", 400, "spent"],
  ["InvalidNetworkInterfaceID.NotFound", 400, "gone"],
  ["InvalidAssociationID.NotFound", 400, "gone"],
  ["InvalidGroup.NotFound", 400, "invalid"],
  ["InvalidParameterValue", 400, "invalid"],
  ["InvalidParameterCombination", 400, "invalid"],
  ["SomethingNew", 400, "invalid"],
])("EC2's %s", (code, status, kind) => {
  const error = new Ec2CallError(kindOf(code, status), "CreateNetworkInterface", code, "words");
  expect(failureOf(error)).toEqual({
    kind,
    code,
    message: `CreateNetworkInterface: ${code}: words`,
    action: "ec2:CreateNetworkInterface",
  });
});

it("no answer leaves open whether it was done", () => {
  const lost = new Ec2CallError("retry", "AttachNetworkInterface", "ECONNRESET", "socket hang up");
  expect(failureOf(lost).kind).toBe("unknown");
});

it.each([
  [404, "NotFound", "gone"],
  [404, "", "unknown"],
  [409, "Conflict", "conflict"],
  [409, "AlreadyExists", "conflict"],
  [410, "Expired", "unknown"],
  [401, "Unauthorized", "denied"],
  [403, "Forbidden", "denied"],
  [422, "Invalid", "invalid"],
  [429, "TooManyRequests", "unknown"],
  [500, "InternalError", "unknown"],
  [504, "Timeout", "unknown"],
])("the API server's %i %s", (status, reason, kind) => {
  const error = new KubernetesError(kindOfStatus(status, reason), "PATCH /x", "words", { status, reason });
  expect(failureOf(error)).toEqual({ kind, code: reason, message: "PATCH /x: words" });
});

it("anything else is a defect of ours", () => {
  expect(failureOf(new TypeError("x is undefined"))).toMatchObject({ kind: "invalid", code: "Bug" });
  expect(failureOf("thrown text").message).toContain("thrown text");
});
