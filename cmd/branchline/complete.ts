import { CHECKS } from "../../src/doctor/checks/index.ts";
import { OUTPUTS } from "./people-command.ts";

/** Values that a shell may offer, beside what yargs knows: it offers none for `--flag=` and for what is no list of choices. */

/** With `-o` as its short form. Of `--check` several may stand in one word, with commas between them. */
const FLAGS = ["-o", "--output", "--check"] as const;

/**
 * `words`: those after the program's name, of which the last is the one that is completed. Undefined: they end in no value of
 * a flag that has some.
 */
export function valuesFor(words: readonly string[]): readonly string[] | undefined {
  const current = words.at(-1) ?? "";
  const joined = joinedTo(current);
  if (joined !== undefined) return valuesOf(joined, current.slice(joined.length), words, joined);
  // bash takes --flag=value for three words.
  const before = words.at(-2) === "=" ? words.at(-3) : words.at(-2);
  if (words[0] === "explain" && words.length === 2 && !current.startsWith("-")) return ["pod"];
  return before === undefined ? undefined : valuesOf(before, current, words, "");
}

/** What of a word comes before the value that is in it too, such as `--output=` or `-o`. */
function joinedTo(word: string): string | undefined {
  return FLAGS.map((flag) => (flag.startsWith("--") ? `${flag}=` : flag)).find(
    (beginning) => word.startsWith(beginning) && (word !== beginning || beginning.endsWith("=")),
  );
}

function valuesOf(
  flag: string,
  value: string,
  words: readonly string[],
  prefix: string,
): readonly string[] | undefined {
  const name = FLAGS.find((one) => one === flag.replace(/=$/, ""));
  if (name === undefined) return undefined;
  if (name !== "--check") return OUTPUTS.map((one) => `${prefix}${one}`);
  const place = words.includes("--local") ? "node" : "cluster";
  const given = value.slice(0, value.lastIndexOf(",") + 1);
  return CHECKS.filter((check) => check.place === place).map(({ code }) => `${prefix}${given}${code}`);
}
