import { realpathSync } from "node:fs";
import { join } from "node:path";

/** The checkout's root, free of symbolic links: the guest sees real paths. */
export const repository = realpathSync(join(import.meta.dirname, "..", ".."));
