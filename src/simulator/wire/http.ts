import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Bytes of a request's body. */
export const MAX_BODY = 1024 * 1024;
/** Bytes of one that is refused: a client that sends more is cut off. */
const MAX_REFUSED = 64 * 1024 * 1024;
const MAX_HEADERS = 64 * 1024;
const REQUEST_MS = 30_000;
const HEADERS_MS = 10_000;
const MAX_CONNECTIONS = 2000;

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class BodyTooLarge extends Error {}

/** Listens at `host:port`, where port 0 is any; gives the server and its URL. */
export async function listen(
  address: string,
  handle: (request: IncomingMessage, body: string) => Promise<Reply> | Reply,
  tooLarge: () => Reply,
): Promise<{ server: Server; url: string }> {
  const { host, port } = readListen(address);
  const server = createServer(
    { maxHeaderSize: MAX_HEADERS, requestTimeout: REQUEST_MS, headersTimeout: HEADERS_MS },
    (request, response) => void answer(request, response, handle, tooLarge),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
  return {
    server,
    url: `http://${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`,
  };
}

/** `127.0.0.1:0`, `[::1]:8080`: an address and a port. Throws in one line. */
export function readListen(address: string): { host: string; port: number } {
  const parsed = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(address);
  const host = parsed?.[1] ?? parsed?.[2];
  const port = Number(parsed?.[3]);
  if (host === undefined || port > 65535)
    throw new TypeError(`"${address}" is no address and port, such as 127.0.0.1:0`);
  return { host, port };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handle: (request: IncomingMessage, body: string) => Promise<Reply> | Reply,
  tooLarge: () => Reply,
): Promise<void> {
  let reply: Reply;
  try {
    reply = await handle(request, await readBody(request));
  } catch (error) {
    // The client is gone, or was cut off: there is nobody to answer.
    if (!(error instanceof BodyTooLarge)) {
      response.destroy();
      return;
    }
    reply = tooLarge();
  }
  // Head and body go out in one write: AWS's controller loses a body that comes after its head.
  response.writeHead(reply.status, {
    "Content-Type": reply.type,
    "Content-Length": Buffer.byteLength(reply.body),
    ...reply.headers,
  });
  response.end(request.method === "HEAD" ? undefined : reply.body);
}

/** Reads what is too large to its end, and drops it: a client that is cut off while it writes never sees the answer. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    length += (chunk as Buffer).length;
    if (length > MAX_REFUSED) throw new Error(`more than ${MAX_REFUSED} bytes`);
    if (length <= MAX_BODY) chunks.push(chunk as Buffer);
  }
  if (length > MAX_BODY) throw new BodyTooLarge();
  return Buffer.concat(chunks).toString("utf8");
}
