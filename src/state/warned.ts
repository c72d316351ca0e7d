import { closeSync, writeSync } from "node:fs";
import { ForeignFileError, appendOwn, ensureOwnDirectory, readOwn } from "../sys/files.ts";

/** Bytes. Beyond this, warnings are not remembered and so repeat. */
const MAX_REMEMBERED = 64 * 1024;

/**
 * The lines to log for a warning: each warning once per verb and boot. A bad configuration would otherwise repeat for
 * every pod and every STATUS. A warning that cannot be remembered is logged again, with the reason if something else is in
 * the file's place.
 */
export function warningsToLog(stateDirectory: string, verb: string, text: string): readonly string[] {
  const path = `${stateDirectory}/warned`;
  const line = `${JSON.stringify(`${verb}: ${text}`)}\n`;
  try {
    ensureOwnDirectory(stateDirectory);
    const said = readOwn(path, 2 * MAX_REMEMBERED) ?? "";
    if (said.includes(line)) return [];
    if (said.length + line.length <= MAX_REMEMBERED) append(path, line);
  } catch (error) {
    if (error instanceof ForeignFileError) return [text, error.message];
  }
  return [text];
}

function append(path: string, line: string): void {
  const fd = appendOwn(path, 0o600);
  try {
    writeSync(fd, line);
  } finally {
    closeSync(fd);
  }
}
