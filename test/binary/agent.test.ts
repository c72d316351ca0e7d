/**
 * ADD and the agent's socket: the executable, and a small server that says what a test tells it to. Each test has a mount
 * namespace of its own with an empty /run. That a branch was taken shows in what comes next: the pod's network namespace,
 * which is not there (code 104), and in the log, which names the branch.
 */

import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { distDirectory } from "../ground/executable.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const OURS = resolve(process.env["BRANCHLINE"] ?? join(ROOT, distDirectory, "branchline"));
const SERVER = join(ROOT, "test/ground/scripted-agent.mjs");

const CAPABILITY = "io.kubernetes.cri.pod-annotations";
const SOCKET = "/run/branchline/agent.sock";
const LIST = "/var/lib/cni.d/00-first.conflist";

function annotationOf(number: number): string {
  return JSON.stringify([
    {
      eniId: `eni-0b${number}`,
      ifAddress: "02:b1:00:00:00:07",
      privateIp: "10.0.0.20",
      vlanId: number,
      subnetCidr: "10.0.0.0/24",
    },
  ]);
}

const PREV = {
  cniVersion: "1.0.0",
  interfaces: [{ name: "eni1" }, { name: "eth0", mac: "1", sandbox: "/x" }],
  ips: [{ address: "10.0.0.50/32", interface: 1 }],
  dns: {},
};

interface Options {
  /** Beside the defaults; runtimeConfig as `annotations`. */
  readonly entry?: object;
  /** What the runtime passes: null as containerd does for none, "absent" for a runtime that passes nothing. */
  readonly annotations?: Readonly<Record<string, string>> | null | "absent";
  readonly args?: string;
  readonly steps?: readonly Step[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Step {
  readonly say?: string;
  readonly after?: number;
  readonly hold?: boolean;
  readonly raw?: boolean;
  readonly unread?: boolean;
  readonly exit?: boolean;
}

const PRELUDE = `
mount -t tmpfs tmpfs /run
mkdir -m 700 /run/branchline /run/bin
: >/run/bin/branchline
mount --bind "$OURS" /run/bin/branchline
server=
serve() { "$NODE" "$SERVER" "\${1:-${SOCKET}}" "$STEPS" \${2:-} & server=$!; i=0; while ! test -S "\${1:-${SOCKET}}"; do sleep 0.02; i=$((i + 1)); test $i -lt 500; done; }
finish() { if test -n "$server"; then kill -KILL $server 2>/dev/null || true; wait $server 2>/dev/null || true; fi; }
trap finish EXIT
config() { printf '%s' "$CONFIG"; }
call() { config | CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/none CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin CNI_ARGS="$ARGS" CNI_COMMAND=$1 /run/bin/branchline || echo " status $?"; }
add() { before=$(date +%s%N); call ADD; echo; echo "took $((($(date +%s%N) - before) / 1000000))"; }
log() { cat /run/plugin.log; }
asked() { if test -e ${SOCKET}.asked; then cat ${SOCKET}.asked; fi; }
`;

const USUAL = "serve; add; log; asked";

/** What is not waited for may take so long on a machine that stalls. */
const PATIENCE_MS = 15_000;

interface Said {
  /** Of all lines: the answers, with their exit status where it is not 0; what was logged; what was asked. */
  readonly answers: readonly { code?: number; msg?: string; [key: string]: unknown }[];
  readonly took: readonly number[];
  readonly logged: readonly Record<string, unknown>[];
  readonly asked: readonly { at: number; timeoutMs: number; [key: string]: unknown }[];
  readonly rest: readonly string[];
}

/** Runs shell lines after the prelude. */
async function play(script: string, options: Options = {}): Promise<Said> {
  const { annotations = null, args, steps = [], entry = {}, env = {} } = options;
  const config = {
    cniVersion: "1.0.0",
    name: "net",
    type: "branchline",
    enablePodENI: true,
    branchTimeout: 2,
    gatewayTimeout: 0,
    serviceCIDRs: [],
    trunk: { interface: "lo" },
    pluginLogFile: "/run/plugin.log",
    listFile: LIST,
    capabilities: { [CAPABILITY]: true },
    ...(annotations !== "absent" && { runtimeConfig: { [CAPABILITY]: annotations } }),
    prevResult: PREV,
    ...entry,
  };
  const child = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-euc", PRELUDE + script], {
    env: {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      OURS,
      SERVER,
      NODE: process.execPath,
      CONFIG: JSON.stringify(config),
      ARGS: args ?? "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u1",
      STEPS: JSON.stringify(steps),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 40_000,
  });
  const texts = ["", ""];
  [child.stdout, child.stderr].forEach((stream, i) => {
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => void (texts[i] += chunk));
  });
  const status = await new Promise((done, failed) => {
    child.on("error", failed);
    child.on("close", done);
  });
  const [stdout = "", stderr = ""] = texts;
  if (status !== 0 || stderr !== "") throw new Error(`status ${String(status)}: ${stderr}${stdout}`);
  return sorted(stdout.split("\n").filter((line) => line.trim() !== ""));
}

