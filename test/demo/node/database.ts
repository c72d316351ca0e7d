// A real PostgreSQL, with a cluster of its own that lives as long as the demo.
import { spawn, type ChildProcess } from "node:child_process";
import { appendFile, chmod, chown, readdir } from "node:fs/promises";
import path from "node:path";
import { exec, eventually, inNetns, must, type Netns, type Outcome } from "../../ground/index.ts";

const versions = "/usr/lib/postgresql";
/** PostgreSQL will not run as root; Debian's package makes this user. */
const asPostgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] as const;

export const database = { port: 5432, user: "catalog", name: "catalog", table: "products" } as const;

export const catalogue = [
  ["Chronograph Classic", "249.00"],
  ["Gentleman's Walking Stick", "89.50"],
  ["Pocket Watch", "385.00"],
  ["Opera Glasses", "120.00"],
] as const;

export interface Database {
  /** As PostgreSQL says it. */
  readonly version: string;
  stop(): Promise<void>;
}

export interface DatabaseOptions {
  /** The machine it runs on. */
  readonly netns: string;
  readonly address: string;
  /** An empty directory, for cluster and socket. */
  readonly directory: string;
}

/** Makes a cluster, starts it and fills the catalogue. */
export async function startDatabase({ netns, address, directory }: DatabaseOptions): Promise<Database> {
  const bin = await binaries();
  const data = path.join(directory, "data");
  await chmod(directory, 0o755);
  const [uid = 0, gid = 0] = await Promise.all(["-u", "-g"].map(idOfPostgres));
  await chown(directory, uid, gid);
  await must(
    // On that machine too, so that it ends when the machine does.
    inNetns(netns, [
      ...asPostgres,
      path.join(bin, "initdb"),
      ...`--pgdata=${data} --username=postgres --no-locale --encoding=UTF8 --wal-segsize=1`.split(" "),
      // The groups are what this is about: the database itself trusts whoever gets as far as that.
      ..."--auth=trust --no-sync --no-instructions".split(" "),
    ]),
    // With a time zone given, initdb does not compare the clock with every zone there is: 15 s in a guest.
    { timeout: 150_000, env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", TZ: "UTC", LC_ALL: "C" } },
  );
  const settings = {
    listen_addresses: address,
    port: database.port,
    unix_socket_directories: directory,
    hba_file: path.join(data, "pg_hba.conf"),
    fsync: "off",
    autovacuum: "off",
    shared_buffers: "16MB",
    max_connections: 20,
  };
  await appendFile(settings.hba_file, `host ${database.name} ${database.user} 0.0.0.0/0 trust\n`);
  const [file, ...args] = inNetns(netns, [
    ...asPostgres,
    path.join(bin, "postgres"),
    "-D",
    data,
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ]);
  const server = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
  const log = logOf(server);
  const ended = new Promise<void>((resolve) => {
    server.once("exit", () => resolve());
    server.once("error", () => resolve());
  });
  const stop = async () => {
    // Fast shutdown; then the one that loses what is not written, which nobody minds here.
    server.kill("SIGINT");
    const impatient = setTimeout(() => server.kill("SIGQUIT"), 5_000);
    const angry = setTimeout(() => server.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(impatient);
    clearTimeout(angry);
  };
  try {
    await eventually(
      "PostgreSQL ready",
      () => {
        if (server.exitCode !== null || server.pid === undefined)
          throw new Error(`PostgreSQL ended with status ${server.exitCode}:\n${log.text}`);
        return log.text.includes("ready to accept connections") ? true : undefined;
      },
      60_000,
    );
    const { stdout } = await must(
      [path.join(bin, "psql"), "-h", directory, "-U", "postgres", ...psqlOptions, "-At"],
      {
        input: catalogueSql(),
      },
    );
    return { version: stdout.trim(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const psqlOptions = ["--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1"] as const;

function catalogueSql(): string {
  const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
  const values = catalogue.map(([name, price]) => `(${quote(name)}, ${price})`).join(", ");
  return `SHOW server_version;
CREATE ROLE ${database.user} LOGIN;
CREATE DATABASE ${database.name} OWNER ${database.user};
\\connect ${database.name} ${database.user}
CREATE TABLE ${database.table} (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, price numeric);
INSERT INTO ${database.table} (name, price) VALUES ${values};
`;
}

/** What the catalogue service asks for. */
export const query = `SELECT name, price FROM ${database.table} ORDER BY id`;

/** One query by psql in a namespace; `timeout` is what libpq waits for a connection, in seconds. */
export async function ask(netns: Netns, address: string, timeout: number): Promise<Outcome> {
  const psql = path.join(await binaries(), "psql");
  const { port, user, name } = database;
  const target = `host=${address} port=${port} user=${user} dbname=${name} connect_timeout=${timeout}`;
  return exec(netns, [psql, target, ...psqlOptions, "-c", query]);
}

/** Debian's `psql` is a script in Perl that looks for this; in a guest that would cost seconds. */
async function binaries(): Promise<string> {
  const found = await readdir(versions).catch(() => []);
  const newest = found.sort((a, b) => Number(a) - Number(b)).at(-1);
  if (newest === undefined) throw new Error(`no PostgreSQL in ${versions}: run test/setup/packages.sh demo`);
  return path.join(versions, newest, "bin");
}

async function idOfPostgres(flag: string): Promise<number> {
  return Number((await must(["id", flag, "postgres"])).stdout);
}

/** The end of what a server says. */
function logOf(child: ChildProcess): { readonly text: string } {
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (text = (text + chunk).slice(-4_000)));
  child.on("error", (error) => (text += error.message));
  return {
    get text() {
      return text;
    },
  };
}
