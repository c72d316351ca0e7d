import { copyFileSync, linkSync, mkdirSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { distDirectory } from "../../ground/executable.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const FILES = path.join(ROOT, "deploy/image/files.mjs");

interface ImageFiles {
  readonly imageFiles: (
    target: undefined,
    executable: string,
  ) => {
    readonly files: readonly { readonly path: string; readonly source: string }[];
  };
}

/** Where the executable is in the image. */
export const EXECUTABLE = "/usr/local/bin/branchline";

/** The image's files by their paths there, with the executable that goes with this kernel. */
export async function imageFiles(): Promise<readonly { readonly path: string; readonly source: string }[]> {
  const deploy = (await import(pathToFileURL(FILES).href)) as ImageFiles;
  return deploy.imageFiles(undefined, path.join(ROOT, distDirectory, "branchline")).files;
}

/** Lays out the image's files below a directory, as a runtime unpacks them. */
export async function layOutImage(directory: string): Promise<void> {
  for (const { path: to, source } of await imageFiles()) {
    const target = path.join(directory, to);
    mkdirSync(path.dirname(target), { recursive: true });
    try {
      // Many a hundred megabytes otherwise.
      linkSync(source, target);
    } catch {
      copyFileSync(source, target);
    }
  }
}
