import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { listNamespaces } from "./execute.ts";
import { deleteNamespaces } from "./vpc-plane.ts";

/**
 * Claims the namespaces whose names begin so, for as long as this process lives, and deletes what a simulator that was
 * killed has left of them. Throws in one line when the data plane cannot be here, or another simulator has the prefix.
 */
export async function claimNamespaces(prefix: string): Promise<void> {
  if (!/^[a-z][a-z0-9]{0,15}$/.test(prefix)) {
    throw new TypeError(
      `--namespace-prefix is up to 16 small letters and digits, a letter first, not "${prefix}"`,
    );
  }
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    throw new TypeError("--data-plane needs Linux and root");
  for (const [program, from] of [
    ["ip", "iproute2"],
    ["nft", "nftables"],
    ["conntrack", "conntrack"],
  ] as const) {
    const found = (process.env["PATH"] ?? "").split(":").some((path) => existsSync(`${path}/${program}`));
    if (!found) throw new TypeError(`--data-plane needs ${program}: apt-get install ${from}`);
  }
  await hold(prefix);
  const ours = new RegExp(`^${prefix}-(?:vpc|i)-[0-9a-f]{17}$`);
  await deleteNamespaces((await listNamespaces()).filter((name) => ours.test(name)));
}

/** An abstract socket (unix(7)) is a lock that ends with its process. */
async function hold(prefix: string): Promise<void> {
  const server = createServer().listen(`\0branchline-simulate-${prefix}`);
  try {
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new TypeError(`another simulator has the namespaces ${prefix}-…: say another --namespace-prefix`, {
      cause: error,
    });
  }
  server.unref();
}
