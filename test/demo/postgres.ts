// PostgreSQL as Debian has it, and the catalogue that is in it.
import { readdirSync } from "node:fs";
import path from "node:path";

const VERSIONS = "/usr/lib/postgresql";

export const DATABASE_PORT = 5432;

export const CATALOGUE = [
  ["Chronograph Classic", "249.00"],
  ["Gentleman's Walking Stick", "89.50"],
  ["Pocket Watch", "385.00"],
  ["Opera Glasses", "120.00"],
] as const;

/** The directory of its programs. Debian's `psql` on the PATH is a script in Perl that looks for it. */
export function postgresBinaries(): string {
  let found: string[] = [];
  try {
    found = readdirSync(VERSIONS);
  } catch {
    // Said below.
  }
  const newest = found.toSorted((a, b) => Number(a) - Number(b)).at(-1);
  if (newest === undefined) throw new Error(`no PostgreSQL in ${VERSIONS}: run test/setup/packages.sh demo`);
  return path.join(VERSIONS, newest, "bin");
}

/** What makes the catalogue, by the database in which it is said; a command a line. */
export function catalogueSql(): readonly (readonly [database: string, lines: readonly string[]])[] {
  const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
  const values = CATALOGUE.map(([name, price]) => `(${quote(name)}, ${price})`).join(", ");
  return [
    ["postgres", ["CREATE ROLE catalog LOGIN", "CREATE DATABASE catalog OWNER catalog"]],
    [
      "catalog",
      [
        "CREATE TABLE products (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, price numeric)",
        `INSERT INTO products (name, price) VALUES ${values}`,
        "ALTER TABLE products OWNER TO catalog",
      ],
    ],
  ];
}

/** Settings of a small server that keeps nothing. */
export const SERVER_OPTIONS = Object.entries({
  listen_addresses: "*",
  fsync: "off",
  autovacuum: "off",
  shared_buffers: "16MB",
  max_connections: "20",
  dynamic_shared_memory_type: "mmap",
  unix_socket_directories: "/tmp",
}).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
