import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { type Authority, certificatesOf, makeAuthority, makeLeaf, readAuthority } from "./certificates.ts";

const HOUR = 3_600_000;
const NOW = Date.parse("2026-11-28T12:00:00Z");
const lifetime = (validMs: number) => ({ validMs, renewMs: validMs / 2 });

let authority: Authority;

beforeAll(async () => {
  authority = await makeAuthority(NOW, lifetime(10 * HOUR));
});

it("an authority is valid from an hour ago, for slow clocks", () => {
  expect(authority.notBefore).toBe(NOW - HOUR);
  expect(authority.notAfter).toBe(NOW + 10 * HOUR);
  expect(new X509Certificate(authority.certificate).ca).toBe(true);
});

describe("a leaf", () => {
  it("is signed by its authority, for its names and addresses", async () => {
    const leaf = await makeLeaf(authority, ["a.b.svc", "127.0.0.1", "::1"], NOW, lifetime(HOUR));
    const read = new X509Certificate(leaf.certificate);
    const issuer = new X509Certificate(authority.certificate);
    expect(read.checkIssued(issuer)).toBe(true);
    expect(read.verify(issuer.publicKey)).toBe(true);
    expect(read.ca).toBe(false);
    expect(read.checkHost("a.b.svc")).toBe("a.b.svc");
    expect(read.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(read.checkIP("::1")).toBe("::1");
    expect(read.checkHost("other")).toBeUndefined();
    expect(leaf).toMatchObject({ issuer: authority.certificate, madeAt: NOW, notAfter: NOW + HOUR });
  });

  it("does not outlive its authority", async () => {
    const leaf = await makeLeaf(authority, ["a"], NOW, lifetime(20 * HOUR));
    expect(leaf.notAfter).toBe(authority.notAfter);
  });
});

describe("readAuthority", () => {
  it("reads what was made", () => expect(readAuthority(authority, NOW)).toEqual(authority));

  it("refuses what cannot sign", async () => {
    const other = await makeAuthority(NOW, lifetime(HOUR));
    const leaf = await makeLeaf(authority, ["a"], NOW, lifetime(HOUR));
    expect(readAuthority({ ...authority, key: other.key }, NOW)).toBeUndefined();
    expect(readAuthority(leaf, NOW)).toBeUndefined();
    expect(readAuthority({ certificate: "", key: "" }, NOW)).toBeUndefined();
    expect(
      readAuthority({ ...authority, certificate: "-----BEGIN CERTIFICATE-----\nAA==" }, NOW),
    ).toBeUndefined();
    expect(readAuthority(authority, authority.notAfter)).toBeUndefined();
    expect(readAuthority(authority, authority.notBefore - 1)).toBeUndefined();
  });
});

it("certificatesOf finds each of a bundle, however its lines are, and no others", async () => {
  const other = await makeAuthority(NOW, lifetime(HOUR));
  const pems = [authority.certificate, other.certificate];
  expect(certificatesOf(pems.join("")).toSorted()).toEqual(pems.toSorted());
  expect(certificatesOf(`x\n${pems.join("\n\n").replaceAll("\n", "\r\n")}`).toSorted()).toEqual(
    pems.toSorted(),
  );
  expect(certificatesOf("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")).toEqual([]);
  expect(certificatesOf("")).toEqual([]);
});
