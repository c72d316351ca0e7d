// The part of up.ts that is in a network of its own: inside.ts DIRECTORY NODES API EC2. Leads DIRECTORY/api.sock and
// DIRECTORY/ec2.sock to the API server and to EC2, which outside are at the ports API and EC2; DIRECTORY/env says so.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { Cluster, API_PORT } from "./cluster.ts";
import { openDoor } from "./door.ts";
import { environmentText, furnish, playground } from "./playground.ts";
import { EC2_PORT } from "./site/gate.ts";
import { kubernetesDirectory } from "../setup/kubernetes.ts";

const [directory = "", nodes = "1", api = "", ec2 = ""] = process.argv.slice(2);
const end = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => end.abort());
process.stdin.on("end", () => end.abort()).resume();

const since = Date.now();
const say = (line: string) =>
  process.stdout.write(`${((Date.now() - since) / 1000).toFixed(0).padStart(4)} s  ${line}\n`);
const file = (name: string) => path.join(directory, name);

await using cluster = await Cluster.start({ nodes: Number(nodes), world: playground, say });
const things = await furnish(cluster);
const doors = [
  await openDoor({ path: file("api.sock") }, { port: API_PORT, host: "127.0.0.1" }),
  await openDoor({ path: file("ec2.sock") }, { port: EC2_PORT, host: "127.0.0.1" }),
];
const admin = { user: "admin", groups: ["system:masters"] };
const kubeconfig = await cluster.api.kubeconfigTextFor(admin, `https://127.0.0.1:${api}`);
writeFileSync(file("kubeconfig"), kubeconfig, { mode: 0o600 });
const programs = [kubernetesDirectory(), path.resolve(import.meta.dirname, "../../dist")];
const ways = { kubeconfig: file("kubeconfig"), ec2: `http://127.0.0.1:${ec2}`, programs };
const environment = environmentText(ways, things);
writeFileSync(file("env"), environment, { mode: 0o600 });
process.stdout.write(`
In another shell:

. ${file("env")}

It sets:
${environment.trimEnd().replaceAll(/^/gm, "  ")}

Then, for example:
  kubectl get pods -A -o wide
  branchline doctor
  aws ec2 describe-security-groups     (if there is an AWS CLI)

DATABASE is a machine of the VPC with the group DB_GROUP, which admits CLIENT_GROUP and nobody else; IMAGE is busybox, and on
every node. docs/by-hand.md gives a pod that group. In a browser on this machine EC2 shows itself at ${ways.ec2}/
Network and mounts of its own: nsenter -t ${process.pid} -n -m
Ctrl-C ends it.
`);
if (!end.signal.aborted) await once(end.signal, "abort");
say("ending");
for (const door of doors) door.close();
// Our parent closes its end when we are gone.
process.stdin.destroy();