function sorted(lines: readonly string[]): Said {
  const said = {
    answers: [] as object[],
    took: [] as number[],
    logged: [] as object[],
    asked: [] as object[],
    rest: [] as string[],
  };
  for (const line of lines) {
    const took = /^took (\d+)$/.exec(line)?.[1];
    if (took !== undefined) said.took.push(Number(took));
    else if (!line.startsWith("{")) said.rest.push(line.trim());
    else {
      const value = JSON.parse(line) as object;
      if ("cniVersion" in value) said.answers.push(value);
      else if ("level" in value) said.logged.push(value);
      else said.asked.push(value);
    }
  }
  return said as unknown as Said;
}

const say = (answer: object, more: Omit<Step, "say"> = {}): Step => ({
  say: JSON.stringify(answer),
  ...more,
});
const NONE = say({ answer: "none" });
const WAIT = say({ answer: "wait", reason: "subnet-0a has no free addresses" });
const branch = (number: number, datapath = "direct") =>
  say({ answer: "branch", annotation: annotationOf(number), datapath });

/** ADD went on with this branch, and found no namespace. */
function expectBranch({ answers, logged }: Said, number: number) {
  expect(answers).toEqual([
    expect.objectContaining({ code: 104, msg: 'network namespace "/run/netns/none" is gone' }),
  ]);
  expect(logged.at(-1)).toMatchObject({ verb: "ADD", eni: `eni-0b${number}`, vlan: number, code: 104 });
}

const passed = (number: number) => ({ "vpc.amazonaws.com/pod-eni": annotationOf(number) });

