import { status as run, type StatusFlags } from "../../src/status/command.ts";
import type { PeopleCommand } from "./people-command.ts";

export const status: PeopleCommand<StatusFlags> = {
  command: "status",
  summary: "Nodes with their trunks, pods with their branches and groups, policies, and what is wrong",
  description: `shows which security groups each pod has, and why not those that it should have.

Problems come first. Of a namespace it shows the pods, the policies and the nodes on which its pods are;
with -A all of the cluster, with --node one node and what is on it. docs/status.md says what each column means.

With --local it compares the records of the node on which it runs with the kernel.

What it may not look at it names, with the permission that is missing.`,
  build: (yargs) =>
    yargs.options({
      node: { type: "string", requiresArg: true, describe: "Only this node, and the pods on it" },
      local: {
        type: "boolean",
        default: false,
        describe: "The node on which it runs, as root, without credentials",
      },
      stateDir: {
        alias: "state-dir",
        type: "string",
        requiresArg: true,
        default: "/run/branchline",
        describe: "With --local",
      },
    }),
  examples: [
    ["status", "The namespace of the current context"],
    ["status -A", "All namespaces"],
    ["status --node ip-10-0-1-23.ec2.internal", "One node, and the pods on it"],
    ["status --local", "Records, devices and rules of this node"],
    ["status -n shop --no-ec2", "Without credentials for EC2"],
    ["status -A -o json | jq -r '.pods[] | select(.state == \"uncovered\") | .name'", "For scripts"],
  ],
  run,
};
