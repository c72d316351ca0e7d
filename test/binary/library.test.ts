/**
 * Where the executable puts koffi's library, which it carries and must have on disk to load. Each test has a mount
 * namespace of its own, with an empty /run and /var/lib, in which the executable is mounted into a directory of its own:
 * nothing stays on the machine, and nothing that is on it counts.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { distDirectory, testedRuntime } from "../ground/executable.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const OURS = resolve(process.env["BRANCHLINE"] ?? join(ROOT, distDirectory, "branchline"));
const KOFFI_PATH = join(ROOT, "node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node");
const KOFFI = readFileSync(KOFFI_PATH);
const HASH = createHash("sha256").update(KOFFI).digest("hex").slice(0, 16);

const BESIDE = "/run/bin";
const FALLBACKS = ["/var/lib/branchline", "/run/branchline/lib"] as const;
const NAME = `.branchline-${HASH}-koffi.node`;

/** STATUS is the verb that loads the library and changes nothing. */
const CONFIG = JSON.stringify({
  cniVersion: "1.1.0",
  name: "net",
  type: "branchline",
  enablePodENI: true,
  serviceCIDRs: [],
  trunk: { interface: "lo" },
  pluginLogFile: "/run/plugin.log",
});

const PRELUDE = `
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir ${BESIDE}
: >${BESIDE}/branchline
mount --bind "$OURS" ${BESIDE}/branchline
start() { printf %s "$CONFIG" | CNI_COMMAND=STATUS CNI_PATH=/usr/lib/cni ${BESIDE}/branchline; }
facts() { stat -c '%n %a %u %s' "$@"; }
noexec() { mkdir -p "$1"; mount -t tmpfs -o noexec,mode=755 tmpfs "$1"; }
call() { verb=$1; shift; printf %s "$1" | CNI_COMMAND=$verb CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/none CNI_IFNAME=eth0 CNI_PATH=/x ${BESIDE}/branchline; }
read_only() { mkdir -p "$1"; mount --rbind "$1" "$1"; mount -o remount,bind,ro "$1"; }
`;