describe.concurrent("an ADD asks the agent", () => {
  it("and passes through what has no branch", async () => {
    const { answers, logged, asked, took } = await play(USUAL, {
      entry: { branchTimeout: 30 },
      steps: [NONE],
    });
    expect(answers).toEqual([PREV]);
    expect(logged).toEqual([
      expect.objectContaining({
        verb: "ADD",
        pod: "shop/web-0",
        outcome: "no branch",
        agent: "none",
        askedMs: expect.any(Number),
      }),
    ]);
    expect(asked).toEqual([
      {
        at: expect.any(Number),
        version: 1,
        ask: "branch",
        pod: { namespace: "shop", name: "web-0", uid: "u1" },
        containerId: "c1",
        interface: "eth0",
        annotation: null,
        datapath: "direct",
        timeoutMs: expect.any(Number),
      },
    ]);
    expect(asked[0]?.timeoutMs).toBeGreaterThan(30_000 - PATIENCE_MS);
    expect(asked[0]?.timeoutMs).toBeLessThanOrEqual(30_000);
    expect(took[0]).toBeLessThan(PATIENCE_MS);
  });

  it("and waits for an annotation that is late", async () => {
    const said = await play(USUAL, {
      entry: { branchTimeout: 10 },
      steps: [{ ...WAIT, after: 500 }, WAIT, { ...branch(7), after: 300 }],
    });
    expectBranch(said, 7);
    expect(said.asked).toHaveLength(3);
    expect(said.logged.at(-1)).toMatchObject({ agent: "branch" });
    expect(said.logged.at(-1)?.["askedMs"]).toBeGreaterThan(800);
  });

  it("and goes by the agent when the runtime's annotation is another, which it warns of", async () => {
    const said = await play(USUAL, { annotations: passed(8), steps: [branch(7)] });
    expectBranch(said, 7);
    expect(said.asked[0]).toMatchObject({ annotation: annotationOf(8) });
    const [warning] = said.logged;
    expect(warning).toMatchObject({ level: "warn", containerId: "c1" });
    expect(warning?.["message"]).toContain(JSON.stringify(annotationOf(8)));
    expect(warning?.["message"]).toContain(JSON.stringify(annotationOf(7)));
  });

  it("and warns of nothing when both have the same", async () => {
    const said = await play(USUAL, { annotations: passed(7), steps: [branch(7)] });
    expectBranch(said, 7);
    expect(said.logged).toHaveLength(1);
  });

  it("also when it is a runtime that passes no annotations", async () => {
    const said = await play(USUAL, { annotations: "absent", steps: [branch(7)] });
    expectBranch(said, 7);
    expect(said.asked[0]).toMatchObject({ annotation: null });
  });

  it("also when the runtime does not say the UID", async () => {
    const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0";
    const { asked, answers } = await play(USUAL, { args, steps: [NONE] });
    expect(answers).toEqual([PREV]);
    expect(asked[0]).toMatchObject({ pod: { namespace: "shop", name: "web-0", uid: "" } });
  });

  it("and is refused at once, with the agent's reason", async () => {
    const reason =
      "SecurityGroupPolicy shop/db selects it, but no container has a limit of vpc.amazonaws.com/pod-eni";
    const { answers, took, logged } = await play(USUAL, {
      entry: { branchTimeout: 30 },
      steps: [say({ answer: "refused", reason })],
    });
    expect(answers).toEqual([{ cniVersion: "1.0.0", code: 106, msg: `refused by the agent: ${reason}` }]);
    expect(took[0]).toBeLessThan(PATIENCE_MS);
    expect(logged.at(-1)).toMatchObject({ level: "error", code: 106, agent: "refused" });
  });

  it("and ends with code 11 and the agent's last reason when the branch does not come in time", async () => {
    const { answers, took, asked } = await play(USUAL, { steps: [WAIT] });
    expect(answers).toEqual([
      {
        cniVersion: "1.0.0",
        code: 11,
        msg: "the agent has let pod shop/web-0 wait for 2 s: subnet-0a has no free addresses",
      },
    ]);
    expect(took[0]).toBeGreaterThan(1850);
    expect(took[0]).toBeLessThan(PATIENCE_MS);
    // It said so at once each time.
    expect(asked.length).toBeLessThan(10);
  });

  it("that answers `auto` for itself, and never with another datapath than the pod is to get", async () => {
    const auto = { datapath: "auto" };
    expectBranch(await play(USUAL, { entry: auto, steps: [branch(7, "routed")] }), 7);
    expectBranch(await play(USUAL, { entry: auto, steps: [branch(7, "direct")] }), 7);
    const { answers, asked } = await play(USUAL, { steps: [branch(7, "routed")] });
    expect(asked[0]).toMatchObject({ datapath: "direct" });
    expect(answers).toEqual([
      expect.objectContaining({
        code: 106,
        msg: 'the agent answers datapath "routed" for pod shop/web-0, which must get "direct"',
      }),
    ]);
  });

  it("for the datapath of the pod's own choice", async () => {
    const annotations = { "branchline.dev/datapath": "routed" };
    const allowed = await play(USUAL, {
      annotations,
      entry: { allowDatapathOverride: true },
      steps: [branch(7, "routed")],
    });
    expectBranch(allowed, 7);
    expect(allowed.asked[0]).toMatchObject({ datapath: "routed" });
    const ignored = await play(`${USUAL}; add; log`, { annotations, steps: [branch(7, "direct")] });
    expect(ignored.asked[0]).toMatchObject({ datapath: "direct" });
    const warnings = ignored.logged.filter(({ level }) => level === "warn").map(({ message }) => message);
    // Twice in two looks at the log: said once.
    expect(warnings).toEqual(
      Array.from(
        { length: 2 },
        () =>
          'annotation branchline.dev/datapath "routed" is ignored: the entry does not have "allowDatapathOverride": true',
      ),
    );
  });
});

