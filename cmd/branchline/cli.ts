import yargs from "yargs";
import { SUPPORTED_VERSIONS } from "../../src/cni/versions.ts";
import { runScript } from "./load-script.ts";

declare const BRANCHLINE_VERSION: string;

export interface CommandLine {
  commandLine(args: readonly string[]): Promise<number>;
}

/** Commands with a script of their own, which is loaded only when its name is the first argument. */
const COMMANDS: Readonly<Record<string, string>> = {
  agent: "agent.cjs",
  cleanup: "cleanup.cjs",
  controller: "controller.cjs",
  simulate: "simulate.cjs",
  uninstall: "uninstall.cjs",
};

const DESCRIPTION = `branchline: security groups for pods on EC2.

This is a CNI plugin. A container runtime calls it with CNI_COMMAND in the environment and a network configuration on
stdin; it is chained after the node's primary plugin (for example aws-cni).

branchline agent: what a node needs besides the plugin; see branchline agent --help.
branchline uninstall: takes the plugin's list away from every node of a cluster; see branchline uninstall --help.
branchline controller: gives nodes their trunks and pods their branches; see branchline controller --help.
branchline cleanup: deletes what a cluster that is no more has left in EC2; see branchline cleanup --help.
branchline simulate: EC2 and instance metadata on this machine, for trying things out; see branchline simulate --help.

Supported CNI versions: ${SUPPORTED_VERSIONS.join(", ")}.`;

/** The command line for people who run the executable by hand; returns the exit status. */
export async function commandLine(args: readonly string[]): Promise<number> {
  const [command = "", ...rest] = args;
  const script = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (script !== undefined) return runScript(script, rest);
  let status = 0;
  await yargs([...args])
    .scriptName("branchline")
    .usage(DESCRIPTION)
    .version(BRANCHLINE_VERSION)
    .help()
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      status = 2;
      process.stderr.write(`branchline: ${message ?? error.message}; see branchline --help\n`);
    })
    .command("$0", false, {}, () => {
      // yargs also runs this after it has rejected the arguments.
      if (status !== 0) return;
      status = 2;
      process.stderr.write("branchline: CNI_COMMAND is not set; see branchline --help\n");
    })
    .parseAsync();
  return status;
}
