import { cpSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { shellQuote } from "./shell.ts";
import { TemporaryDirectory } from "./temporary.ts";

/** What the guest is to run. */
export interface Job {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Directory of the guest kernel's modules. */
  readonly modules: string;
  /** Paths the guest must see even below a directory that is fresh in it. */
  readonly visible: readonly string[];
  /** Directories of the host that are not in the guest's root and get there at the same path, by their tags. */
  readonly mounts: ReadonlyMap<string, string>;
}

/** One line of the guest's: the boot it belongs to, a status, the kernel's release. */
export interface Note {
  readonly status: number;
  readonly release: string;
}

/** Directories in which the guest does not see the host's files. */
const fresh = ["/run/", "/tmp/", "/dev/"];

/** Those of the paths that fresh mounts in the guest would hide, each once, none inside another. */
export function hiddenPaths(paths: readonly string[]): string[] {
  const hidden = [...new Set(paths)].filter((path) => fresh.some((directory) => path.startsWith(directory)));
  return hidden.filter(
    (path) => !hidden.some((other) => other !== path && `${path}/`.startsWith(`${other}/`)),
  );
}

/** The job as a script for /bin/sh: an environment of its own, nothing of the host's. */
export function jobScript(job: Job): string {
  const env = Object.entries(job.env).map(([name, value]) => `${name}=${value}`);
  return [
    `cd ${shellQuote(job.cwd)} || exit 126`,
    `exec /usr/bin/env -i ${[...env, ...job.command].map(shellQuote).join(" ")}`,
    "",
  ].join("\n");
}

/** Reads a note, if it is one and of the boot with this nonce. */
export function parseNote(text: string, nonce: string): Note | undefined {
  const match = /^([0-9a-f]+) (\d{1,3}) (\S+)\n$/.exec(text);
  if (match === null || match[1] !== nonce || match[3] === undefined) return undefined;
  return { status: Number(match[2]), release: match[3] };
}

function lines(paths: readonly string[]): string {
  return paths.map((path) => `${path}\n`).join("");
}

/**
 * The directory that host and guest exchange files in, made for one boot and removed with it:
 * the job goes in, notes ("started", "status") and the files of out/ come back.
 */
export class Share implements Disposable {
  readonly path: string;
  readonly #directory = new TemporaryDirectory("branchline-guest-");

  constructor(job: Job) {
    this.path = this.#directory.path;
    mkdirSync(join(this.path, "out"));
    writeFileSync(
      join(this.path, "keep"),
      lines(hiddenPaths(job.mounts.size > 0 ? [] : [...job.visible, job.modules])),
    );
    writeFileSync(join(this.path, "mounts"), lines([...job.mounts].map(([tag, path]) => `${tag} ${path}`)));
    writeFileSync(join(this.path, "modules"), lines([job.modules]));
    writeFileSync(join(this.path, "job.sh"), jobScript(job));
  }

  /** The guest's note of this name, if it left one for this boot. */
  note(name: "started" | "status", nonce: string): Note | undefined {
    try {
      return parseNote(readFileSync(join(this.path, name), "utf8"), nonce);
    } catch {
      return undefined;
    }
  }

  /** Copies what the guest left in out/: files and directories, nothing that points elsewhere. */
  collect(destination: string): void {
    cpSync(join(this.path, "out"), destination, {
      recursive: true,
      filter: (source) => {
        const stat = lstatSync(source);
        return stat.isFile() || stat.isDirectory();
      },
    });
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}