describe.concurrent("an agent that is not as it should be", () => {
  const lies: [string, string | Step, string][] = [
    ["no JSON", "hello", `the agent's answer "hello" is invalid: it is not JSON`],
    ["no object", "[]", "it is not an object"],
    ["an unknown answer", '{"answer":"perhaps"}', 'answer is none of "none", "branch", "wait", "refused"'],
    ["another version", '{"version":2,"answer":"none"}', "version is not 1"],
    ["a wrong type", '{"answer":"branch","annotation":[],"datapath":"direct"}', "annotation is not a string"],
    ["an unknown datapath", '{"answer":"branch","annotation":"[]","datapath":"auto"}', "datapath is neither"],
    ["two lines", '{"answer":"none"}\n{"answer":"none"}', "the agent said more after its answer"],
    ["half an answer", { say: '{"answer":"no', raw: true }, "the agent closed without an answer"],
    ["an answer without its end", { say: '{"answer":"none"}', raw: true }, "is incomplete"],
    ["nothing", {}, "the agent closed without an answer"],
    [
      "a line without an end, held",
      { say: '{"answer":"none"}', raw: true, hold: true },
      "did not answer in time",
    ],
    ["silence", { hold: true }, "the agent did not answer in time"],
    ["silence without reading", { hold: true, unread: true }, "the agent did not answer in time"],
    ["deep nesting", "[".repeat(5000), "nested deeper than 100 levels"],
  ];

  it.each(lies)("that says %s: code 11 when the time is up", async (_what, step, message) => {
    const { answers, took } = await play(USUAL, {
      entry: { branchTimeout: 1 },
      steps: [typeof step === "string" ? { say: step } : step],
    });
    expect(answers).toEqual([expect.objectContaining({ code: 11 })]);
    expect(answers[0]?.msg).toContain("whether pod shop/web-0 has a branch is not known after 1 s: ");
    expect(answers[0]?.msg).toContain(message);
    // It is there: its list is not to be removed.
    expect(answers[0]?.msg).not.toContain(LIST);
    expect(took[0]).toBeGreaterThan(850);
    expect(took[0]).toBeLessThan(PATIENCE_MS);
  });

  it("that writes without end", async () => {
    const { answers } = await play(
      // Not an argument of this length.
      `printf '[{"say":"%02000000d"}]' 0 >/run/steps; STEPS='"/run/steps"'; serve; add`,
      { entry: { branchTimeout: 1 } },
    );
    expect(answers[0]).toMatchObject({ code: 11 });
    expect(answers[0]?.msg).toContain("the agent's answer is longer than 1048576 bytes");
  });

  it("that does not read", async () => {
    const { answers } = await play(
      // Not an argument of this length.
      `config() { printf '%s' "$CONFIG" | sed "s/PAD/$(head -c 100000 /dev/zero | tr '\\0' x)/g"; }
       serve; add`,
      {
        entry: { branchTimeout: 1 },
        annotations: { "vpc.amazonaws.com/pod-eni": "PADPADPADPAD" },
        steps: [{ unread: true, hold: true }],
      },
    );
    expect(answers[0]).toMatchObject({ code: 11 });
    expect(answers[0]?.msg).toContain("the agent does not read the question");
  });

  it("whose annotation has a defect: code 101", async () => {
    const annotation = annotationOf(7).replace(":7,", ':"7",');
    const { answers } = await play(USUAL, {
      steps: [say({ answer: "branch", annotation, datapath: "direct" })],
    });
    expect(answers).toEqual([
      expect.objectContaining({
        code: 101,
        msg: 'annotation vpc.amazonaws.com/pod-eni: vlanId "7" is not an integer',
      }),
    ]);
  });

  it("that is not there: code 11, and how to live without it", async () => {
    const { answers, took, logged } = await play("add; log", { entry: { branchTimeout: 1 } });
    expect(answers).toEqual([
      {
        cniVersion: "1.0.0",
        code: 11,
        msg: `whether pod shop/web-0 has a branch is not known after 1 s: there is no ${SOCKET}; if there is to be no agent, set "missingAnnotation" in the list by hand, or remove ${LIST}`,
      },
    ]);
    expect(took[0]).toBeGreaterThan(850);
    expect(took[0]).toBeLessThan(PATIENCE_MS);
    expect(logged.at(-1)).toMatchObject({ agent: "unanswered", code: 11 });
  });

  it("that is not there, nor its directory", async () => {
    const { answers } = await play("rm -r /run/branchline; add", { entry: { branchTimeout: 1 } });
    expect(answers[0]?.msg).toMatch(new RegExp(`there is no ${SOCKET}; .*${LIST}$`));
  });

  it("that was killed, and left its socket", async () => {
    const { answers } = await play("serve; finish; add", { entry: { branchTimeout: 1 }, steps: [NONE] });
    expect(answers[0]).toMatchObject({ code: 11 });
    expect(answers[0]?.msg).toMatch(
      new RegExp(`nobody listens on ${SOCKET} \\(ECONNREFUSED\\); if .*, or remove ${LIST}$`),
    );
  });

  it("that is killed in the middle of an answer", async () => {
    const { answers } = await play("serve 2>/dev/null; add", {
      entry: { branchTimeout: 1 },
      steps: [{ exit: true }],
    });
    expect(answers[0]).toMatchObject({ code: 11 });
    expect(answers[0]?.msg).toContain("nobody listens on");
  });

  it("that starts only after two seconds", async () => {
    const said = await play("(sleep 2; serve; sleep 3; finish) & add; log; wait", {
      entry: { branchTimeout: 20 },
      steps: [branch(7)],
    });
    expectBranch(said, 7);
    expect(said.took[0]).toBeGreaterThan(2000);
    expect(said.took[0]).toBeLessThan(PATIENCE_MS);
  });

  it("that is too busy at first", async () => {
    const busy = say({ answer: "wait", reason: "256 connections are open" }, { unread: true });
    const { answers, asked } = await play(USUAL, { steps: [busy, busy, NONE] });
    expect(answers).toEqual([PREV]);
    expect(asked).toHaveLength(1);
  });

  it("that does not accept for a while, with more callers than it may keep waiting", async () => {
    const { rest, took } = await play(
      `serve; kill -STOP $server
       for i in 1 2 3 4 5 6; do { call ADD | grep -c '"dns"'; } & jobs="\${jobs:-} $!"; done
       sleep 1; kill -CONT $server; for j in $jobs; do wait $j; done`,
      { entry: { branchTimeout: 20 }, steps: [NONE], env: { BACKLOG: "1" } },
    );
    expect(rest).toEqual(Array.from({ length: 6 }, () => "1"));
    expect(took).toEqual([]);
  });

  it.each([
    ["a file", `: >${SOCKET}`, `${SOCKET} is not a socket; remove it`],
    [
      "a link to an agent's socket",
      `serve /run/other.sock; ln -s /run/other.sock ${SOCKET}`,
      `${SOCKET} is a symbolic link; remove it`,
    ],
    [
      "a socket that another user serves",
      `mkdir /run/other; chown 65534 /run/other; chmod 711 /run; serve /run/other/agent.sock 65534; mv /run/other/agent.sock ${SOCKET}`,
      `${SOCKET} is served by user 65534 instead of root; remove it`,
    ],
    [
      "a directory that others can write to",
      "chmod 777 /run/branchline; serve",
      "/run/branchline is writable by others",
    ],
  ])("%s in its place: code 105 at once", async (_what, prepare, message) => {
    const { answers, took, asked } = await play(`${prepare}; add; asked`, {
      entry: { branchTimeout: 30 },
      steps: [NONE],
    });
    expect(answers[0]).toMatchObject({ code: 105 });
    expect(answers[0]?.msg).toContain(message);
    expect(took[0]).toBeLessThan(PATIENCE_MS);
    expect(asked).toEqual([]);
  });
});

