import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { claimNamespaces } from "./data-plane/claim.ts";
import { DataPlane } from "./data-plane/data-plane.ts";
import { trace } from "./data-plane/trace-command.ts";
import { Authorizer } from "./iam/authorizer.ts";
import { readPolicy } from "./iam/policy.ts";
import { emptyWorld } from "./model/world.ts";
import type { World } from "./model/types.ts";
import { refuse } from "./refuse.ts";
import { readSnapshot, snapshotOf } from "./snapshot.ts";
import { start, type StartOptions } from "./start.ts";
import { EXAMPLE, applyWorldFile } from "./world-file.ts";
import { messageOf } from "../text/error-words.ts";

const USAGE = `branchline simulate: EC2 and instance metadata on this machine, without an account. It is no security boundary.

  --listen ADDRESS:PORT            EC2, and the page of the world (127.0.0.1:0)
  --metadata-listen ADDRESS:PORT   instance metadata, version 2 (127.0.0.1:0)
  --metadata-instance ID           whose metadata is at /latest; the first instance otherwise
  --world FILE                     what is there at the start (YAML)
  --example                        prints such a file
  --seed N                         of ids, latencies and faults (1)
  --no-throttling                  without token buckets
  --iam-policy FILE                what requests may do, as an IAM policy (JSON); anything without it
  --iam-key ID                     only those with this access key; others may do anything
  --data-plane                     makes the world real in network namespaces: instances, interfaces, groups (root)
  --namespace-prefix NAME          how their names begin (sim)
  --snapshot FILE                  read at the start when it is there, written at SIGTERM

branchline simulate trace          follows packets through the groups; branchline simulate trace --help
`;

/** Runs until SIGTERM or SIGINT; gives the exit status: 0, or 2 for arguments and files that cannot be used. */
export async function simulate(args: readonly string[]): Promise<number> {
  if (args[0] === "trace") return trace(args.slice(1));
  let options;
  try {
    options = readOptions(args);
  } catch (error) {
    return refuse("simulate", error);
  }
  if (options.help === true || options.example === true) {
    process.stdout.write(options.help === true ? USAGE : EXAMPLE);
    return 0;
  }
  const log = (line: Readonly<Record<string, unknown>>) =>
    void process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`);
  // From the start on: one that is begun is stopped in order, and a second signal changes nothing.
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve());
  });
  let running;
  try {
    const makeWorld = worldMaker(options);
    const iam = iamOf(options);
    const prefix = options["namespace-prefix"];
    if (options["data-plane"] === true) await claimNamespaces(prefix);
    running = await start({
      listen: options.listen,
      metadataListen: options["metadata-listen"],
      ...(options["metadata-instance"] === undefined
        ? {}
        : { metadataInstance: options["metadata-instance"] }),
      makeWorld,
      ...(iam === undefined ? {} : { iam }),
      log,
      ...(options["data-plane"] === true
        ? { makeDataPlane: (world) => new DataPlane({ prefix, world, log }) }
        : {}),
    });
  } catch (error) {
    return refuse("simulate", error);
  }
  const { ec2, metadata, control } = running;
  process.stdout.write(`${JSON.stringify({ ec2, metadata, control })}\n`);
  for (const url of [ec2, metadata]) {
    if (!/^http:\/\/(127\.|\[::1\])/.test(url)) {
      log({ msg: `${url} is reachable from other machines, and the simulator is no security boundary` });
    }
  }
  await stopped;
  // Before the data plane goes, which may take longer than whoever sent the signal waits. No call comes in between.
  if (options.snapshot !== undefined) {
    writeFileSync(options.snapshot, snapshotOf(running.simulator().world, running.now()));
  }
  await running.stop();
  return 0;
}

type Options = ReturnType<typeof readOptions>;

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      listen: { type: "string", default: "127.0.0.1:0" },
      "metadata-listen": { type: "string", default: "127.0.0.1:0" },
      "metadata-instance": { type: "string" },
      world: { type: "string" },
      example: { type: "boolean" },
      seed: { type: "string", default: "1" },
      "no-throttling": { type: "boolean" },
      "iam-policy": { type: "string" },
      "iam-key": { type: "string" },
      "data-plane": { type: "boolean" },
      "namespace-prefix": { type: "string", default: "sim" },
      snapshot: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (!/^\d{1,9}$/.test(values.seed)) throw new TypeError(`--seed is a number, not "${values.seed}"`);
  if (values["iam-key"] !== undefined && values["iam-policy"] === undefined)
    throw new TypeError("--iam-key needs --iam-policy");
  return values;
}

function iamOf({ "iam-policy": file, "iam-key": key }: Options): StartOptions["iam"] {
  if (file === undefined) return undefined;
  const text = readFileSync(file, "utf8");
  const authorizer = new Authorizer(named(file, () => readPolicy(text)));
  return key === undefined ? { authorizer } : { authorizer, key };
}

/** Reads the files at once, so that a fault in one is said at the start. */
function worldMaker(options: Options): (now: number) => World {
  const worldText = options.world === undefined ? undefined : readText(options.world, false);
  const saved = options.snapshot === undefined ? undefined : readText(options.snapshot, true);
  return (now) => {
    const world =
      saved === undefined
        ? emptyWorld(Number(options.seed))
        : named(options.snapshot, () => readSnapshot(saved));
    if (saved === undefined && worldText !== undefined)
      named(options.world, () => applyWorldFile(world, worldText, now));
    if (options["no-throttling"] === true) world.settings.throttling = false;
    return world;
  };
}

function readText(file: string, mayBeAbsent: boolean): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (mayBeAbsent && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function named<T>(file: string | undefined, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new TypeError(`${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
