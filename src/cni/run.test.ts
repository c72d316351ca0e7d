import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AttachmentStore } from "../state/store.ts";
import { systemClock } from "../sys/clock.ts";
import { run } from "./run.ts";

let directory: string;
let log: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "run-"));
  log = join(directory, "plugin.log");
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const pod = {
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/nonexistent/netns",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
  CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=u1",
};
const prevResult = {
  cniVersion: "1.0.0",
  interfaces: [{ name: "eni1" }, { name: "eth0", mac: "1", sandbox: "/x" }],
  ips: [{ address: "10.0.0.50/32", interface: 1 }],
  dns: {},
};

const capability = "io.kubernetes.cri.pod-annotations";

/** What makes ADD attach a branch. */
const withBranch = {
  prevResult,
  enablePodENI: true,
  // There is no agent here, and nothing answers for the gateway.
  missingAnnotation: "pass",
  gatewayTimeout: 0,
  serviceCIDRs: [],
  trunk: { interface: "eth1" },
  capabilities: { [capability]: true },
  runtimeConfig: {
    [capability]: {
      "vpc.amazonaws.com/pod-eni": JSON.stringify([
        {
          eniId: "eni-0a",
          ifAddress: "02:b1:00:00:00:07",
          privateIp: "10.0.0.20",
          vlanId: 7,
          subnetCidr: "10.0.0.0/24",
        },
      ]),
    },
  },
};

async function call(env: Record<string, string>, config: object | string = {}, stdout?: Error) {
  const written: string[] = [];
  let reads = 0;
  const whole = {
    cniVersion: "1.0.0",
    name: "aws-cni",
    type: "branchline",
    pluginLogFile: log,
    pluginLogLevel: "debug",
    ...(typeof config === "string" ? {} : config),
  };
  const status = await run({
    env,
    readStdin: () => {
      reads += 1;
      return Buffer.from(typeof config === "string" ? config : JSON.stringify(whole));
    },
    writeStdout: (text) => {
      if (stdout !== undefined) throw stdout;
      written.push(text);
    },
    node: { store: new AttachmentStore(join(directory, "state"), systemClock), clock: systemClock },
  });
  return { status, written, reads };
}

