import { readdirSync } from "node:fs";
import { errorCode } from "./errno.ts";

/** The names in a directory, in any order; none if it is not there. Throws what else the file system says. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
