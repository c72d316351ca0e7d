import { type DoctorFlags, doctor as run } from "../../src/doctor/command.ts";
import type { PeopleCommand } from "./people-command.ts";

export const doctor: PeopleCommand<DoctorFlags> = {
  command: "doctor",
  summary: "What is wrong with a cluster or a node, why it matters, and what to do",
  description: `looks for what keeps pods from their branches, or gives them other groups than they should have.

Each check has a code that never changes, such as BL004, and a section in docs/doctor.md.
What it may not look at it calls unknown, and names the permission that is missing.

With --local it looks at the node on which it runs, as root, without an API server and EC2.
With --bundle it writes what it looked at into a file for a bug report, without secrets.`,
  build: (yargs) =>
    yargs.options({
      local: { type: "boolean", default: false, describe: "This node, instead of the cluster" },
      check: {
        type: "string",
        requiresArg: true,
        describe: "Only these, such as BL004,BL018",
      },
      bundle: { type: "string", requiresArg: true, describe: "A file to write, which must not be there" },
      stateDir: {
        alias: "state-dir",
        type: "string",
        requiresArg: true,
        default: "/run/branchline",
        describe: "With --local",
      },
      cniBinDir: {
        alias: "cni-bin-dir",
        type: "string",
        requiresArg: true,
        default: "/opt/cni/bin",
        describe: "With --local",
      },
      cniConfDir: {
        alias: "cni-conf-dir",
        type: "string",
        requiresArg: true,
        default: "/etc/cni/net.d",
        describe: "With --local",
      },
    }),
  examples: [
    ["doctor", "The cluster of the current context"],
    ["doctor --no-ec2", "Without credentials for EC2"],
    ["doctor --local", "This node"],
    ["doctor --check BL004,BL018", "Two checks only"],
    ["doctor -o json | jq '.checks[] | select(.result == \"problem\")'", "For scripts"],
    ["doctor --bundle bundle.json", "For a bug report"],
  ],
  run,
};
