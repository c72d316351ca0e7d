import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { run, type Outcome } from "../ground/run.ts";

/** Notes each build, and makes a program of it. */
const GO = `#!/bin/sh
case $1 in
  version) echo "go version go1.26.8 linux/amd64" ;;
  build)
    for last; do :; done
    while [ "$1" != -o ]; do shift; done
    echo "$last" >>"$BUILDS"
    [ "$last" != "$BROKEN" ] || exit 1
    printf 'built from %s' "$last" >"$2"
    ;;
esac
`;

/** Runs a script of this directory with a stand-in for Go, and with HOME below a directory of the test's. */
export function playSetup(
  scratch: string,
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  mkdirSync(path.join(scratch, "bin"), { recursive: true });
  writeFileSync(path.join(scratch, "bin/go"), GO, { mode: 0o755 });
  return run([path.join(import.meta.dirname, script), ...args], {
    env: {
      PATH: `${scratch}/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: scratch,
      BUILDS: path.join(scratch, "builds"),
      ...env,
    },
  });
}

/** The packages that Go was told to build so far. */
export function buildsIn(scratch: string): string[] {
  const file = path.join(scratch, "builds");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}
