import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** `/healthz` and `/readyz` of a part that runs for long, as kubelet asks them. */

export interface Health {
  readonly isReady: boolean;
  /** A line for each condition. */
  report(): string;
}

export interface HealthServer extends AsyncDisposable {
  /** With the port that was taken. */
  readonly url: string;
}

/** ADDRESS:PORT, an IPv6 address in brackets, port 0 for any; undefined if it is none. */
export function readListen(text: string): { readonly host: string; readonly port: number } | undefined {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  return found === null || port > 65_535 ? undefined : { host: found[1] ?? found[2] ?? "", port };
}

/** Rejects when the address cannot be had. */
export async function serveHealth(
  listen: { host: string; port: number },
  health: Health,
): Promise<HealthServer> {
  const server = createServer(
    { connectionsCheckingInterval: 1_000, keepAlive: false },
    (request, response) => {
      const path = (request.url ?? "").split("?")[0];
      const answer = (status: number, text: string) =>
        response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(text);
      // That it answers is all that /healthz says: a process whose loop stands still does not.
      if (path === "/healthz") answer(200, "ok\n");
      else if (path === "/readyz") answer(health.isReady ? 200 : 503, health.report());
      else answer(404, "/healthz and /readyz are here\n");
    },
  );
  // Probes come one by one; whoever says nothing keeps others out for a moment at most.
  server.headersTimeout = 2_000;
  server.requestTimeout = 4_000;
  server.keepAliveTimeout = 1_000;
  server.maxConnections = 256;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ ...listen }, resolve);
  await promise;
  const { address, port, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
