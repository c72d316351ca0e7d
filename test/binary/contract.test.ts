/**
 * The contract's own rules, compared: each row runs once against Debian's `tuning` (containernetworking-plugins
 * 1.1.1, whose library is CNI 1.1.2) and once against the executable. Both must exit, answer and keep silent alike:
 * exit status, code, and what went to which channel. The words may differ. Where the reference is older than what we
 * implement, the second table has ours alone, with the section of SPEC.md 1.1.0 that it follows.
 */

import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { distDirectory } from "../ground/executable.ts";

/** Both can be pointed elsewhere: a plugin under /opt/cni/bin, an executable in a guest. */
const REFERENCE = process.env["CNI_REFERENCE_PLUGIN"] ?? "/usr/lib/cni/tuning";
const OURS = resolve(
  process.env["BRANCHLINE"] ?? join(import.meta.dirname, "../..", distDirectory, "branchline"),
);

const scratch = mkdtempSync(join(tmpdir(), "branchline-contract-"));

const DIRECTORY = Symbol("a directory, which cannot be read");
type Stdin = string | typeof DIRECTORY;
type Environment = Readonly<Record<string, string>>;

interface Outcome {
  readonly exit: number | null;
  readonly code?: number;
  readonly stdout: "empty" | "error" | "result" | "other";
  readonly stderr: "empty" | "text";
}

/** What every call here has; rows override. The namespace is the caller's own, and no row changes anything in it. */
const CONTAINER = {
  CNI_CONTAINERID: `contract-${process.pid}`,
  CNI_NETNS: "/proc/self/ns/net",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/usr/lib/cni",
};

/** Branches off: ADD passes prevResult through, as tuning does when it has nothing to tune. */
function config(fields: object = {}): string {
  const log = { pluginLogFile: join(scratch, "plugin.log"), enablePodENI: false };
  return JSON.stringify({ cniVersion: "0.4.0", name: "net", type: "any", ...log, ...fields });
}

const PREV = {
  cniVersion: "0.4.0",
  interfaces: [{ name: "eth0", mac: "101", sandbox: "2" }],
  ips: [{ version: "4", interface: 0, address: "10.0.0.5/24", gateway: "10.0.0.1" }],
  routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }],
  dns: {},
};

function run(
  executable: string,
  env: Environment,
  stdin: Stdin,
): { outcome: Outcome; stdout: string; all: string } {
  const directory = stdin === DIRECTORY ? openSync(scratch, "r") : undefined;
  const result = spawnSync(executable, [], {
    env,
    encoding: "utf8",
    timeout: 20_000,
    ...(typeof stdin === "string" ? { input: stdin } : {}),
    stdio: [directory ?? "pipe", "pipe", "pipe"],
  });
  if (directory !== undefined) closeSync(directory);
  if (result.error !== undefined && !("code" in result.error && result.error.code === "EPIPE"))
    throw result.error;
  const outcome: Outcome = {
    exit: result.status,
    ...classify(result.stdout),
    stderr: result.stderr === "" ? "empty" : "text",
  };
  return { outcome, stdout: result.stdout, all: `${result.stdout}\n${result.stderr}` };
}

/** An error object has code and msg (SPEC, section 5); nothing else that is printed has a code. */
function classify(stdout: string): Pick<Outcome, "stdout" | "code"> {
  if (stdout === "") return { stdout: "empty" };
  let document: unknown;
  try {
    document = JSON.parse(stdout);
  } catch {
    return { stdout: "other" };
  }
  if (typeof document !== "object" || document === null) return { stdout: "other" };
  if (!("code" in document)) return { stdout: "result" };
  if (typeof document.code !== "number" || !("msg" in document) || typeof document.msg !== "string") {
    return { stdout: "other" };
  }
  return { stdout: "error", code: document.code };
}

const fails = (code: number): Outcome => ({ exit: 1, code, stdout: "error", stderr: "empty" });
const SILENT: Outcome = { exit: 0, stdout: "empty", stderr: "empty" };
const ANSWERS: Outcome = { exit: 0, stdout: "result", stderr: "empty" };

