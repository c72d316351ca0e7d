// Doors between networks: a unix socket leads from one to the other.
import { once } from "node:events";
import { connect, createServer, type ListenOptions, type NetConnectOpts, type Server } from "node:net";

/** Leads whoever connects here on to there. Listens when it resolves. */
export async function openDoor(here: ListenOptions, there: NetConnectOpts): Promise<Server> {
  const door = createServer((client) => {
    const server = connect(there);
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) socket.on("error", () => socket.destroy());
    // Whoever leaves takes the other along.
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
  }).listen(here);
  await once(door, "listening");
  return door;
}

/** The port of one that listens on an address. */
export function portOf(door: Server): number {
  return (door.address() as { readonly port: number }).port;
}
