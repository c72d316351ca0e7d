import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { readFileSync } from "node:fs";
import { quote } from "../text/json.ts";
import { messageOf } from "../text/error-words.ts";

/**
 * Where the API server is and who we are: a kubeconfig file, or what a pod has. The library reads tokens anew when they
 * change, and runs the commands that a kubeconfig names (`aws eks get-token`).
 */

/** No API server is named. The message says where it was looked for. */
export class KubeconfigError extends Error {
  override name = "KubeconfigError";
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface KubeconfigChoice {
  /** A file; absent: KUBECONFIG, else what a pod has, else ~/.kube/config. */
  readonly path?: string | undefined;
  /** A context of the file, instead of its current one. */
  readonly context?: string | undefined;
}

/** Reads the configuration. KubeconfigError if there is none, or it names no server. */
export function loadKubeconfig(
  { path, context }: KubeconfigChoice,
  env: Readonly<Record<string, string | undefined>>,
): KubeConfig {
  const config = new KubeConfig();
  const file = path ?? env["KUBECONFIG"];
  try {
    if (file !== undefined && file !== "") config.loadFromFile(file);
    else if (isPod(env)) config.loadFromCluster();
    else config.loadFromFile(`${env["HOME"] ?? "/root"}/.kube/config`);
  } catch (cause) {
    const words = messageOf(cause);
    throw new KubeconfigError(`no kubeconfig: ${words}; give one with --kubeconfig or KUBECONFIG`, { cause });
  }
  if (context !== undefined) {
    const names = config.getContexts().map(({ name }) => name);
    if (!names.includes(context)) {
      throw new KubeconfigError(
        `the kubeconfig has no context ${quote(context)}; it has ${names.join(", ") || "none"}`,
      );
    }
    config.setCurrentContext(context);
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined || !URL.canParse(server)) {
    throw new KubeconfigError(
      `the kubeconfig's context ${quote(config.getCurrentContext())} names no server that is a URL`,
    );
  }
  return config;
}

function isPod(env: Readonly<Record<string, string | undefined>>): boolean {
  if (env["KUBERNETES_SERVICE_HOST"] === undefined) return false;
  try {
    readFileSync(`${SERVICE_ACCOUNT}/token`);
    return true;
  } catch {
    return false;
  }
}
