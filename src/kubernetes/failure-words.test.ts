import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { expect, it } from "vitest";
import { connectionWords, credentialsWords } from "./failure-words.ts";

const coded = (code: string, message: string) => Object.assign(new Error(message), { code });

it.each([
  [
    coded("DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate; try running Node.js with --use-system-ca"),
    "the server's certificate is signed by no certificate authority that the kubeconfig names (DEPTH_ZERO_SELF_SIGNED_CERT)",
  ],
  [
    coded(
      "EPROTO",
      "write EPROTO 40AD:error:0A00010B:SSL routines::wrong version number:../tlsany_meth.c:77:\n",
    ),
    "the server answers without TLS: its URL is https, and may have to be http",
  ],
  [coded("ECONNREFUSED", ""), "ECONNREFUSED"],
  [coded("EPROTO", "write EPROTO\n another line\n"), "write EPROTO; another line"],
  ["thrown", "thrown"],
])("%s", (error, words) => {
  expect(connectionWords(error)).toBe(words);
});

const kubeconfig = (user: object, cluster: object = {}) => {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: "c", server: "https://127.0.0.1", skipTLSVerify: false, ...cluster }],
    users: [{ name: "u", ...user }],
    contexts: [{ name: "x", cluster: "c", user: "u" }],
    currentContext: "x",
  });
  return config;
};

it.each([
  [kubeconfig({ exec: { command: "aws" } }), new Error(""), '"aws" failed, and said nothing'],
  [
    kubeconfig({ exec: { command: "aws" } }),
    new Error("\nUnable to locate credentials.\nRun aws configure.\n"),
    '"aws": Unable to locate credentials.; Run aws configure.',
  ],
  [
    kubeconfig({ certFile: "/etc/user.crt" }, { caFile: "/etc/ca" }),
    coded("EISDIR", "EISDIR: illegal operation on a directory, read"),
    'EISDIR: illegal operation on a directory, read; its files are "/etc/ca", "/etc/user.crt"',
  ],
  [
    kubeconfig({ certFile: "/etc/user.crt" }),
    coded("ENOENT", "ENOENT: no such file or directory, open '/etc/user.crt'"),
    "ENOENT: no such file or directory, open '/etc/user.crt'",
  ],
])("credentials that cannot be had (%#)", (config, error, words) => {
  expect(credentialsWords(config, error)).toBe(words);
});
