// A certificate authority: Node makes keys but issues no certificates, so openssl does.
import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { must } from "../run.ts";

/** Of the machine's own configuration of openssl nothing is read. */
const CONFIGURATION = `
[req]
distinguished_name = none
[none]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = $ENV::NAMES
`;

/** Whom a client's certificate names to an API server. */
export interface Subject {
  readonly user: string;
  readonly groups?: readonly string[];
}

/** Paths of PEM files. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Of all authorities of this process: two of one directory must not write the same file. */
let count = 0;

export class Authority {
  readonly #directory: string;
  /** Its own, and its key. */
  readonly own: Certificate;

  private constructor(directory: string) {
    this.#directory = directory;
    this.own = { certificate: path.join(directory, "ca.crt"), key: path.join(directory, "ca.key") };
  }

  /** Makes a new one in a directory that exists. */
  static async make(directory: string): Promise<Authority> {
    writeFileSync(path.join(directory, "openssl.cnf"), CONFIGURATION);
    const authority = new Authority(directory);
    writeKey(authority.own.key);
    await authority.#request({ user: "branchline-test" }, "ca", authority.own, []);
    return authority;
  }

  /** One that another process has made. */
  static at(directory: string): Authority {
    return new Authority(directory);
  }

  get pem(): string {
    return readFileSync(this.own.certificate, "utf8");
  }

  /** A server's, for names such as `DNS:localhost` and `IP:127.0.0.1`. */
  server(subject: Subject, names: readonly string[]): Promise<Certificate> {
    return this.#issue(subject, "server", names);
  }

  client(subject: Subject): Promise<Certificate> {
    return this.#issue(subject, "client", []);
  }

  async #issue(subject: Subject, section: string, names: readonly string[]): Promise<Certificate> {
    // Several processes may issue in one directory.
    const name = path.join(this.#directory, `${process.pid}-${(count += 1)}`);
    const files = { certificate: `${name}.crt`, key: `${name}.key` };
    writeKey(files.key);
    const signed = ["-CA", this.own.certificate, "-CAkey", this.own.key];
    await this.#request(subject, section, files, signed, names);
    return files;
  }

  async #request(
    { user, groups = [] }: Subject,
    section: string,
    { certificate, key }: Certificate,
    signed: readonly string[],
    names: readonly string[] = [],
  ): Promise<void> {
    const subject = [...groups.map((group) => `/O=${escape(group)}`), `/CN=${escape(user)}`].join("");
    const config = path.join(this.#directory, "openssl.cnf");
    const form = ["-sha256", "-utf8", "-days", "2", "-config", config, "-extensions", section];
    const files = ["-subj", subject, "-key", key, "-out", certificate];
    await must(["openssl", "req", "-x509", "-new", ...form, ...files, ...signed], {
      env: { PATH: process.env["PATH"] ?? "", NAMES: names.join(",") || "DNS:none" },
    });
  }
}

/** Writes a private key, and gives its public one as PEM. */
export function writeKey(file: string): string {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  return publicKey.export({ type: "spki", format: "pem" }).toString();
}

/** As openssl's -subj wants it. */
function escape(text: string): string {
  return text.replaceAll(/[\\/+]/g, String.raw`\$&`);
}
