import { createServer } from "node:net";

// Below those that the kernel gives to connections: a server that is down for a moment gets its port back.
const FIRST = 20_000;
const COUNT = 10_000;

/** A port of loopback on which nobody listens now. Somebody else may take it first, so a bind has to be tried again. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port found from ${FIRST} to ${FIRST + COUNT - 1}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
