import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readAudit, type AuditEvent } from "./audit.ts";
import { Authority, type Subject } from "./certificates.ts";
import { ApiClient } from "./client.ts";
import { kubeconfigOf, readKubeconfig, type Access } from "./kubeconfig.ts";

export const certificatesIn = (directory: string) => path.join(directory, "pki");
export const kubeconfigsIn = (directory: string) => path.join(directory, "kubeconfigs");
export const adminKubeconfigIn = (directory: string) => path.join(directory, "admin.kubeconfig");
export const auditLogIn = (directory: string) => path.join(directory, "audit.log");

/** A service account's pod: a token that is bound to it names its node. */
export interface BoundPod {
  readonly name: string;
  readonly uid: string;
}

/** A running API server as its users see it: also those in other processes, which know its directory. */
export class ApiAccess {
  /** Of certificates, logs and data. */
  readonly directory: string;
  readonly #authority: Authority;
  #admin: ApiClient | undefined;
  #count = 0;

  constructor(directory: string) {
    this.directory = directory;
    this.#authority = Authority.at(certificatesIn(directory));
  }

  /** https://127.0.0.1:PORT */
  get url(): string {
    return readKubeconfig(this.adminKubeconfig).url;
  }

  /** The authority's certificate, as PEM. */
  get ca(): string {
    return this.#authority.pem;
  }

  /** Path of the kubeconfig of one who may do everything. */
  get adminKubeconfig(): string {
    return adminKubeconfigIn(this.directory);
  }

  /** The client of one who may do everything. */
  get admin(): ApiClient {
    return (this.#admin ??= ApiClient.of(this.adminKubeconfig));
  }

  get auditLog(): string {
    return auditLogIn(this.directory);
  }

  /** What the audit log has now of a user. */
  audited(user: string): readonly AuditEvent[] {
    return readAudit(this.auditLog).filter(({ user: { username } }) => username === user);
  }

  /** Writes a kubeconfig with a client certificate, and gives its path. A user's name has at most 64 characters. */
  async kubeconfigFor(subject: Subject): Promise<string> {
    return this.#write(await this.#certificateOf(subject));
  }

  /** The text of such a kubeconfig, for one who reaches the server under another URL. */
  async kubeconfigTextFor(subject: Subject, url: string): Promise<string> {
    return kubeconfigOf({ url, ca: this.ca, as: await this.#certificateOf(subject) });
  }

  async #certificateOf(subject: Subject): Promise<{ readonly certificate: string; readonly key: string }> {
    const { certificate, key } = await this.#authority.client(subject);
    return { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
  }

  /** Writes a kubeconfig with a token of a service account, which must exist, and gives its path. */
  async kubeconfigOf(namespace: string, account: string, pod?: BoundPod): Promise<string> {
    return this.#write({ token: await this.token(namespace, account, pod) });
  }

  /** A token of a service account, which must exist; with a pod, one as that pod gets. */
  async token(namespace: string, account: string, pod?: BoundPod): Promise<string> {
    const boundObjectRef = pod && { apiVersion: "v1", kind: "Pod", ...pod };
    const { status } = await this.admin.create<{ status: { token: string } }>(
      `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { boundObjectRef } },
    );
    return status.token;
  }

  #write(as: Access["as"]): string {
    // Several processes may write in one directory.
    const name = `${process.pid}-${(this.#count += 1)}`;
    const file = path.join(kubeconfigsIn(this.directory), name);
    writeFileSync(file, kubeconfigOf({ url: this.url, ca: this.ca, as }), { mode: 0o600 });
    return file;
  }
}
