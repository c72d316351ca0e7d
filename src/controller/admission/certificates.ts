import "reflect-metadata";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate as IssuedCertificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { KeyObject, X509Certificate, createPrivateKey, webcrypto } from "node:crypto";
import { isIP } from "node:net";

/** The webhook's certificates: an authority of our own, and what it signs. EC P-256 throughout. */

/** How long a certificate is valid, and how long it is used before the next one, in milliseconds. */
export interface Lifetime {
  readonly validMs: number;
  readonly renewMs: number;
}

/** A certificate and its key, as PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** One that signs others. Times are milliseconds since 1970. */
export interface Authority extends KeyPair {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** One of a server. */
export interface Leaf extends KeyPair {
  /** The certificate of the authority that signed it. */
  readonly issuer: string;
  readonly madeAt: number;
  readonly notAfter: number;
}

/** Clocks of API servers may be late by so much. */
const SKEW_MS = 3_600_000;
const KEYS = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;

/** `now` is milliseconds since 1970. */
export async function makeAuthority(now: number, { validMs }: Lifetime): Promise<Authority> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: "CN=branchline-webhook",
      ...validity(now, validMs),
      keys,
      signingAlgorithm: SIGNATURE,
      extensions: [
        // It signs leaves and no other authority.
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return {
    certificate: pemOf(certificate),
    key: privatePem(keys),
    notBefore: certificate.notBefore.getTime(),
    notAfter: certificate.notAfter.getTime(),
  };
}

/** One for these names, which are DNS names or addresses. It never outlives its authority. */
export async function makeLeaf(
  authority: Authority,
  names: readonly string[],
  now: number,
  { validMs }: Lifetime,
): Promise<Leaf> {
  const keys = await makeKeys();
  const issuer = new IssuedCertificate(authority.certificate);
  const { notBefore, notAfter } = validity(now, validMs);
  const certificate = await X509CertificateGenerator.create(
    {
      subject: "CN=branchline-webhook-server",
      issuer: issuer.subject,
      notBefore,
      notAfter: new Date(Math.min(notAfter.getTime(), authority.notAfter)),
      publicKey: keys.publicKey,
      signingKey: await signingKey(authority.key),
      signingAlgorithm: SIGNATURE,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(names.map(generalName)),
        await AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return {
    certificate: pemOf(certificate),
    key: privatePem(keys),
    issuer: authority.certificate,
    madeAt: now,
    notAfter: certificate.notAfter.getTime(),
  };
}

/** Undefined if it is none, is not valid now, or the key is another's. */
export function readAuthority({ certificate, key }: KeyPair, now: number): Authority | undefined {
  try {
    const read = new X509Certificate(certificate);
    const notBefore = read.validFromDate.getTime();
    const notAfter = read.validToDate.getTime();
    if (!read.ca || !read.checkPrivateKey(createPrivateKey(key))) return undefined;
    if (now < notBefore || now >= notAfter) return undefined;
    return { certificate: normal(certificate), key, notBefore, notAfter };
  } catch {
    return undefined;
  }
}

/** The certificates of a bundle, each as PEM in one form; what is none is left out. */
export function certificatesOf(bundle: string): readonly string[] {
  return [...bundle.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)].flatMap(
    ([pem]) => {
      try {
        return [normal(pem)];
      } catch {
        return [];
      }
    },
  );
}

function normal(pem: string): string {
  return new X509Certificate(pem).toString();
}

function pemOf(certificate: IssuedCertificate): string {
  return normal(certificate.toString("pem"));
}

function validity(now: number, validMs: number): { readonly notBefore: Date; readonly notAfter: Date } {
  return { notBefore: new Date(now - SKEW_MS), notAfter: new Date(now + validMs) };
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEYS, true, ["sign", "verify"]);
}

function privatePem({ privateKey }: webcrypto.CryptoKeyPair): string {
  return KeyObject.from(privateKey).export({ type: "pkcs8", format: "pem" }).toString();
}

function signingKey(pem: string): Promise<webcrypto.CryptoKey> {
  const bytes = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", bytes, KEYS, false, ["sign"]);
}

function generalName(value: string): { type: "ip" | "dns"; value: string } {
  return { type: isIP(value) === 0 ? "dns" : "ip", value };
}
