import { expect, it } from "vitest";
import { readListen } from "./http.ts";

it.each([
  ["127.0.0.1:61680", { host: "127.0.0.1", port: 61_680 }],
  [":8081", { host: "", port: 8081 }],
  ["[::1]:0", { host: "::1", port: 0 }],
  ["localhost:1", { host: "localhost", port: 1 }],
  ["127.0.0.1", undefined],
  ["8081", undefined],
  ["::1:80", undefined],
  ["127.0.0.1:65536", undefined],
  ["127.0.0.1:-1", undefined],
  ["", undefined],
])("%j", (text, expected) => expect(readListen(text)).toEqual(expected));