/** Runs shell lines after the prelude; gives the lines they print. */
function inPrivate(script: string): string[] {
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    ["--mount", "--propagation", "private", "sh", "-euc", PRELUDE + script],
    {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", OURS, CONFIG, KOFFI: KOFFI_PATH },
      encoding: "utf8",
      timeout: 50_000,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  if (status !== 0 || stderr !== "") throw new Error(`status ${status}: ${stderr}${stdout}`);
  return stdout.split("\n").filter((line) => line !== "");
}

const isNode = testedRuntime === "node";

it.runIf(!isNode)("is not there with Bun, which needs none: nothing is written, wherever it could be", () => {
  expect(
    inPrivate(`
      for d in ${FALLBACKS.join(" ")}; do noexec $d; done
      start; ls -A ${[BESIDE, ...FALLBACKS].join(" ")}; read_only ${BESIDE}; start`),
  ).toEqual([`${BESIDE}:`, "branchline", ...FALLBACKS.toSorted().map((directory) => `${directory}:`)]);
});

const whole = (directory: string) => `${directory}/${NAME} 755 0 ${KOFFI.length}`;

it.runIf(isNode)("is put beside the executable, named by its hash, for its owner to write only", () => {
  expect(inPrivate(`umask 077; start; ls -A ${BESIDE} /var/lib; facts ${BESIDE}/.b*`)).toEqual([
    `${BESIDE}:`,
    NAME,
    "branchline",
    "/var/lib:",
    whole(BESIDE),
  ]);
  expect(inPrivate(`umask 0; start; facts ${BESIDE}/.b*; cat ${BESIDE}/.b* | sha256sum | cut -c-16`)).toEqual(
    [whole(BESIDE), HASH],
  );
});

it.runIf(isNode)("is there for the second start, which leaves it alone", () => {
  const [first, second, ...rest] = inPrivate(`
    start; stat -c '%i %y %z' ${BESIDE}/.b*
    start; stat -c '%i %y %z' ${BESIDE}/.b*`);
  expect(first).toMatch(/^\d+ 2/);
  expect(second).toBe(first);
  expect(rest).toEqual([]);
});

it.runIf(isNode)("is put elsewhere when the executable's directory is read-only", () => {
  const [second, third] = FALLBACKS;
  expect(inPrivate(`read_only ${BESIDE}; start; start; facts ${second}/.b*; ls -A /run/branchline`)).toEqual([
    whole(second),
    "attachments",
    "library",
    "locks",
    "warned",
  ]);
  expect(inPrivate(`read_only ${BESIDE}; read_only ${second}; start; facts ${third}/.b*`)).toEqual([
    whole(third),
  ]);
});

it.runIf(isNode)("cannot be had where every directory is read-only: code 50, naming each", () => {
  const lines = inPrivate(`
    for d in ${BESIDE} ${FALLBACKS.join(" ")}; do read_only $d; done
    start && echo succeeded || echo status $?`);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toBe("status 1");
  const { code, msg } = JSON.parse(lines[0] ?? "") as { code: number; msg: string };
  expect(code).toBe(50);
  for (const directory of [BESIDE, ...FALLBACKS]) expect(msg).toContain(`${directory}: EROFS`);
});

it.runIf(isNode).each([
  ["writable by everybody", 'cp "$KOFFI" $f; chmod 757 $f'],
  ["writable by its group", 'cp "$KOFFI" $f; chmod 775 $f'],
  ["another user's", 'cp "$KOFFI" $f; chmod 755 $f; chown 65534 $f'],
  ["a link", 'cp "$KOFFI" /run/elsewhere; ln -s /run/elsewhere $f'],
  ["a directory", "mkdir $f"],
])("is not loaded from a file of its name that is %s", (_what, make) => {
  const directories = [BESIDE, ...FALLBACKS];
  const plant = (directory: string) => `
    mkdir -p ${directory}; f=${directory}/${NAME}; ${make}`;
  // One such file: the next directory is used, and it stays for its finder.
  expect(inPrivate(`${plant(BESIDE)}; start; test -e ${BESIDE}/${NAME}; facts ${FALLBACKS[0]}/.b*`)).toEqual([
    whole(FALLBACKS[0]),
  ]);
  // Nowhere else to go: one line that says what to remove.
  const lines = inPrivate(`${directories.map(plant).join("\n")}
    start && echo succeeded || echo status $?`);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toBe("status 1");
  const { code, msg } = JSON.parse(lines[0] ?? "") as { code: number; msg: string };
  expect(code).toBe(50);
  for (const directory of directories) {
    expect(msg).toContain(`${directory}/${NAME} could have been written by others; remove it`);
  }
  expect(msg).not.toContain("\n");
});

it.runIf(isNode)("replaces a file that is not whole", () => {
  expect(
    inPrivate(`
      head -c 1000 "$KOFFI" >${BESIDE}/${NAME}; chmod 755 ${BESIDE}/${NAME}
      start; facts ${BESIDE}/.b*; cat ${BESIDE}/.b* | sha256sum | cut -c-16; ls -A /var/lib`),
  ).toEqual([whole(BESIDE), HASH]);
});

it.runIf(isNode)("removes what a start that was killed had begun to write, not what one is writing", () => {
  // Process 1 lives; no process has a number this large.
  expect(
    inPrivate(`
      : >${BESIDE}/${NAME}.1; : >${BESIDE}/${NAME}.99999999
      start; ls -A ${BESIDE} /var/lib`),
  ).toEqual([`${BESIDE}:`, NAME, `${NAME}.1`, "branchline", "/var/lib:"]);
});

it.runIf(isNode)("is written by 30 first starts at once, and all of them load it from there", () => {
  const lines = inPrivate(`
    : >${BESIDE}/${NAME}.99999999
    for i in $(seq 30); do { start && echo fine || echo failed $?; } & done
    wait
    facts ${BESIDE}/.b*; ls -A /var/lib`);
  expect(lines).toEqual([...Array.from({ length: 30 }, () => "fine"), whole(BESIDE)]);
});

it.runIf(isNode)("is written once more when its content is damaged, at its size", () => {
  expect(
    inPrivate(`
      head -c ${KOFFI.length} /dev/zero >${BESIDE}/${NAME}; chmod 755 ${BESIDE}/${NAME}
      start; facts ${BESIDE}/.b*; cat ${BESIDE}/.b* | sha256sum | cut -c-16; ls -A /var/lib
      # Torn after it was verified, by a power loss that took /run with it.
      printf xxxx | dd of=${BESIDE}/${NAME} conv=notrunc bs=1 seek=100 2>/dev/null; rm -r /run/branchline
      start; cat ${BESIDE}/.b* | sha256sum | cut -c-16`),
  ).toEqual([whole(BESIDE), HASH, HASH]);
});

it.runIf(isNode)(
  "is loaded from the third directory where the first is read-only and the second mounted noexec",
  () => {
    const [second, third] = FALLBACKS;
    expect(
      inPrivate(`
      read_only ${BESIDE}; noexec ${second}
      start; ls -A ${second}; stat -c %y ${third}/.b*; start; facts ${third}/.b*; stat -c %y ${third}/.b*`),
    ).toEqual([expect.stringMatching(/^2/), whole(third), expect.stringMatching(/^2/)]);
  },
);

describe.runIf(isNode)("where it cannot be loaded from anywhere", () => {
  const [second, third] = FALLBACKS;
  const NOWHERE = `read_only ${BESIDE}; for d in ${second} ${third}; do noexec $d; done`;
  const entry = {
    cniVersion: "1.0.0",
    name: "net",
    type: "branchline",
    enablePodENI: true,
    serviceCIDRs: [],
  };
  const capability = "io.kubernetes.cri.pod-annotations";
  const annotation = JSON.stringify([
    {
      eniId: "eni-0b1",
      ifAddress: "02:b1:00:00:00:07",
      privateIp: "10.0.0.20",
      vlanId: 7,
      subnetCidr: "10.0.0.0/24",
    },
  ]);
  const prevResult = {
    cniVersion: "1.0.0",
    interfaces: [{ name: "eni1" }, { name: "eth0", mac: "254", sandbox: "/run/netns/none" }],
    ips: [{ address: "10.0.0.50/32", interface: 1 }],
  };
  const ask = (config: object) => JSON.stringify({ ...entry, pluginLogFile: "/run/plugin.log", ...config });
  const withBranch = { runtimeConfig: { [capability]: { "vpc.amazonaws.com/pod-eni": annotation } } };

  it("ADD of a pod with a branch says so, and why: code 5", () => {
    const config = ask({
      ...withBranch,
      prevResult,
      missingAnnotation: "pass",
      trunk: { interface: "eth1" },
    });
    const lines = inPrivate(`${NOWHERE}; call ADD '${config}' || echo status $?`);
    const { code, msg } = JSON.parse(lines[0] ?? "") as { code: number; msg: string };
    expect({ code, msg }).toEqual({
      code: 5,
      msg: `cannot load the native library from ${BESIDE}: EROFS: read-only file system, open '${BESIDE}/${NAME}.PID'; nor from ${second} (mounted noexec?); nor from ${third} (mounted noexec?)`.replace(
        "PID",
        /\.node\.(\d+)/.exec(msg)?.[1] ?? "",
      ),
    });
    expect(lines[1]).toBe("status 1");
  });

  it.each([
    ["with aws-cni's result", ask({ prevResult })],
    ["after an ADD that failed: without a result", ask({})],
    [
      "with annotations, none of them of a branch",
      ask({ prevResult, runtimeConfig: { [capability]: { a: "b" } } }),
    ],
    ["by an entry that is wrong", ask({ prevResult, mtu: "x" })],
  ])("DEL of a pod that never had a branch succeeds in silence, %s", (_what, config) => {
    expect(inPrivate(`${NOWHERE}; call DEL '${config}' && echo gone`)).toEqual(["gone"]);
  });

  it("DEL of a pod that has one fails, until it can", () => {
    const [answer] = inPrivate(`${NOWHERE}; call DEL '${ask({ ...withBranch, prevResult })}' || true`);
    expect(JSON.parse(answer ?? "")).toMatchObject({
      code: 5,
      msg: expect.stringContaining("cannot load the native library from "),
    });
  });
});
