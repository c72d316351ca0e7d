import { writeSync } from "node:fs";
import { basename } from "node:path";
import { runtime } from "#runtime";
import yargs, { type Argv } from "yargs";
import { SUPPORTED_VERSIONS } from "../../src/cni/versions.ts";
import type { Around } from "../../src/facts/around.ts";
import { EXIT } from "../../src/facts/exit-status.ts";
import { endedBySignal } from "../../src/sys/command-line.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { errorCode } from "../../src/sys/errno.ts";
import { architecture } from "../../src/sys/architecture.ts";
import { inOneLine, messageOf } from "../../src/text/error-words.ts";
import { quote } from "../../src/text/json.ts";
import { styleOf } from "../../src/text/style.ts";
import { valuesFor } from "./complete.ts";
import { doctor as doctorCommand } from "./doctor.ts";
import { explain as explainCommand } from "./explain.ts";
import { outcomeOf, type PeopleCommand, withCommonFlags } from "./people-command.ts";
import { status as statusCommand } from "./status.ts";
import { commandIn, meantBy } from "./words.ts";

/** The command line for people: commands that only read, help, completion. A script of its own, which cli.ts loads. */

declare const BRANCHLINE_VERSION: string;

const DESCRIPTION = `branchline: security groups for pods on EC2.

This is a CNI plugin. A container runtime calls it with CNI_COMMAND in the environment and a network configuration on
stdin; it is chained after the node's primary plugin (for example aws-cni). People call it with a command, also as
kubectl branchline when it is on the PATH as kubectl-branchline.`;

/** Commands with scripts of their own, and their own help. */
const OTHERS: readonly (readonly [name: string, summary: string])[] = [
  ["agent", "What a node needs besides the plugin"],
  ["controller", "Gives nodes their trunks and pods their branches"],
  ["uninstall", "Takes the plugin's list away from every node of a cluster"],
  ["cleanup", "Deletes what a cluster that is no more has left in EC2"],
  ["simulate", "EC2 and instance metadata on this machine, for trying things out"],
];

const EXIT_STATUS =
  "Exit status: 0 all is well; 1 there are problems; 2 the arguments cannot be used; 3 it could not look.";

/** kubectl runs a plugin by this name, and asks the other for its completion. */
const PLUGIN = "kubectl-branchline";
const PLUGIN_COMPLETION = "kubectl_complete-branchline";
/** What kubectl is told after the candidates: they are no files (cobra's ShellCompDirectiveNoFileComp). */
const NO_FILES = ":4";
const COMPLETION = "completion";
/** Whoever does not know that it is a flag. */
const VERSION = "version";
/** How a completion script asks for candidates; the program's name follows, and what stands on the line. */
const ASK_FOR_CANDIDATES = "--get-yargs-completions";
/** Widest help, in columns. */
const WIDEST = 110;

