/**
 * A cluster to play with, on this machine's own kernel, until Ctrl-C:
 *
 *     node test/cluster/up.ts [--nodes 1]
 *
 * Needs root, and what `make cluster` builds and installs. It is in a network and mounts of its own; the only things outside
 * are two ports on loopback that lead to the API server and to EC2, and a directory with the kubeconfig and the variables of a
 * shell, which all go with it.
 */
import path from "node:path";
import { parseArgs } from "node:util";
import { keptDirectory } from "../ground/kubernetes/scratch.ts";
import { runApart } from "./apart.ts";
import { openDoor, portOf } from "./door.ts";

const { values } = parseArgs({ options: { nodes: { type: "string", default: "1" } } });
if (!/^[1-9]$/.test(values.nodes)) {
  process.stderr.write(`up.ts: --nodes is a number from 1 to 9, not "${values.nodes}"\n`);
  process.exit(2);
}

const directory = keptDirectory("cluster", 0);
const leadTo = (name: string) =>
  openDoor({ port: 0, host: "127.0.0.1" }, { path: path.join(directory.path, `${name}.sock`) });
const [api, ec2] = [await leadTo("api"), await leadTo("ec2")];

const status = await runApart(path.join(import.meta.dirname, "inside.ts"), [
  directory.path,
  values.nodes,
  String(portOf(api)),
  String(portOf(ec2)),
]);
for (const door of [api, ec2]) door.close();
await directory.remove();
process.exit(status);
