import { describe, expect, it, vi } from "vitest";
import { CniError } from "./errors.ts";
import { stringifyJson } from "../text/json.ts";
import { MAX_STDIN_BYTES, readRequest } from "./request.ts";
import type { Environment } from "./request.ts";

const ENV = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/var/run/netns/x",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
};
const CONFIG = '{"cniVersion":"1.0.0","name":"aws-cni","type":"branchline"}';

const bytes = (text: string) => new TextEncoder().encode(text);
const read = (env: Environment, stdin: string = CONFIG) =>
  readRequest({ ...ENV, ...env }, () => bytes(stdin));

/** The configuration, filled up with white space. */
const padded = (length: number) => `${CONFIG}${" ".repeat(length - CONFIG.length)}`;

function refusal(env: Environment, stdin?: string | (() => Uint8Array)): CniError {
  try {
    const readStdin = typeof stdin === "function" ? stdin : () => bytes(stdin ?? CONFIG);
    readRequest({ ...ENV, ...env }, readStdin);
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error("not refused");
}

describe("readRequest", () => {
  it("reads an ADD", () => {
    expect(read({ CNI_ARGS: "K8S_POD_NAME=web-0;IgnoreUnknown=1;X=1" })).toEqual({
      command: "ADD",
      containerId: "c1",
      netns: "/var/run/netns/x",
      ifName: "eth0",
      args: "K8S_POD_NAME=web-0;IgnoreUnknown=1;X=1",
      pod: { podName: "web-0", podNamespace: undefined, podUid: undefined, infraContainerId: undefined },
      path: "/opt/cni/bin",
      config: { cniVersion: "1.0.0", name: "aws-cni", type: "branchline" },
      cniVersion: "1.0.0",
      networkName: "aws-cni",
    });
  });

  it("takes part of a larger buffer for stdin", () => {
    const large = bytes(`xx${CONFIG}yy`);
    expect(readRequest(ENV, () => large.subarray(2, large.length - 2)).networkName).toBe("aws-cni");
  });

  it("keeps every number of the configuration", () => {
    const text = '{"cniVersion":"1.0.0","name":"n","x":[12345678901234567890,1.0]}';
    expect(stringifyJson(read({}, text).config)).toBe(text);
  });

  it.each([
    ["DEL", { CNI_COMMAND: "DEL", CNI_NETNS: "" }],
    ["DEL", { CNI_COMMAND: "DEL", CNI_NETNS: undefined, CNI_ARGS: "nonsense" }],
    ["CHECK", { CNI_COMMAND: "CHECK" }],
    ["CHECK", { CNI_COMMAND: "CHECK", CNI_ARGS: "X=1" }],
  ])("reads a %s", (command, env) => expect(read(env).command).toBe(command));

  it.each(["GC", "STATUS"])("reads a %s, which has no container", (command) => {
    const env = { CNI_COMMAND: command, CNI_CONTAINERID: "", CNI_IFNAME: "", CNI_NETNS: "" };
    expect(read(env, '{"cniVersion":"1.1.0","name":"n"}')).toMatchObject({ command, cniVersion: "1.1.0" });
  });

  it("does not touch stdin for VERSION, and wants nothing else", () => {
    const stdin = vi.fn<() => Uint8Array>();
    expect(readRequest({ CNI_COMMAND: "VERSION", CNI_CONTAINERID: "-" }, stdin).command).toBe("VERSION");
    expect(stdin).not.toHaveBeenCalled();
  });

  it.each(["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])("speaks %s", (cniVersion) => {
    expect(read({}, JSON.stringify({ cniVersion, name: "n" })).cniVersion).toBe(cniVersion);
  });

  it.each([
    ['{"NAME":"n","CNIVersion":"0.4.0"}', "n"],
    ['{"name":"-","Name":"n","cniVersion":"0.4.0"}', "n"],
    ['{"name":"n","Name":null,"cniVersion":"0.4.0"}', "n"],
    [' \n{"name":"n","cniVersion":"0.4.0"}\n', "n"],
  ])("decodes %j as the reference does", (stdin, name) => {
    expect(read({}, stdin)).toMatchObject({ networkName: name, cniVersion: "0.4.0" });
  });
});

describe("readRequest names all missing variables in one error", () => {
  const none = { CNI_CONTAINERID: "", CNI_NETNS: undefined, CNI_IFNAME: "", CNI_PATH: undefined };
  it.each([
    ["ADD", "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_PATH missing"],
    ["CHECK", "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_PATH missing"],
    ["DEL", "CNI_CONTAINERID, CNI_IFNAME, CNI_PATH missing"],
    ["GC", "CNI_PATH missing"],
    ["STATUS", "CNI_PATH missing"],
    ["", "CNI_COMMAND missing"],
  ])("of %j", (command, message) => {
    const error = refusal({ ...none, CNI_COMMAND: command }, () => {
      throw new Error("stdin was read");
    });
    expect(error.code).toBe(4);
    expect(error.message).toContain(message);
    expect(error.message.startsWith(message)).toBe(true);
  });
});

describe("readRequest refuses", () => {
  it.each<[string, Environment, string | undefined, number, string]>([
    [
      "an ADD's CNI_ARGS",
      { CNI_ARGS: "X=1" },
      undefined,
      4,
      'CNI_ARGS: unknown without IgnoreUnknown=1: "X=1"',
    ],
    ["the version before CNI_ARGS", { CNI_ARGS: "X=1" }, '{"name":"n"}', 1, "is not supported"],
    ["an unknown command", { CNI_COMMAND: "FOO" }, undefined, 4, 'CNI_COMMAND "FOO" is unknown'],
    ["a command in lower case", { CNI_COMMAND: "add" }, undefined, 4, 'CNI_COMMAND "add" is unknown'],
    ["a command by an inherited name", { CNI_COMMAND: "toString" }, undefined, 4, "is unknown"],
    ["a container id", { CNI_CONTAINERID: "-c" }, undefined, 4, 'CNI_CONTAINERID "-c" is not'],
    ["an interface name", { CNI_IFNAME: "a/b" }, undefined, 4, 'CNI_IFNAME "a/b" contains'],
    ["empty stdin", {}, "", 6, "is not JSON"],
    ["half an object", {}, '{"name":', 6, "is not JSON"],
    ["a second value", {}, `${CONFIG} x`, 6, "is not JSON"],
    ["101 levels", {}, `{"name":${"[".repeat(100)}1${"]".repeat(100)}}`, 6, "nested deeper than 100 levels"],
    ["100 levels", {}, `{"name":${"[".repeat(99)}1${"]".repeat(99)}}`, 6, "is not a string"],
    ["a hundred thousand levels", {}, "[".repeat(100_000), 6, "nested deeper than 100 levels"],
    ["a byte order mark", {}, `\ufeff${CONFIG}`, 6, "is not JSON"],
    ["an array", {}, "[]", 6, "is not an object: []"],
    ["an odd number", {}, "1.0", 6, "is not an object: 1.0"],
    ["no name", {}, '{"cniVersion":"1.0.0"}', 7, "is missing"],
    ["an empty name", {}, '{"cniVersion":"1.0.0","name":""}', 7, "is missing"],
    ["null for a configuration", {}, "null", 7, "is missing"],
    ["a name that is a number", {}, '{"cniVersion":"1.0.0","name":5}', 6, "name 5 is not a string"],
    ["a name", {}, '{"cniVersion":"1.0.0","name":"a b"}', 7, 'name "a b" is not a network name'],
    ["no version", {}, '{"name":"n"}', 1, 'cniVersion "0.1.0" is not supported'],
    ["an empty version", {}, '{"name":"n","cniVersion":""}', 1, 'cniVersion "0.1.0" is not supported'],
    ["an old version", {}, '{"name":"n","cniVersion":"0.2.0"}', 1, 'cniVersion "0.2.0" is not supported'],
    ["a short version", {}, '{"name":"n","cniVersion":"1.0"}', 1, 'cniVersion "1.0" is not supported'],
    ["a future version", {}, '{"name":"n","cniVersion":"1.2.0"}', 1, 'cniVersion "1.2.0" is not supported'],
    ["a version that is a number", {}, '{"name":"n","cniVersion":1}', 6, "cniVersion 1 is not a string"],
    ["CHECK before 0.4.0", { CNI_COMMAND: "CHECK" }, '{"name":"n","cniVersion":"0.3.1"}', 1, "CHECK needs"],
    ["CHECK without a version", { CNI_COMMAND: "CHECK" }, '{"name":"n"}', 1, "is not supported"],
    [
      "CHECK of no version",
      { CNI_COMMAND: "CHECK" },
      '{"name":"n","cniVersion":"v1"}',
      6,
      "is not a version",
    ],
    [
      "CHECK of a long version",
      { CNI_COMMAND: "CHECK" },
      '{"name":"n","cniVersion":"1.0.0.0"}',
      6,
      "is not a",
    ],
    ["GC before 1.1.0", { CNI_COMMAND: "GC" }, CONFIG, 1, "GC needs a configuration of cniVersion 1.1.0"],
    ["STATUS before 1.1.0", { CNI_COMMAND: "STATUS" }, CONFIG, 1, "STATUS needs"],
    // The order: configuration, network name, command, container id, interface name, version.
    [
      "the configuration before the command",
      { CNI_COMMAND: "FOO", CNI_CONTAINERID: "-" },
      "",
      6,
      "is not JSON",
    ],
    ["the name before the command", { CNI_COMMAND: "FOO" }, "{}", 7, "is missing"],
    ["the name before the container id", { CNI_CONTAINERID: "-" }, "{}", 7, "is missing"],
    [
      "the container id before the interface",
      { CNI_CONTAINERID: "-", CNI_IFNAME: "/" },
      undefined,
      4,
      "CNI_CONTAINERID",
    ],
    [
      "the interface before the version",
      { CNI_IFNAME: "/" },
      '{"name":"n","cniVersion":"9"}',
      4,
      "CNI_IFNAME",
    ],
  ])("%s", (_what, env, stdin, code, message) => {
    const error = refusal(env, stdin);
    expect(error.message).toContain(message);
    expect(error.code).toBe(code);
  });

  it("stdin that cannot be read", () => {
    const error = refusal({}, () => {
      throw new Error("EISDIR: illegal operation on a directory, read");
    });
    expect(error.code).toBe(5);
    expect(error.message).toContain("EISDIR");
  });

  it("stdin beyond its limit, and not at it", () => {
    expect(refusal({}, padded(MAX_STDIN_BYTES + 1))).toMatchObject({ code: 5 });
    expect(read({}, padded(MAX_STDIN_BYTES)).networkName).toBe("aws-cni");
  });

  it("nothing for the container's names where there is none", () => {
    const env = { CNI_COMMAND: "STATUS", CNI_CONTAINERID: "-", CNI_IFNAME: "/" };
    expect(read(env, '{"cniVersion":"1.1.0","name":"n"}').command).toBe("STATUS");
  });

  it("a nesting no one means, with an error", () => {
    const deep = `{"name":"n","cniVersion":"1.0.0","x":${"[".repeat(200_000)}1.0${"]".repeat(200_000)}}`;
    expect(refusal({}, deep).code).toBe(6);
  });
});
