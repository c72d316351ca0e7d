import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A small HTTP server of a part that runs for long: probes and scrapes, which come one by one. */

export interface Page {
  readonly status?: number;
  /** By default text/plain in UTF-8. */
  readonly type?: string;
  readonly text: string;
}

export interface HttpServer extends AsyncDisposable {
  /** With the port that was taken. */
  readonly url: string;
}

/** ADDRESS:PORT, an IPv6 address in brackets, port 0 for any; undefined if it is none. */
export function readListen(text: string): { readonly host: string; readonly port: number } | undefined {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  return found === null || port > 65_535 ? undefined : { host: found[1] ?? found[2] ?? "", port };
}

/** Rejects when the address cannot be had. A page that fails is answered with 500 and its error. */
export async function servePages(
  listen: { readonly host: string; readonly port: number },
  pages: Readonly<Record<string, () => Page | Promise<Page>>>,
): Promise<HttpServer> {
  const pageAt = async (path: string): Promise<Page> => {
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (page === undefined)
      return { status: 404, text: `${Object.keys(pages).join(" and ")}: no more here\n` };
    try {
      return await page();
    } catch (error) {
      return { status: 500, text: `${String(error)}\n` };
    }
  };
  const server = createServer(
    { connectionsCheckingInterval: 1_000, keepAlive: false },
    (request, response) => {
      void pageAt((request.url ?? "").split("?")[0] ?? "").then(({ status = 200, type, text }) =>
        response
          .writeHead(status, { "content-type": type ?? "text/plain; charset=utf-8", connection: "close" })
          .end(text),
      );
    },
  );
  // One that sends thousands without reading the answers would keep the process busy with nothing else.
  server.maxRequestsPerSocket = 1;
  // Whoever says nothing keeps others out for a moment at most.
  server.headersTimeout = 2_000;
  server.requestTimeout = 4_000;
  server.maxConnections = 256;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  // Without an address Node takes all of them, IPv6 or not.
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
