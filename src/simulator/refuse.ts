import { messageOf } from "../text/error-words.ts";

/** Says on stderr, in one line, why a command cannot be; gives its exit status. */
export function refuse(command: string, error: unknown): number {
  const [line] = messageOf(error).split("\n");
  process.stderr.write(`branchline ${command}: ${line}; see branchline ${command} --help\n`);
  return 2;
}
