import { describe, expect, it, vi } from "vitest";
import { isArray, isInteger, isObject, member, parseJson, quote, stringifyJson } from "./json.ts";
import type { Json, JsonObject } from "./json.ts";

function object(text: string): JsonObject {
  const value = parseJson(text);
  if (!isObject(value)) throw new Error(`${text} is no object`);
  return value;
}

describe("parseJson and stringifyJson", () => {
  it.each([
    '{"a":12345678901234567890}',
    '{"a":-12345678901234567890}',
    '{"a":9007199254740993}',
    '{"a":1.0}',
    '{"a":10.50}',
    '{"a":1e400}',
    '{"a":-1E400}',
    '{"a":1e2}',
    '{"a":1E+2}',
    '{"a":-0}',
    '{"a":-0.0}',
    '{"a":0.1000000000000000055511151231257827}',
    "[1.0]",
    "[0,1.0]",
    "[[1.0]]",
    '{"a":[{"b":{"c":1.0}}],"d":2}',
    "1.0",
    "-0",
    '{"__proto__":{"x":1.0},"constructor":1,"a":{"__proto__":null}}',
    '{"__proto__":{"x":1},"constructor":1}',
    '{"a":0,"b":-1,"c":123456789012345,"d":0.5,"e":1.25e-7,"f":true,"g":null,"h":"","i":[],"j":{}}',
  ])("passes %s through unchanged", (text) => expect(stringifyJson(parseJson(text))).toBe(text));

  it("passes odd numbers through with white space around them", () => {
    expect(stringifyJson(parseJson(' { "a" :\n 1.0 , "b" : [ 2.0 ,\t3.0 ] }'))).toBe(
      '{"a":1.0,"b":[2.0,3.0]}',
    );
  });

  it("keeps numbers that JavaScript has as numbers", () => {
    expect(parseJson('{"a":0.5,"b":1.0,"c":7}')).toMatchObject({ a: 0.5, c: 7 });
  });

  it("does not pay for a reviver where no number needs one", () => {
    const parse = vi.spyOn(JSON, "parse");
    const cheap = [
      '{"mtu":9001,"mac":"02:78:59:8e:ee:b2","a":"10.0.0.1/24","b":["10.0.0.1","::1"],"c":[1,2]}',
      '{"x":"[{\\"vlanId\\":2,\\"privateIp\\":\\"10.0.0.1\\",\\"subnetV6Cidr\\":\\"2600:1f18::/64\\"}]"}',
    ];
    for (const text of cheap) parseJson(text);
    expect(parse.mock.calls.map((call) => call.length)).toEqual([1, 1]);
    parse.mockRestore();
  });

  it("is not slow on hostile white space", () => {
    const text = `{"a":"${`"${" ".repeat(50)}`.repeat(10_000).replaceAll('"', '\\"')}","b":[${" ".repeat(500_000)}1]}`;
    const start = performance.now();
    parseJson(text);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it("lets __proto__ be a key like others", () => {
    const parsed = object('{"__proto__":{"isAdmin":true},"n":1.0}');
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
    expect(member(parsed, "__proto__")).toEqual({ isAdmin: true });
    expect(member(parsed, "isAdmin")).toBeUndefined();
  });

  it("lets the last of equal keys count", () => expect(parseJson('{"a":1,"a":2}')).toEqual({ a: 2 }));

  it.each(["", "{", "{} x", "\ufeff{}", "{'a':1}", "[1.0", "01"])("refuses %j", (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });
});

describe("accessors", () => {
  const odd = parseJson("1.0");

  it.each<[string, Json | undefined, boolean, boolean, boolean]>([
    ["an object", {}, true, false, false],
    ["an array", [], false, true, false],
    ["null", null, false, false, false],
    ["nothing", undefined, false, false, false],
    ["an integer", 7, false, false, true],
    ["a fraction", 7.5, false, false, false],
    ["a string", "7", false, false, false],
    ["an integer that is too large", 2 ** 53, false, false, false],
    ["a number kept as text", odd, false, false, false],
  ])("tell %s", (_what, value, objectLike, arrayLike, integer) => {
    expect([isObject(value), isArray(value), isInteger(value)]).toEqual([objectLike, arrayLike, integer]);
  });

  it("read own members only, null as absent", () => {
    const parsed = object('{"a":0,"b":null,"c":false}');
    expect(member(parsed, "a")).toBe(0);
    expect(member(parsed, "b")).toBeUndefined();
    expect(member(parsed, "c")).toBe(false);
    expect(member(parsed, "toString")).toBeUndefined();
  });

  it("quote as written, on one line, not endlessly", () => {
    expect(quote("a\nb")).toBe(String.raw`"a\nb"`);
    expect(quote(odd)).toBe("1.0");
    expect(quote(undefined)).toBe("nothing");
    expect(quote("x".repeat(1000)).length).toBe(121);
  });
});
