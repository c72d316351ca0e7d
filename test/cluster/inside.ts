// The part of up.ts that is in a network of its own: inside.ts DIRECTORY PORT NODES. Leads DIRECTORY/api.sock to the API
// server, whose kubeconfig for outside, DIRECTORY/kubeconfig, says PORT.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import path from "node:path";
import { Cluster, API_PORT } from "./cluster.ts";
import { kubernetesDirectory } from "../setup/kubernetes.ts";

const [directory = "", port = "", nodes = "1"] = process.argv.slice(2);
const end = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => end.abort());
process.stdin.on("end", () => end.abort()).resume();

const since = Date.now();
const say = (line: string) =>
  process.stdout.write(`${((Date.now() - since) / 1000).toFixed(0).padStart(4)} s  ${line}\n`);

await using cluster = await Cluster.start({ nodes: Number(nodes), say });
const relay = createServer((client) => {
  const server = connect(API_PORT, "127.0.0.1");
  client.pipe(server).pipe(client);
  for (const socket of [client, server]) socket.on("error", () => socket.destroy());
}).listen(path.join(directory, "api.sock"));
const kubeconfig = path.join(directory, "kubeconfig");
const admin = { user: "admin", groups: ["system:masters"] };
const text = await cluster.api.kubeconfigTextFor(admin, `https://127.0.0.1:${port}`);
writeFileSync(kubeconfig, text, { mode: 0o600 });
process.stdout.write(`
export KUBECONFIG=${kubeconfig} PATH=${kubernetesDirectory()}:$PATH
kubectl get pods -A -o wide

Its network: nsenter -t ${process.pid} -n -m   (ip netns; EC2 is at ${cluster.site.ec2})
Ctrl-C ends it.
`);
if (!end.signal.aborted) await once(end.signal, "abort");
say("ending");
relay.close();
// Our parent closes its end when we are gone.
process.stdin.destroy();
