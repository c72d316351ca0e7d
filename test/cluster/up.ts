/**
 * A cluster to play with, on this machine's own kernel, until Ctrl-C:
 *
 *     node test/cluster/up.ts [--nodes 1]
 *
 * Needs root, and what `make cluster` builds and installs. It is in a network and mounts of its own; the only things outside
 * are a port on loopback that leads to the API server, and a directory with the kubeconfig, which both go with it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import path from "node:path";
import { parseArgs } from "node:util";
import { keptDirectory } from "../ground/kubernetes/scratch.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");

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

const child = spawn(
  process.execPath,
  [
    ["--require", path.join(ROOT, "test/native/namespaces.ts")],
    [path.join(import.meta.dirname, "inside.ts"), directory.path, String(port), values.nodes],
  ].flat(),
  // It ends when its stdin does: with us, however that is.
  {
    stdio: ["pipe", "inherit", "inherit"],
    env: { ...process.env, VLAN_STAND_IN: "macvlan" },
    detached: true,
  },
);
// In a group of its own: a terminal's Ctrl-C comes here only, and is passed on once.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill("SIGTERM"));
const [status] = (await once(child, "exit")) as [number | null];
relay.close();
await directory.remove();
process.exit(status ?? 1);