type Row = readonly [what: string, env: Environment, stdin: Stdin, expected: Outcome];

const add = { ...CONTAINER, CNI_COMMAND: "ADD" };
const del = { ...CONTAINER, CNI_COMMAND: "DEL", CNI_NETNS: "/nonexistent/branchline-contract" };
const check = { ...CONTAINER, CNI_COMMAND: "CHECK" };

/** SPEC, section 2, "Parameters", and section 5, "Error": as the reference has them. */
const ROWS: readonly Row[] = [
  // Missing variables.
  ["ADD with nothing else", { CNI_COMMAND: "ADD" }, config(), fails(4)],
  ["DEL with nothing else", { CNI_COMMAND: "DEL" }, config(), fails(4)],
  ["CHECK with nothing else", { CNI_COMMAND: "CHECK" }, config(), fails(4)],
  ["ADD without a container id", { ...add, CNI_CONTAINERID: "" }, config(), fails(4)],
  ["ADD without a namespace", { ...add, CNI_NETNS: "" }, config(), fails(4)],
  ["ADD without an interface", { ...add, CNI_IFNAME: "" }, config(), fails(4)],
  ["ADD without CNI_PATH", { ...add, CNI_PATH: "" }, config(), fails(4)],
  ["DEL without CNI_PATH", { ...del, CNI_PATH: "" }, config(), fails(4)],
  ["CHECK without a namespace", { ...check, CNI_NETNS: "" }, config(), fails(4)],
  ["missing variables before unreadable stdin", { CNI_COMMAND: "ADD" }, DIRECTORY, fails(4)],
  ["missing variables before a bad configuration", { CNI_COMMAND: "DEL" }, "nonsense", fails(4)],

  // The verb.
  ["an unknown verb", { ...add, CNI_COMMAND: "FOO" }, config(), fails(4)],
  ["a verb in lower case", { ...add, CNI_COMMAND: "add" }, config(), fails(4)],
  ["an unknown verb with a bad configuration", { ...add, CNI_COMMAND: "FOO" }, "", fails(6)],
  ["an unknown verb without a network name", { ...add, CNI_COMMAND: "FOO" }, "{}", fails(7)],

  // stdin.
  ["unreadable stdin", add, DIRECTORY, fails(5)],
  ["unreadable stdin for DEL", del, DIRECTORY, fails(5)],
  ["empty stdin", add, "", fails(6)],
  ["text that is not JSON", add, "nonsense", fails(6)],
  ["half a configuration", add, config().slice(0, -1), fails(6)],
  ["something after the configuration", add, `${config()} x`, fails(6)],
  ["a byte order mark", del, `\ufeff${config()}`, fails(6)],
  ["an array", add, "[]", fails(6)],
  ["a string", add, '"x"', fails(6)],
  ["null", add, "null", fails(7)],
  ["white space around the configuration", del, ` \n${config()}\n `, SILENT],

  // The network's name.
  ["no name", add, '{"cniVersion":"0.4.0"}', fails(7)],
  ["an empty name", add, config({ name: "" }), fails(7)],
  ["a null name", add, config({ name: null }), fails(7)],
  ["a name that is a number", add, config({ name: 5 }), fails(6)],
  ["a name with a space", add, config({ name: "a b" }), fails(7)],
  ["a name with a slash", del, config({ name: "../x" }), fails(7)],
  ["a name that begins with a dash", check, config({ name: "-n" }), fails(7)],
  ["a name that ends in a line feed", add, config({ name: "n\n" }), fails(7)],
  ["a name with all that is allowed", del, config({ name: "0a.B_c-" }), SILENT],
  ["the name's key in another case", del, config({ name: undefined, Name: "net" }), SILENT],
  ["the name before the container id", { ...add, CNI_CONTAINERID: "-" }, "{}", fails(7)],

  // The container id.
  ["an id that begins with a dash", { ...add, CNI_CONTAINERID: "-c" }, config(), fails(4)],
  ["an id with a slash", { ...del, CNI_CONTAINERID: "a/b" }, config(), fails(4)],
  ["an id that ends in a line feed", { ...add, CNI_CONTAINERID: "c\n" }, config(), fails(4)],
  ["an id with all that is allowed", { ...del, CNI_CONTAINERID: "0a.B_c-" }, config(), SILENT],

  // The interface's name.
  ["an interface of 16 bytes", { ...add, CNI_IFNAME: "1234567890123456" }, config(), fails(4)],
  ["an interface of 15 bytes", { ...del, CNI_IFNAME: "123456789012345" }, config(), SILENT],
  ["an interface of 8 characters and 16 bytes", { ...add, CNI_IFNAME: "éééééééé" }, config(), fails(4)],
  ["the interface .", { ...add, CNI_IFNAME: "." }, config(), fails(4)],
  ["the interface ..", { ...add, CNI_IFNAME: ".." }, config(), fails(4)],
  ["an interface with a slash", { ...add, CNI_IFNAME: "a/b" }, config(), fails(4)],
  ["an interface with a colon", { ...check, CNI_IFNAME: "eth0:1" }, config(), fails(4)],
  ["an interface with a space", { ...del, CNI_IFNAME: "a b" }, config(), fails(4)],
  ["an interface with a tab", { ...add, CNI_IFNAME: "a\tb" }, config(), fails(4)],
  ["an interface with a no-break space", { ...add, CNI_IFNAME: "a\u00a0b" }, config(), fails(4)],
  ["an interface with a next-line character", { ...add, CNI_IFNAME: "a\u0085b" }, config(), fails(4)],
  ["an interface with a control character", { ...del, CNI_IFNAME: "a\u0001b" }, config(), SILENT],
  ["the interface before the version", { ...add, CNI_IFNAME: "/" }, config({ cniVersion: "9" }), fails(4)],

  // The version.
  ["an unknown version", add, config({ cniVersion: "9.9.9" }), fails(1)],
  ["an unknown version for DEL", del, config({ cniVersion: "9.9.9" }), fails(1)],
  ["a short version", add, config({ cniVersion: "1.0" }), fails(1)],
  ["a version with a v", add, config({ cniVersion: "v1.0.0" }), fails(1)],
  ["a version with a space", del, config({ cniVersion: " 1.0.0" }), fails(1)],
  ["a version that is a number", add, config({ cniVersion: 1 }), fails(6)],
  ["CHECK before 0.4.0", check, config({ cniVersion: "0.3.1", prevResult: {} }), fails(1)],
  ["CHECK without a version", check, config({ cniVersion: undefined, prevResult: {} }), fails(1)],
  ["CHECK of an unknown version", check, config({ cniVersion: "9.9.9", prevResult: {} }), fails(1)],
  ["CHECK of what is no version", check, config({ cniVersion: "v1.0.0", prevResult: {} }), fails(6)],
  ["CHECK of a version in four parts", check, config({ cniVersion: "0.4.0.0", prevResult: {} }), fails(6)],

  // DEL of what is not there.
  ["DEL with a namespace that is gone", del, config(), SILENT],
  ["DEL without a namespace", { ...del, CNI_NETNS: "" }, config(), SILENT],
  ["DEL with a prevResult", del, config({ prevResult: PREV }), SILENT],
  ["DEL with a malformed prevResult", del, config({ prevResult: { interfaces: 5 } }), SILENT],
  ["DEL in 0.3.0", del, config({ cniVersion: "0.3.0" }), SILENT],
  ["DEL in 0.3.1", del, config({ cniVersion: "0.3.1" }), SILENT],
  ["DEL in 1.0.0", del, config({ cniVersion: "1.0.0" }), SILENT],
  ["DEL with CNI_ARGS", { ...del, CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=x" }, config(), SILENT],

  // A call with nothing to do.
  ["ADD passes prevResult", add, config({ prevResult: PREV }), ANSWERS],
  ["ADD passes an empty prevResult", add, config({ prevResult: {} }), ANSWERS],
  [
    "ADD with CNI_ARGS",
    { ...add, CNI_ARGS: "X=1;IgnoreUnknown=TRUE" },
    config({ prevResult: PREV }),
    ANSWERS,
  ],
  ["CHECK with prevResult", check, config({ prevResult: PREV }), SILENT],

  // VERSION.
  ["VERSION", { CNI_COMMAND: "VERSION" }, config(), ANSWERS],
  ["VERSION without stdin", { CNI_COMMAND: "VERSION" }, "", ANSWERS],
  ["VERSION with nonsense on stdin", { CNI_COMMAND: "VERSION" }, "nonsense", ANSWERS],
  ["VERSION of an unknown version", { CNI_COMMAND: "VERSION" }, '{"cniVersion":"9"}', ANSWERS],
  ["VERSION with unreadable stdin", { CNI_COMMAND: "VERSION" }, DIRECTORY, ANSWERS],
  ["VERSION with a bad container id", { CNI_COMMAND: "VERSION", CNI_CONTAINERID: "-" }, "", ANSWERS],
];

const gc = { CNI_COMMAND: "GC", CNI_PATH: "/usr/lib/cni" };
const status = { CNI_COMMAND: "STATUS", CNI_PATH: "/usr/lib/cni" };
const latest = (fields: object = {}) => config({ cniVersion: "1.1.0", ...fields });

/** Where the reference is older (its newest version is 1.0.0, its oldest 0.1.0) or answers 999. */
const OURS_ALONE: readonly Row[] = [
  // Section 1, "Version considerations": 1.1.0 is ours, 0.1.0 and 0.2.0 are not.
  ["ADD in 1.1.0", add, latest({ prevResult: { ...PREV, cniVersion: "1.1.0" } }), ANSWERS],
  ["DEL in 1.1.0", del, latest(), SILENT],
  ["ADD in 0.2.0", add, config({ cniVersion: "0.2.0", prevResult: {} }), fails(1)],
  ["DEL in 0.1.0", del, config({ cniVersion: "0.1.0" }), fails(1)],
  ["ADD without a version, which means 0.1.0", add, config({ cniVersion: undefined }), fails(1)],

  // Section 2, "GC: Clean up any stale resources". Null or absent attachments are unknown ones, never none.
  ["GC with nothing else", { CNI_COMMAND: "GC" }, latest(), fails(4)],
  ["GC before 1.1.0", gc, config({ cniVersion: "1.0.0" }), fails(1)],
  ["GC of what is no version", gc, config({ cniVersion: "v2" }), fails(6)],
  ["GC without a network name", gc, latest({ name: "" }), fails(7)],
  ["GC without attachments", gc, latest(), SILENT],
  ["GC with null attachments", gc, latest({ "cni.dev/valid-attachments": null }), SILENT],
  ["GC with attachments that are no list", gc, latest({ "cni.dev/valid-attachments": {} }), fails(7)],
  [
    "GC with a malformed attachment",
    gc,
    latest({ "cni.dev/valid-attachments": [{ ifname: "eth0" }] }),
    fails(7),
  ],
  ["GC with a malformed attachment, older key", gc, latest({ "cni.dev/attachments": [null] }), fails(7)],

  // Section 2, "STATUS: Check plugin status".
  ["STATUS with nothing else", { CNI_COMMAND: "STATUS" }, latest(), fails(4)],
  ["STATUS before 1.1.0", status, config({ cniVersion: "0.4.0" }), fails(1)],
  ["STATUS with empty stdin", status, "", fails(6)],
  ["STATUS while branches are off", status, latest(), SILENT],

  // Section 2, "Parameters", CNI_ARGS: the reference answers 999, and fails its DEL too.
  ["ADD with unknown CNI_ARGS", { ...add, CNI_ARGS: "X=1" }, config({ prevResult: PREV }), fails(4)],
  ["ADD with malformed CNI_ARGS", { ...add, CNI_ARGS: "X" }, config({ prevResult: PREV }), fails(4)],
  [
    "ADD with a trailing semicolon",
    { ...add, CNI_ARGS: "IgnoreUnknown=1;" },
    config({ prevResult: PREV }),
    fails(4),
  ],
  ["DEL with unknown CNI_ARGS", { ...del, CNI_ARGS: "X=1" }, config(), SILENT],
  ["DEL with malformed CNI_ARGS", { ...del, CNI_ARGS: "X;Y" }, config(), SILENT],

  // Section 5, "Error": code 7 for an invalid configuration; the reference answers 999.
  ["ADD without prevResult", add, config(), fails(7)],
  ["ADD with a malformed prevResult", add, config({ prevResult: { interfaces: 5 } }), fails(6)],
  ["ADD with an address that is none", add, config({ prevResult: { ips: [{ address: "x" }] } }), fails(6)],
  [
    "ADD with a configuration that is wrong",
    add,
    config({ enablePodENI: "yes", prevResult: PREV }),
    fails(7),
  ],
  ["DEL with a configuration that is wrong", del, config({ enablePodENI: "yes", mtu: "x" }), SILENT],

  // A limit of ours: section 5, code 5.
  ["stdin of more than 1 MiB", add, config({ padding: "x".repeat(1024 * 1024) }), fails(5)],
];

beforeAll(() => {
  if (!existsSync(REFERENCE))
    throw new Error(`${REFERENCE} is missing: apt-get install containernetworking-plugins`);
  if (!existsSync(OURS)) throw new Error(`${OURS} is missing: make build`);
});

afterAll(() => rmSync(scratch, { recursive: true }));

describe("the reference plugin and ours", () => {
  it.each(ROWS)("agree on %s", (_what, env, stdin, expected) => {
    const reference = run(REFERENCE, env, stdin);
    expect(reference.outcome, `the reference: ${reference.all}`).toEqual(expected);
    const ours = run(OURS, env, stdin);
    expect(ours.outcome, `ours: ${ours.all}`).toEqual(expected);
  });

  it("print the same result for a prevResult with nothing to do", () => {
    const stdin = config({ prevResult: PREV });
    expect(JSON.parse(run(OURS, add, stdin).stdout)).toEqual(JSON.parse(run(REFERENCE, add, stdin).stdout));
  });
});

describe("ours, newer than the reference", () => {
  it.each(OURS_ALONE)("answers %s", (_what, env, stdin, expected) => {
    const ours = run(OURS, env, stdin);
    expect(ours.outcome, `ours: ${ours.all}`).toEqual(expected);
  });

  it("names every missing variable in one error (section 2, Parameters)", () => {
    const { stdout } = run(OURS, { CNI_COMMAND: "ADD" }, config());
    for (const name of ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"])
      expect(stdout).toContain(name);
  });

  it("lists its versions (section 2, VERSION)", () => {
    expect(JSON.parse(run(OURS, { CNI_COMMAND: "VERSION" }, "").stdout)).toEqual({
      cniVersion: "1.1.0",
      supportedVersions: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
    });
  });

  it.each(["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])(
    "speaks %s, in results and in errors",
    (cniVersion) => {
      const result = JSON.parse(run(OURS, add, config({ cniVersion, prevResult: {} })).stdout) as unknown;
      expect(result).toMatchObject({ cniVersion });
      const error = JSON.parse(run(OURS, add, config({ cniVersion })).stdout) as unknown;
      expect(error).toMatchObject({ cniVersion, code: 7 });
    },
  );

  it("passes on what it does not know, as it was written (section 4, prevResult)", () => {
    const prevResult =
      '{"cniVersion":"0.4.0","zz":[1.0,12345678901234567890,1e400],"interfaces":[{"name":"eth0","mac":"101"}]}';
    const { stdout } = run(OURS, add, `${config().slice(0, -1)},"prevResult":${prevResult}}`);
    expect(stdout.replaceAll(/\s/g, "")).toBe(prevResult);
  });
});
