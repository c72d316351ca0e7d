import { readFileSync } from "node:fs";
import { trunkFile } from "../../state/trunk.ts";
import { removeTemporaries, replaceDurably } from "../../sys/durable.ts";
import { ensureOwnDirectory } from "../../sys/files.ts";
import type { Trunk } from "./find.ts";

/** Writes trunk.json, which the plugin reads; false if it says so already. */
export function recordTrunk(stateDirectory: string, { eniId, mac }: Trunk): boolean {
  ensureOwnDirectory(stateDirectory);
  const path = trunkFile(stateDirectory);
  const text = `${JSON.stringify({ ...(eniId !== undefined && { eniId }), mac })}\n`;
  removeTemporaries(path);
  if (contentOf(path) === text) return false;
  replaceDurably(path, [Buffer.from(text)], 0o600);
  return true;
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Written anew, or the write says what is wrong.
    return undefined;
  }
}
