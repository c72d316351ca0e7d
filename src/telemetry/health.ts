import { type HttpServer, servePages } from "./http.ts";

/** `/healthz` and `/readyz` of a part that runs for long, as kubelet asks them. */

export interface Health {
  readonly isReady: boolean;
  /** A line for each condition. */
  report(): string;
}

/** Rejects when the address cannot be had. */
export function serveHealth(
  listen: { readonly host: string; readonly port: number },
  health: Health,
): Promise<HttpServer> {
  return servePages(listen, {
    // That it answers is all that this says: a process whose loop stands still does not.
    "/healthz": () => ({ text: "ok\n" }),
    "/readyz": () => ({ status: health.isReady ? 200 : 503, text: health.report() }),
  });
}
