import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Operation } from "./model/operation.ts";

/** A sequence of operations as a file: it can be run again without the generator that made it. */
export function writeSequence(
  directory: string,
  name: string,
  operations: readonly Operation[],
  about: Readonly<Record<string, unknown>>,
): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name}.json`);
  const lines = operations.map((operation) => `    ${JSON.stringify(operation)}`);
  const head = Object.entries(about).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`,
  );
  writeFileSync(file, `{\n${head.join("")}  "operations": [\n${lines.join(",\n")}\n  ]\n}\n`);
  return file;
}

export function readSequence(file: string): Operation[] {
  const { operations } = JSON.parse(readFileSync(file, "utf8")) as { operations?: Operation[] };
  if (!Array.isArray(operations)) throw new TypeError(`${file} is no sequence of operations`);
  return operations;
}
