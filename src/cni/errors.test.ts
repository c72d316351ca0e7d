import { describe, expect, it } from "vitest";
import { AnnotationError } from "../ipam/annotation.ts";
import { asCniError, CniError, ErrorCode, errorDocument } from "./errors.ts";

describe("ErrorCode", () => {
  it("has the specification's numbers and our own", () => {
    expect(ErrorCode).toEqual({
      IncompatibleVersion: 1,
      UnsupportedField: 2,
      UnknownContainer: 3,
      InvalidEnvironment: 4,
      IoFailure: 5,
      DecodingFailure: 6,
      InvalidConfig: 7,
      TryAgainLater: 11,
      NotAvailable: 50,
      NotAvailableLimited: 51,
      TrunkNotFound: 100,
      AnnotationInvalid: 101,
      VlanInUse: 102,
      KernelRefused: 103,
      NamespaceUnusable: 104,
      RecordUnusable: 105,
      Refused: 106,
      Internal: 999,
    });
  });
});

describe("errorDocument", () => {
  it("has the version asked for, and details only if there are any", () => {
    expect(errorDocument(new CniError(7, "wrong"), "0.4.0")).toEqual({
      cniVersion: "0.4.0",
      code: 7,
      msg: "wrong",
    });
    expect(errorDocument(new CniError(103, "refused", "EPERM"), "1.0.0")).toEqual({
      cniVersion: "1.0.0",
      code: 103,
      msg: "refused",
      details: "EPERM",
    });
  });

  it("says the newest version when no request was read", () => {
    expect(errorDocument(new CniError(4, "x")).cniVersion).toBe("1.1.0");
  });

  it("keeps msg on one line and details as they are", () => {
    const document = errorDocument(new CniError(5, " a \r\n\n  b\u2028c ", "d\ne"));
    expect(document.msg).toBe("a b c");
    expect(document.details).toBe("d\ne");
  });

  it("shows control characters instead of sending them", () => {
    const said = errorDocument(new CniError(5, "a\u0085b\u000bc \u0000\u001b[31m\u007f\u009b é"));
    expect(said.msg).toBe("a b c \\u0000\\u001b[31m\\u007f\\u009b é");
  });

  it("is not endless, whatever is quoted in it", () => {
    const { msg, details = "" } = errorDocument(new CniError(5, "x".repeat(200_000), "y\n".repeat(200_000)));
    expect([msg.length, msg.at(-1)]).toEqual([1001, "…"]);
    expect([details.length, details.at(-1)]).toEqual([16_385, "…"]);
  });

  it("makes a defect of the annotation code 101", () => {
    const cause = new AnnotationError("vlanId", "annotation x: vlanId 0 is outside 1 to 4094");
    expect(errorDocument(cause, "1.0.0")).toEqual({ cniVersion: "1.0.0", code: 101, msg: cause.message });
    expect(asCniError(cause).cause).toBe(cause);
  });

  it("leaves a CniError what it is", () => {
    const error = new CniError(100, "no trunk", "", { cause: "c" });
    expect(asCniError(error)).toBe(error);
    expect([error.name, error.cause]).toEqual(["CniError", "c"]);
  });

  it("makes any other error code 999, with its stack in details", () => {
    const document = errorDocument(new TypeError("x is\nundefined"));
    expect(document).toMatchObject({ code: 999, msg: "x is undefined" });
    expect(document.details).toContain("errors.test.ts");
    expect(errorDocument(new RangeError("")).msg).toBe("RangeError");
  });

  it.each([
    ["a string", "oops", "oops"],
    ["nothing", undefined, "undefined"],
    ["null", null, "null"],
    ["what has no text", Object.create(null), "object"],
    ["a symbol", Symbol("s"), "Symbol(s)"],
  ])("survives %s being thrown", (_what, thrown, text) => {
    expect(errorDocument(thrown)).toMatchObject({ code: 999, msg: expect.stringContaining(text) });
  });
});
