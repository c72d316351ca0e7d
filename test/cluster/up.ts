/**
 * A cluster to play with, on this machine's own kernel, until Ctrl-C:
 *
 *     node test/cluster/up.ts [--nodes 1]
 *
 * Needs root, and what `make cluster` builds and installs. It is in a network and mounts of its own; the only things outside
 * are a port on loopback that leads to the API server, and a directory with the kubeconfig, which both go with it.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import path from "node:path";
import { parseArgs } from "node:util";
import { keptDirectory } from "../ground/kubernetes/scratch.ts";
import { runApart } from "./apart.ts";

const { values } = parseArgs({ options: { nodes: { type: "string", default: "1" } } });
if (!/^[1-9]$/.test(values.nodes)) {
  process.stderr.write(`up.ts: --nodes is a number from 1 to 9, not "${values.nodes}"\n`);
  process.exit(2);
}

const directory = keptDirectory("cluster", 0);
const door = path.join(directory.path, "api.sock");
// A unix socket leads from one network to the other.
const relay = createServer((client) => {
  const server = connect(door);
  client.pipe(server).pipe(client);
  for (const socket of [client, server]) socket.on("error", () => socket.destroy());
}).listen(0, "127.0.0.1");
await once(relay, "listening");
const { port } = relay.address() as { readonly port: number };

const status = await runApart(path.join(import.meta.dirname, "inside.ts"), [
  directory.path,
  String(port),
  values.nodes,
]);
relay.close();
await directory.remove();
process.exit(status);
