// The database in the VPC, on a machine that is no node: what RDS is to the exercise.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Machine } from "../cluster/site/site.ts";
import { eventually, must, run } from "../ground/run.ts";
import { DATABASE_PORT, postgresBinaries, SERVER_OPTIONS } from "./postgres.ts";

/** Characters of its log, for the error of one that does not start. */
const LOG = 2_000;

const bin = (program: string) => path.join(postgresBinaries(), program);

/** Runs PostgreSQL there, on a copy of the data. */
export async function startDatabase(machine: Machine, data: string): Promise<AsyncDisposable> {
  const directory = await mkdtemp(path.join(tmpdir(), "branchline-demo-"));
  // With owner and permissions.
  await must(["cp", "-a", data, path.join(directory, "data")]);
  await must(["chown", "postgres:postgres", directory]);
  const child = spawn(
    "nsenter",
    [
      // With -f unshare itself ignores SIGTERM, and what it is killed with takes all of PostgreSQL along.
      [`--net=/run/netns/${machine.netns}`, "setpriv", "--pdeathsig", "KILL"],
      ["unshare", "--ipc", "--pid", "--fork", "--kill-child"],
      ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"],
      [bin("postgres"), "-D", path.join(directory, "data"), ...SERVER_OPTIONS],
      ["-c", `unix_socket_directories=${directory}`],
    ].flat(),
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  child.stderr.on("data", (said: Buffer) => (log = (log + said.toString()).slice(-LOG)));
  const ended = once(child, "exit");
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const args = ["-h", directory, "-U", "postgres", "-p", String(DATABASE_PORT)];
    const answers = async () => ((await run([bin("pg_isready"), ...args])).status === 0 ? true : undefined);
    await eventually("PostgreSQL in the VPC", answers, 60_000);
  } catch (error) {
    await stop();
    throw new Error(`${String(error)}: ${log}`, { cause: error });
  }
  return { [Symbol.asyncDispose]: stop };
}
