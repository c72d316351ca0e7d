/** `branchline simulate`: a script of its own, which cli.ts loads when it is the first argument. */
export { simulate as commandLine } from "../../src/simulator/command.ts";
