import { type ExplainFlags, explain as run } from "../../src/explain/command.ts";
import type { PeopleCommand } from "./people-command.ts";

export const explain: PeopleCommand<ExplainFlags> = {
  command: "explain [kind] [name]",
  summary: "Which groups a pod has and why, and why it does or does not reach something",
  description: `says which SecurityGroupPolicies
select a pod and why the others do not, which groups follow, which groups its
network interface really has, and why a pod waits that waits.

Then it follows packets: to or from what is asked, otherwise to the pod's name
servers and from kubelet's probes. Each hop is shown with the rule that decides.
The last line is the answer: reaches, does not reach with the reason, or cannot
say with what could not be looked at. Where a security group is in the way, the
smallest rule that helps is shown as a command of the AWS CLI.

HOST is an address, a Service (NAME, NAME.NAMESPACE, or with .svc), or a name
that the resolver of this machine knows. explain only reads: the API server by
your kubeconfig, and EC2 by the AWS SDK's credentials. It sends no packets.`,
  build: (yargs) =>
    yargs
      .positional("kind", { type: "string", describe: "pod, or pod/NAME" })
      .positional("name", { type: "string", describe: "The pod's name" })
      .options({
        to: {
          type: "string",
          requiresArg: true,
          describe: "From the pod to HOST:PORT or HOST:PORT/udp",
        },
        toPod: {
          alias: "to-pod",
          type: "string",
          requiresArg: true,
          describe: "From the pod to another one: NAMESPACE/NAME:PORT",
        },
        fromNode: {
          alias: "from-node",
          type: "boolean",
          default: false,
          describe: "From the pod's node to the pod, at each port that it declares",
        },
        fromPod: {
          alias: "from-pod",
          type: "string",
          requiresArg: true,
          describe: "From another pod to this one: NAMESPACE/NAME, at each port that it declares",
        },
        port: {
          type: "string",
          requiresArg: true,
          describe: "With --from-node and --from-pod: only this one, PORT or PORT/udp",
        },
      }),
  examples: [
    ["explain pod web-0", "Its groups, its DNS, its probes"],
    ["explain pod web-0 --to db.example.com:5432", "Why it does not reach its database"],
    ["explain pod web-0 --to orders.data.svc:80", "A Service, with each endpoint"],
    ["explain pod web-0 --to-pod data/db-0:5432", "Another pod"],
    ["explain pod db-0 -n data --from-pod shop/web-0", "The same from the other end"],
    ["explain pod web-0 --from-node --port 8080", "What kubelet's probe would meet"],
    ["explain pod web-0 -o json | jq -r .line", "For scripts"],
  ],
  run,
};
