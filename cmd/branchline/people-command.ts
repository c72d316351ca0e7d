import type { Argv } from "yargs";
import type { Around, CommonFlags } from "../../src/facts/around.ts";
import { CannotLookError, EXIT } from "../../src/facts/exit-status.ts";
import { UsageError } from "../../src/sys/command-line.ts";
import { messageOf, stackOf } from "../../src/text/error-words.ts";

/** A command for people: it only reads. One file each. */
export interface PeopleCommand<T> {
  /** As yargs takes it: the name and the positional arguments. */
  readonly command: string;
  /** A line for the list of commands. */
  readonly summary: string;
  /** Paragraphs for its own help; they follow the command and a colon. */
  readonly description: string;
  /** Its own flags and positional arguments. */
  readonly build: (yargs: Argv<CommonFlags>) => Argv<T>;
  /** Arguments after the program's name, and what they show. */
  readonly examples: readonly (readonly [args: string, what: string])[];
  /** Gives the exit status, or throws UsageError, KubeconfigError or CannotLookError. */
  readonly run: (flags: T, around: Around) => Promise<number>;
}

export const OUTPUTS = ["text", "json"] as const;

/** kubectl's flags, and those for EC2. */
export const COMMON_FLAGS = {
  namespace: {
    alias: "n",
    type: "string",
    requiresArg: true,
    describe: "Of which namespace; otherwise that of the kubeconfig's context",
  },
  allNamespaces: { alias: ["A", "all-namespaces"], type: "boolean", default: false, describe: "Of all" },
  kubeconfig: {
    type: "string",
    requiresArg: true,
    describe: "Otherwise KUBECONFIG, what a pod has, or ~/.kube/config",
  },
  context: {
    type: "string",
    requiresArg: true,
    describe: "A context of the kubeconfig, not its current one",
  },
  output: {
    alias: "o",
    choices: OUTPUTS,
    default: "text",
    requiresArg: true,
    describe: "json: for scripts, in a form that stays",
  },
  ec2: {
    type: "boolean",
    default: true,
    describe: "Ask EC2, with the AWS SDK's credentials; --no-ec2: do not",
  },
  region: {
    type: "string",
    requiresArg: true,
    describe: "Of EC2; otherwise AWS_REGION, AWS_DEFAULT_REGION, an EKS kubeconfig's, or what the nodes say",
  },
  clusterName: {
    alias: "cluster-name",
    type: "string",
    requiresArg: true,
    describe: "In EC2's tags; otherwise the controller's, or an EKS kubeconfig's",
  },
} as const;

export function withCommonFlags(yargs: Argv): Argv<CommonFlags> {
  return yargs.options(COMMON_FLAGS);
}

/** The exit status, and what is to be said on stderr, if anything. `signal` is the command's own. */
export async function outcomeOf(
  run: () => Promise<number>,
  signal: AbortSignal,
): Promise<{ readonly exit: number; readonly words: string | undefined }> {
  try {
    return { exit: await run(), words: undefined };
  } catch (error) {
    const isUsage =
      error instanceof UsageError || (error instanceof Error && error.name === "KubeconfigError");
    if (isUsage) return { exit: EXIT.usage, words: messageOf(error) };
    if (signal.aborted) return { exit: EXIT.cannotLook, words: messageOf(signal.reason) };
    const words = error instanceof CannotLookError ? error.message : stackOf(error);
    return { exit: EXIT.cannotLook, words };
  }
}
