// The command line for people: help, completion, and what it is called by.
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, it } from "vitest";
import { distDirectory } from "../ground/executable.ts";
import { run } from "../ground/run.ts";

const OURS = path.resolve(import.meta.dirname, "../..", distDirectory, "branchline");
const scratch = mkdtempSync(path.join(tmpdir(), "branchline-people-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** kubectl finds its plugins on the PATH, by these names. */
function calledAs(name: string): string {
  const link = path.join(scratch, name);
  symlinkSync(OURS, link);
  return link;
}
const plugin = calledAs("kubectl-branchline");
const pluginCompletion = calledAs("kubectl_complete-branchline");

async function told(...argv: readonly [string, ...string[]]) {
  const { status, stdout, stderr } = await run(argv, { env: { PATH: process.env["PATH"] ?? "" } });
  return { status, lines: stdout.trimEnd().split("\n"), stderr };
}

it.each(["status", "explain", "doctor"])(
  "%s has a page of its own, by the name that it was called by",
  async (name) => {
    const own = await told(OURS, name, "--help");
    expect([own.status, own.stderr]).toEqual([0, ""]);
    expect(own.lines[0]).toMatch(new RegExp(`^branchline ${name}\\b.*: `));
    const kubectls = await told(plugin, name, "--help");
    expect(kubectls.lines[0]).toMatch(new RegExp(`^kubectl branchline ${name}\\b.*: `));
    for (const { lines } of [own, kubectls]) {
      expect(lines.join("\n")).toContain("Examples:");
      expect(lines.join("\n")).toContain("Exit status: 0 all is well; 1 there are problems;");
      expect(lines.filter((line) => line.length > 110)).toEqual([]);
    }
  },
);

it("prints a script for completion, and nothing else", async () => {
  const { status, lines, stderr } = await told(OURS, "completion");
  expect([status, lines[0], stderr]).toEqual([0, "###-begin-branchline-completions-###", ""]);
});

it.each([
  [["sta"], ["status"]],
  [["status", "--no"], ["--node"]],
  [
    ["status", "--n"],
    ["--namespace", "--node"],
  ],
  [
    ["status", "-"],
    ["-n", "-A", "--output"],
  ],
  [["status", "-o", "j"], ["json"]],
  [
    ["status", "-o", ""],
    ["text", "json"],
  ],
  [
    ["explain", "pod", "web-0", "-o", ""],
    ["text", "json"],
  ],
  [
    ["status", "--output="],
    ["--output=text", "--output=json"],
  ],
  [["doctor", "--output=j"], ["--output=json"]],
  [["status", "-oj"], ["-ojson"]],
  // As bash splits a word at the equals sign.
  [["status", "--output", "=", "j"], ["json"]],
  [
    ["doctor", "--check", "BL02"],
    ["BL020", "BL022"],
  ],
  [["doctor", "--check", "BL004,BL018"], ["BL004,BL018"]],
  [
    ["doctor", "--local", "--check", "BL03"],
    ["BL030", "BL038"],
  ],
  [["explain", "p"], ["pod"]],
  [["nonsense", "x"], []],
])("completes %j by %j", async (args, expected) => {
  const bash = await told(OURS, "--get-yargs-completions", "branchline", ...args);
  expect([bash.status, bash.stderr]).toEqual([0, ""]);
  expect(bash.lines).toEqual(expect.arrayContaining(expected));
  const kubectls = await told(pluginCompletion, ...args);
  expect([kubectls.status, kubectls.stderr]).toEqual([0, ""]);
  expect(kubectls.lines.slice(0, -1)).toEqual(bash.lines.filter((line) => line !== ""));
  // No files.
  expect(kubectls.lines.at(-1)).toBe(":4");
  const current = args.at(-1) ?? "";
  expect(kubectls.lines.slice(0, -1).filter((line) => !line.startsWith(current))).toEqual([]);
});

it("offers values, and nothing else, where a flag takes one", async () => {
  const offered = async (...args: string[]) =>
    (await told(OURS, "--get-yargs-completions", "branchline", ...args)).lines;
  expect(await offered("explain", "pod", "web-0", "-o", "")).toEqual(["text", "json"]);
  expect(await offered("status", "-oj")).toEqual(["-ojson"]);
  expect(await offered("doctor", "--local", "--check", "BL00")).toEqual([""]);
});

it("is told its version by a word as well", async () => {
  const { status, lines } = await told(OURS, "version");
  expect([status, lines]).toEqual([0, (await told(OURS, "--version")).lines]);
});

it.each([
  [["stats"], 'there is no command "stats"; did you mean status? see branchline --help'],
  [["-n", "shop", "-A", "doctr"], 'there is no command "doctr"; did you mean doctor? see branchline --help'],
  [["pods"], 'there is no command "pods"; did you mean status? see branchline --help'],
  [
    ["describe", "pod", "web-0"],
    'there is no command "describe"; did you mean explain? see branchline --help',
  ],
  [["trace"], 'there is no command "trace"; did you mean explain, or simulate trace? see branchline --help'],
  [["frobnicate"], 'there is no command "frobnicate": see branchline --help'],
  [["-n", "shop", "agent"], "agent is to come first: branchline agent --help"],
  [[], "no command is given, such as status, explain or doctor"],
  [["explain"], "which pod? such as: branchline explain pod web-0 -n shop --to db.example.com:5432"],
  [["explain", "pod"], "which pod? such as: branchline explain pod web-0 -n shop --to db.example.com:5432"],
  [["explain", "web-0"], '"web-0" cannot be explained, only a pod: branchline explain pod web-0'],
  [
    ["explain", "deployment", "web"],
    '"deployment" cannot be explained, only a pod: branchline explain pod NAME',
  ],
])("answers %j by %j", async (args, words) => {
  const { status, lines, stderr } = await told(OURS, ...args);
  expect([status, lines]).toEqual([2, [""]]);
  expect(stderr).toContain(words);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

it.each([
  [["status", "--nod"], "Unknown argument: nod"],
  [["status", "-o", "yaml"], 'Argument: output, Given: "yaml", Choices: "text", "json"'],
  [["status", "extra"], "Unknown argument: extra"],
  [["status", "--node"], "Not enough arguments following: node"],
  [["status", "--kubeconfig", "/nowhere"], "no kubeconfig: ENOENT"],
  [["status", "--local", "--node", "n1"], "--node names a node of the cluster, and --local is this one"],
  [["status", "--local", "-n", "shop"], "-n names a namespace of the cluster, and --local is one node"],
  [["doctor", "--local", "-n", "shop"], "-n names a namespace of the cluster, and --local is one node"],
])("refuses %j in one line", async (args, words) => {
  const { status, lines, stderr } = await told(OURS, ...args);
  expect([status, lines]).toEqual([2, [""]]);
  expect(stderr).toContain(words);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});