/** Gives the exit status. */
export async function commandLine(args: readonly string[]): Promise<number> {
  const called = basename(process.argv0);
  const program = called === PLUGIN ? "kubectl branchline" : "branchline";
  let status: number | undefined;
  const fail = (words: string, exit: number) => {
    status = exit;
    process.stderr.write(`branchline: ${inOneLine(words)}\n`);
  };
  const around = aroundOf(program);
  // The shell's own script gives the flag and the program's name first.
  const line = args[0] === ASK_FOR_CANDIDATES ? args.slice(2) : args;
  const isVersion = args.length === 1 && args[0] === VERSION;
  const root = withCommonFlags(yargs(isVersion ? [`--${VERSION}`] : [...args]))
    .scriptName(program)
    .usage(`${DESCRIPTION}\n\n  $0 COMMAND`)
    .epilogue(`${EXIT_STATUS}\n\nSupported CNI versions: ${SUPPORTED_VERSIONS.join(", ")}.`)
    .version(`${BRANCHLINE_VERSION} (linux/${architecture()}, ${runtime.name} ${runtime.version})`)
    .help()
    .alias("help", "h")
    .strict()
    .wrap(Math.min(WIDEST, process.stdout.columns ?? WIDEST))
    .parserConfiguration({ "duplicate-arguments-array": false })
    .completion(
      COMPLETION,
      "Prints a script by which bash or zsh complete commands and flags",
      completeIn(line),
    )
    .exitProcess(false)
    .fail((message, error) => {
      if (status !== undefined) return;
      const words = wrongCommand(args) ?? `${message ?? messageOf(error)};`;
      fail(`${words} see ${program} --help`, EXIT.usage);
    })
    .command("$0", false, {}, () => {
      // yargs also runs this after it has rejected the arguments.
      if (status !== undefined) return;
      const such = "no command is given, such as status, explain or doctor, and CNI_COMMAND is not set";
      fail(`${such}; see ${program} --help`, EXIT.usage);
    });
  const register = <T>(command: PeopleCommand<T>) =>
    root.command(
      command.command,
      command.summary,
      (own) => documented(command.build(own as never), command, program),
      async (flags) => {
        if (status !== undefined) return;
        const { exit, words } = await outcomeOf(() => command.run(flags as never, around), around.signal);
        if (words === undefined) status = exit;
        else
          fail(
            exit === EXIT.usage ? `${words}; see ${program} ${command.command.split(" ")[0]} --help` : words,
            exit,
          );
      },
    );
  register(statusCommand);
  register(explainCommand);
  register(doctorCommand);
  for (const [name, summary] of OTHERS) {
    // cli.ts runs its script where it is the first argument.
    root.command(name, summary, {}, () => {
      if (status === undefined) fail(`${name} is to come first: ${program} ${name} --help`, EXIT.usage);
    });
  }
  if (called === PLUGIN_COMPLETION) {
    await root.parseAsync([ASK_FOR_CANDIDATES, program, ...args]);
    around.write(`${NO_FILES}\n`);
    return EXIT.fine;
  }
  // yargs prints the script, and then takes the command for one that it does not know.
  if (args.length === 1 && args[0] === COMPLETION) {
    root.showCompletionScript();
    return EXIT.fine;
  }
  await root.parseAsync();
  return status ?? EXIT.fine;
}

const PEOPLES = [statusCommand, explainCommand, doctorCommand].map(
  ({ command }) => command.split(" ")[0] ?? "",
);

/** What is said of a command that there is not; undefined when there is one, or none was given. */
function wrongCommand(args: readonly string[]): string | undefined {
  const commands = [...PEOPLES, ...OTHERS.map(([name]) => name), COMPLETION];
  const word = commandIn(args);
  if (word === undefined || commands.includes(word)) return undefined;
  const meant = meantBy(word, commands);
  return `there is no command ${quote(word)}${meant === undefined ? ":" : `; did you mean ${meant}?`}`;
}

type Defaults = (done: (error: Error | null, candidates: string[] | undefined) => void) => void;

/** What may stand at the end of the line: yargs gives flags of one letter two dashes. */
function completeIn(words: readonly string[]) {
  const values = valuesFor(words);
  return (
    current: string,
    _argv: unknown,
    defaults: Defaults,
    done: (candidates: string[]) => void,
  ): void => {
    const tell = (all: readonly string[]) => done(all.filter((one) => one.startsWith(current)));
    if (values !== undefined) tell(values);
    else defaults((_error, candidates = []) => tell(candidates.map((one) => one.replace(/^--(?=.$)/, "-"))));
  };
}

/** A command's own help, as a manual page has it. */
function documented<T>(own: Argv<T>, command: PeopleCommand<T>, program: string): Argv<T> {
  const documentedOne = own
    .usage(`${program} ${command.command}: ${command.description}`)
    .epilogue(EXIT_STATUS)
    .version(false);
  for (const [args, what] of command.examples) documentedOne.example(`${program} ${args}`, what);
  return documentedOne;
}

function aroundOf(program: string): Around {
  const { env } = process;
  const isColoured = process.stdout.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  return {
    env,
    version: BRANCHLINE_VERSION,
    program,
    style: styleOf(isColoured),
    width: process.stdout.isTTY ? process.stdout.columns : undefined,
    write,
    warn: (line) => void process.stderr.write(`${line}\n`),
    signal: endedBySignal(),
    now: Date.now,
  };
}

const STDOUT = 1;

/** Synchronously: the process ends at once when the command has ended. Whoever reads may have enough before that. */
function write(text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(STDOUT, bytes, done);
    } catch (error) {
      const code = errorCode(error);
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
      systemClock.sleep(1);
    }
  }
}