describe.concurrent("nobody is asked", () => {
  const branchless = { outcome: "no branch" };

  it("about the pods of exempt namespaces, which have what their annotation says", async () => {
    const entry = { exemptNamespaces: ["kube-system", "shop"] };
    const none = await play("add; log", { entry });
    expect(none.answers).toEqual([PREV]);
    expect(none.logged.at(-1)).toMatchObject(branchless);
    expect((await play("add; log", { entry, annotations: "absent" })).answers).toEqual([PREV]);
    expectBranch(await play("add; log", { entry, annotations: passed(7) }), 7);
  });

  it("about what is no Kubernetes pod", async () => {
    const none = await play("add; log", { args: "" });
    expect(none.answers).toEqual([PREV]);
    expect(none.logged.at(-1)).not.toHaveProperty("agent");
    expectBranch(await play("add; log", { args: "", annotations: passed(7) }), 7);
  });

  it('with missingAnnotation "pass"', async () => {
    const entry = { missingAnnotation: "pass" };
    expect((await play("add", { entry })).answers).toEqual([PREV]);
    expectBranch(await play("add; log", { entry, annotations: passed(7) }), 7);
    const { answers } = await play("add", { entry, annotations: "absent" });
    expect(answers[0]).toMatchObject({ code: 7 });
    expect(answers[0]?.msg).toContain("the runtime passed no annotations of pod shop/web-0");
  });

  it('with missingAnnotation "refuse"', async () => {
    const entry = { missingAnnotation: "refuse", branchTimeout: 30 };
    const { answers, took } = await play("add", { entry });
    expect(answers[0]).toMatchObject({
      code: 11,
      msg: 'pod shop/web-0 has no annotation vpc.amazonaws.com/pod-eni yet, and missingAnnotation is "refuse"',
    });
    expect(took[0]).toBeLessThan(PATIENCE_MS);
    expect((await play("add", { entry, args: "" })).answers[0]).toMatchObject({ code: 11 });
    expectBranch(await play("add; log", { entry, annotations: passed(7) }), 7);
    const exempt = { ...entry, exemptNamespaces: ["shop"] };
    expect((await play("add", { entry: exempt })).answers).toEqual([PREV]);
  });

  it("while branches are off, and by the other verbs", async () => {
    const off = await play("serve; add; asked", { entry: { enablePodENI: false }, steps: [NONE] });
    expect(off.answers).toEqual([PREV]);
    expect(off.asked).toEqual([]);
    const others = await play("serve; for v in DEL CHECK STATUS GC; do call $v; done; asked", {
      entry: { cniVersion: "1.1.0", "cni.dev/valid-attachments": [] },
      steps: [NONE],
    });
    expect(others).toMatchObject({ answers: [], asked: [], rest: [] });
  });
});

