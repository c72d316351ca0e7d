// kubectl and helm, as people use them. Neither reads nor writes anything of the machine's own configuration.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { kubernetesDirectory } from "../../setup/kubernetes.ts";
import { run, type Outcome } from "../run.ts";

export interface ToolOptions {
  /** Without it nothing is asked of an API server. */
  readonly kubeconfig?: string;
  /** On stdin. */
  readonly input?: string;
  /** Milliseconds; 60 s unless told. */
  readonly timeout?: number;
}

export const kubectl = (args: readonly string[], options?: ToolOptions) => tool("kubectl", args, options);
export const helm = (args: readonly string[], options?: ToolOptions) => tool("helm", args, options);

async function tool(
  name: "kubectl" | "helm",
  args: readonly string[],
  { kubeconfig, input, timeout = 60_000 }: ToolOptions = {},
): Promise<Outcome> {
  const program = path.join(kubernetesDirectory(), name);
  if (!existsSync(program)) throw new Error(`no ${program}: run test/setup/kubernetes.sh ${name}`);
  const home = mkdtempSync(path.join(tmpdir(), `${name}-`));
  try {
    return await run([program, ...args], {
      timeout,
      ...(input !== undefined && { input }),
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: home,
        KUBECONFIG: kubeconfig ?? path.join(home, "none"),
        // Of its own: helm looks for a configuration there.
        XDG_CONFIG_HOME: home,
        XDG_CACHE_HOME: home,
        XDG_DATA_HOME: home,
      },
    });
  } finally {
    rmSync(home, { recursive: true });
  }
}
