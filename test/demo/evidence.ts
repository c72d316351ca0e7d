// What the rows of the table are computed from: what commands printed, kept in files.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/** A command and all that it printed. */
export interface Look {
  readonly command: string;
  readonly printed: string;
}

export class Evidence {
  readonly directory: string;
  #count = 0;

  /** Empties the directory. */
  constructor(directory: string) {
    this.directory = directory;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
  }

  /** Writes what a row was computed from; gives the file's name. */
  keep(row: string, looks: readonly Look[]): string {
    this.#count += 1;
    const file = `${String(this.#count).padStart(2, "0")}-${row.replaceAll(" ", "-")}.txt`;
    const text = looks.map(({ command, printed }) => `$ ${command}\n${printed.trimEnd()}\n`).join("\n");
    writeFileSync(path.join(this.directory, file), text);
    return file;
  }
}
