import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { errorCode } from "../sys/errno.ts";
import { inOneLine, messageOf } from "../text/error-words.ts";
import { quote } from "../text/json.ts";

/** Failures before there is an answer, in one line for whoever has the kubeconfig. Pure. */

const UNTRUSTED = "the server's certificate is signed by no certificate authority that the kubeconfig names";

/** In place of what the runtime says, which is about itself or about OpenSSL's sources. By its codes. */
const WORDS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
};

/** What OpenSSL says to an answer that is no TLS. */
const NOT_TLS = /wrong version number|packet length too long/;

/** Of a request that got no answer. */
export function connectionWords(error: unknown): string {
  const code = errorCode(error) ?? "";
  const message = messageOf(error);
  if (NOT_TLS.test(message))
    return "the server answers without TLS: its URL is https, and may have to be http";
  const words = WORDS[code];
  if (words !== undefined) return `${words} (${code})`;
  return inOneLine(message === "" ? code : message);
}

/** Of credentials that could not be read, or of a command that gives them and has failed. */
export function credentialsWords(config: KubeConfig, error: unknown): string {
  const user = config.getCurrentUser();
  const { command } = (user?.exec ?? {}) as { readonly command?: string };
  const said = inOneLine(messageOf(error));
  if (said === "") return `${quote(command ?? "its command")} failed, and said nothing`;
  if (command !== undefined) return `${quote(command)}: ${said}`;
  const files = [config.getCurrentCluster()?.caFile, user?.certFile, user?.keyFile].filter(
    (file) => file !== undefined,
  );
  // A directory is read without a word of its name.
  return errorCode(error) === "EISDIR" ? `${said}; its files are ${files.map(quote).join(", ")}` : said;
}
