// containerd itself as a process of the test: started, killed, started again.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { eventually, must } from "../../ground/index.ts";
import { configText, placesBelow, type Places } from "./config.ts";
import { Cri } from "./cri.ts";
import { imageArchive, imageName } from "./image.ts";
import { releaseEnv } from "./release.ts";

/** Milliseconds; some seconds in an emulated guest that has its processors to itself. */
const START_MS = 120_000;

export class Containerd {
  readonly places: Places;
  readonly #dir: string;
  #process: ChildProcess | undefined;
  #cri: Cri | undefined;

  constructor(dir: string, handlers: readonly [string, ...string[]]) {
    this.#dir = dir;
    this.places = placesBelow(dir);
    const { places } = this;
    for (const each of [places.root, places.state, places.plugins, ...handlers.map(places.lists)])
      mkdirSync(each, { recursive: true });
    writeFileSync(this.#configFile, configText(places, handlers));
  }

  get cri(): Cri {
    if (this.#cri === undefined) throw new Error("containerd does not run");
    return this.#cri;
  }

  get pid(): number {
    if (this.#process?.pid === undefined) throw new Error("containerd does not run");
    return this.#process.pid;
  }

  get runs(): boolean {
    return this.#process !== undefined;
  }

  /** What it logged so far. */
  get log(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  /** Starts it; resolves once it answers. Its network may not be ready: it may have found no list. */
  async start(): Promise<void> {
    mkdirSync(path.dirname(this.places.socket), { recursive: true });
    const log = openSync(this.#logFile, "a");
    const child = spawn("containerd", ["--config", this.#configFile], {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...releaseEnv() },
    });
    closeSync(log);
    this.#process = child;
    const cri = new Cri(this.places.socket);
    this.#cri = cri;
    await eventually(
      "containerd",
      async () => {
        if (child.exitCode !== null) throw new Error(`containerd ended:\n${this.log.slice(-3000)}`);
        return cri.answers();
      },
      START_MS,
    );
  }

  /** Gives it the image, which stays in its root directory. */
  async importImage(): Promise<void> {
    const archive = path.join(this.#dir, "image.tar");
    writeFileSync(archive, imageArchive());
    await must(["ctr", "--address", this.places.socket, "-n", "k8s.io", "images", "import", archive], {
      env: releaseEnv(),
    });
    // The CRI's own list is told by an event.
    await eventually("the image", async () => ((await this.cri.hasImage(imageName)) ? true : undefined));
  }

  /** Ends it at once, as the kernel's OOM killer would: what it started lives on. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    this.#cri?.close();
    this.#cri = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  get #configFile(): string {
    return path.join(this.#dir, "config.toml");
  }

  get #logFile(): string {
    return path.join(this.#dir, "containerd.log");
  }
}