describe.concurrent("a pod's own datapath", () => {
  const own = (datapath: string) => ({ ...passed(7), "branchline.dev/datapath": datapath });

  it.each([
    [
      "anything",
      { datapath: "direct" },
      'annotation branchline.dev/datapath "anything" is neither "direct" nor "routed"',
    ],
    ["auto", { datapath: "direct" }, 'annotation branchline.dev/datapath "auto" is neither'],
    [
      "direct",
      { datapath: "routed", serviceCIDRs: null },
      'annotation branchline.dev/datapath "direct": serviceCIDRs is missing: datapath "direct" needs',
    ],
    [
      "direct",
      { datapath: "routed", podSGEnforcingMode: "strict" },
      'annotation branchline.dev/datapath "direct": podSGEnforcingMode "strict" is not possible',
    ],
  ])("%s with %j is code 7", async (value, fields, message) => {
    for (const missingAnnotation of ["pass", "ask"]) {
      const entry = { missingAnnotation, allowDatapathOverride: true, ...fields };
      // oxlint-disable-next-line no-await-in-loop
      const { answers } = await play("serve; add; asked", { entry, annotations: own(value), steps: [NONE] });
      expect(answers[0]).toMatchObject({ code: 7 });
      expect(answers[0]?.msg).toContain(message);
    }
  });
});

it("110 pods at once are all answered", async () => {
  const { rest } = await play(
    `serve; for i in $(seq 110); do { call ADD | grep -c '"dns"'; } & jobs="\${jobs:-} $!"; done
     for j in $jobs; do wait $j; done`,
    { entry: { branchTimeout: 40 }, steps: [{ ...NONE, after: 200 }] },
  );
  expect(rest).toEqual(Array.from({ length: 110 }, () => "1"));
});