function logged(): Record<string, unknown>[] {
  let text = "";
  try {
    text = readFileSync(log, "utf8");
  } catch {
    return [];
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("run", () => {
  it("answers VERSION without reading anything, and leaves no line", async () => {
    const { status, written } = await call({ CNI_COMMAND: "VERSION" }, "");
    expect(status).toBe(0);
    expect(JSON.parse(written.join(""))).toEqual({
      cniVersion: "1.1.0",
      supportedVersions: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
    });
    expect(logged()).toEqual([]);
  });

  it("writes the result of ADD as one document, and one line to the log", async () => {
    const { status, written } = await call({ CNI_COMMAND: "ADD", ...pod }, { prevResult });
    expect(status).toBe(0);
    expect(written).toHaveLength(1);
    expect(JSON.parse(written.join(""))).toEqual(prevResult);
    expect(logged()).toEqual([
      {
        time: expect.any(String),
        level: "info",
        message: "ADD",
        verb: "ADD",
        pod: "default/web-0",
        podUid: "u1",
        containerId: "c1",
        ifName: "eth0",
        outcome: "not enabled",
        durationMs: expect.any(Number),
      },
    ]);
  });

  it("says nothing on stdout when there is nothing to say", async () => {
    expect(await call({ CNI_COMMAND: "DEL", ...pod })).toMatchObject({ status: 0, written: [] });
    expect(await call({ CNI_COMMAND: "CHECK", ...pod }, { prevResult })).toMatchObject({
      status: 0,
      written: [],
    });
    expect(logged().map(({ verb, outcome }) => [verb, outcome])).toEqual([
      ["DEL", "nothing to detach"],
      ["CHECK", "no branch"],
    ]);
  });

  it("writes an error as one document in the version asked for, and to the log as an error", async () => {
    const { status, written } = await call({ CNI_COMMAND: "ADD", ...pod }, { cniVersion: "0.4.0" });
    expect(status).toBe(1);
    expect(written).toHaveLength(1);
    const failure = JSON.parse(written.join("")) as Record<string, unknown>;
    expect(failure).toMatchObject({
      cniVersion: "0.4.0",
      code: 7,
      msg: expect.stringContaining("prevResult"),
    });
    expect(logged()).toEqual([
      expect.objectContaining({
        level: "error",
        verb: "ADD",
        outcome: "failed",
        code: 7,
        error: failure["msg"],
      }),
    ]);
  });

  it("names branch, ENI and pod of an ADD that failed for its namespace", async () => {
    const { status, written } = await call({ CNI_COMMAND: "ADD", ...pod }, withBranch);
    expect(status).toBe(1);
    expect(JSON.parse(written.join(""))).toMatchObject({
      code: 104,
      msg: 'network namespace "/nonexistent/netns" is gone',
    });
    expect(logged()).toEqual([
      expect.objectContaining({ verb: "ADD", vlan: 7, eni: "eni-0a", pod: "default/web-0", code: 104 }),
    ]);
  });

  it("DEL of a pod whose annotation can never be honoured succeeds: nothing was attached", async () => {
    const branch = {
      eniId: "eni-0a",
      ifAddress: "02:b1:00:00:00:07",
      privateIp: "10.0.0.20",
      subnetCidr: "10.0.0.0/24",
    };
    for (const vlanId of [153, 154, 155, 0]) {
      const annotation = JSON.stringify([{ ...branch, vlanId }]);
      const runtimeConfig = { [capability]: { "vpc.amazonaws.com/pod-eni": annotation } };
      expect(await call({ CNI_COMMAND: "DEL", ...pod }, { prevResult, runtimeConfig })).toMatchObject({
        status: 0,
        written: [],
      });
    }
  });

  it.each(["DEL", "GC"])(
    "%s fails where the records cannot be listed: they may know of more",
    async (verb) => {
      mkdirSync(join(directory, "elsewhere"), { mode: 0o700 });
      symlinkSync(join(directory, "elsewhere"), join(directory, "state"));
      const config = { cniVersion: "1.1.0", prevResult, "cni.dev/valid-attachments": [] };
      const { status, written } = await call({ CNI_COMMAND: verb, ...pod }, config);
      expect(status).toBe(1);
      expect(JSON.parse(written.join(""))).toMatchObject({
        code: 105,
        msg: `${join(directory, "state")} is a symbolic link; remove it`,
      });
      expect(readdirSync(join(directory, "elsewhere"))).toEqual([]);
    },
  );

  it.each([".", "attachments", "locks", "locks/vlan-7", `attachments/7:c1:eth0.json.${process.pid}.tmp`])(
    "ADD is code 105 and says what to remove where %s is a link, and follows it nowhere",
    async (file) => {
      const store = new AttachmentStore(join(directory, "state"), systemClock);
      store.withVlan(7, 0, () => undefined);
      const [place, elsewhere] = [join(directory, "state", file), join(directory, "elsewhere")];
      if (existsSync(place)) renameSync(place, elsewhere);
      else writeFileSync(elsewhere, "theirs");
      symlinkSync(elsewhere, place);
      const before = [statSync(elsewhere).mtimeMs, statSync(elsewhere).size];
      const { status, written } = await call({ CNI_COMMAND: "ADD", ...pod }, withBranch);
      expect(status).toBe(1);
      expect(JSON.parse(written.join(""))).toMatchObject({
        code: 105,
        msg: `${place} is a symbolic link; remove it`,
      });
      expect([statSync(elsewhere).mtimeMs, statSync(elsewhere).size]).toEqual(before);
    },
  );

  it.each(["/proc/self/ns/uts", "/proc/self/ns/net", "/proc/self", "/dev/null"])(
    "DEL succeeds though CNI_NETNS is %s, which can be no pod's network",
    async (path) => {
      const env = { CNI_COMMAND: "DEL", ...pod, CNI_NETNS: path };
      expect(await call(env, { prevResult })).toMatchObject({ status: 0, written: [] });
    },
  );

  it("warns once for each unknown key, beside the call's own line", async () => {
    await call({ CNI_COMMAND: "ADD", ...pod }, { prevResult, enablePodEni: true });
    const [warning, line, ...rest] = logged();
    expect(warning).toMatchObject({
      level: "warn",
      message: expect.stringMatching(/unknown key "enablePodEni".*"enablePodENI"/),
      containerId: "c1",
    });
    expect(line).toMatchObject({ level: "info", verb: "ADD" });
    expect(rest).toEqual([]);
  });

  it.each([
    ["no JSON", "{", 6],
    ["nothing", "", 6],
  ])("answers %s on stdin in the newest version", async (_what, text, code) => {
    const { status, written } = await call({ CNI_COMMAND: "ADD", ...pod }, text);
    expect(status).toBe(1);
    expect(JSON.parse(written.join(""))).toMatchObject({ cniVersion: "1.1.0", code });
  });

  it("answers an unknown command, and all variables that are missing at once", async () => {
    const unknown = await call({ CNI_COMMAND: "PUT" });
    expect(JSON.parse(unknown.written.join(""))).toMatchObject({ code: 4 });
    const bare = await call({ CNI_COMMAND: "ADD" });
    const { code, msg } = JSON.parse(bare.written.join("")) as { code: number; msg: string };
    expect(code).toBe(4);
    for (const name of ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]) expect(msg).toContain(name);
  });

  it("STATUS of a node that is not enabled is well and hardly worth a line", async () => {
    const env = { CNI_COMMAND: "STATUS", CNI_PATH: "/opt/cni/bin" };
    expect(await call(env, { cniVersion: "1.1.0" })).toMatchObject({ status: 0, written: [] });
    expect(logged()).toEqual([expect.objectContaining({ level: "debug", outcome: "not enabled" })]);
    const { written } = await call(env, { cniVersion: "1.1.0", enablePodENI: true });
    expect(JSON.parse(written.join(""))).toMatchObject({
      code: 7,
      msg: expect.stringContaining("serviceCIDRs"),
    });
  });

  it.each([
    ["a result", { prevResult }],
    ["an error", { prevResult, mtu: "x", enablePodENI: true }],
  ])("is logged as failed, and fails, when %s cannot be delivered", async (_what, config) => {
    const broken = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
    expect(await call({ CNI_COMMAND: "ADD", ...pod }, config, broken)).toMatchObject({
      status: 1,
      written: [],
    });
    expect(logged().at(-1)).toMatchObject({
      level: "error",
      outcome: "failed",
      undelivered: "the answer could not be written to stdout: EPIPE",
    });
  });
});
