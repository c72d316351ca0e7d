import { readFileSync } from "node:fs";
import { parse, stringify } from "yaml";

/** Who asks which server. */
export interface Access {
  /** https://127.0.0.1:PORT */
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  readonly as: { readonly certificate: string; readonly key: string } | { readonly token: string };
}

/** A kubeconfig with everything inside, as `kubectl config view --flatten` writes it. */
export function kubeconfigOf({ url, ca, as }: Access): string {
  const user =
    "token" in as
      ? { token: as.token }
      : { "client-certificate-data": base64(as.certificate), "client-key-data": base64(as.key) };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    preferences: {},
    clusters: [{ name: "test", cluster: { "certificate-authority-data": base64(ca), server: url } }],
    users: [{ name: "user", user }],
    contexts: [{ name: "test", context: { cluster: "test", user: "user" } }],
    "current-context": "test",
  });
}

/** Reads what {@link kubeconfigOf} wrote. */
export function readKubeconfig(file: string): Access {
  const { clusters, users } = parse(readFileSync(file, "utf8")) as {
    clusters: [{ cluster: { server: string; "certificate-authority-data": string } }];
    users: [{ user: Record<string, string> }];
  };
  const { server, "certificate-authority-data": ca } = clusters[0].cluster;
  const { token, "client-certificate-data": certificate = "", "client-key-data": key = "" } = users[0].user;
  return {
    url: server,
    ca: text(ca),
    as: token === undefined ? { certificate: text(certificate), key: text(key) } : { token },
  };
}

const base64 = (pem: string) => Buffer.from(pem).toString("base64");
const text = (data: string) => Buffer.from(data, "base64").toString();
