import { appendFileSync, mkdirSync, readFileSync } from "node:fs";

/**
 * Whether a warning is new since boot: what is wrong with a configuration is said once, not for every pod and not each
 * time that the runtime asks for the node's status. When that cannot be remembered the warning is said again.
 */
export function isNewWarning(stateDirectory: string, text: string): boolean {
  const path = `${stateDirectory}/warned`;
  const line = `${JSON.stringify(text)}\n`;
  try {
    if (readFileSync(path, "utf8").includes(line)) return false;
  } catch {
    // There is none yet.
  }
  try {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    appendFileSync(path, line, { mode: 0o600 });
  } catch {
    // Said again, then.
  }
  return true;
}
