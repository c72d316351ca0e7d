import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { AttachmentStore } from "../../state/store.ts";
import { systemClock } from "../../sys/clock.ts";
import type { Call } from "../call.ts";
import { CniError } from "../errors.ts";
import { type Environment, readRequest } from "../request.ts";
import { check } from "./check.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "check-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const CHECK: Environment = {
  CNI_COMMAND: "CHECK",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/nonexistent/netns",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
};

const annotation = JSON.stringify([
  { eniId: "eni-0a", ifAddress: "02:b1:00:00:00:07", privateIp: "10.0.0.20", vlanId: 7 },
]);
const annotated = {
  runtimeConfig: { "io.kubernetes.cri.pod-annotations": { "vpc.amazonaws.com/pod-eni": annotation } },
};

/** What the log says of a CHECK of a pod that nothing was attached to. */
function outcome(entry: object, env: Environment, more: readonly object[] = []): unknown {
  const config = {
    cniVersion: "1.0.0",
    name: "aws-cni",
    type: "branchline",
    ...entry,
    prevResult: { interfaces: [{ name: "eth0", mac: "1", sandbox: "/x" }, ...more], ips: [] },
  };
  const noted: { outcome?: unknown } = {};
  const call: Call = {
    request: readRequest({ ...CHECK, ...env }, () => Buffer.from(JSON.stringify(config))),
    env,
    isRead: () => true,
    node: { store: new AttachmentStore(join(directory, "state"), systemClock), clock: systemClock },
    note: (fields) => Object.assign(noted, fields),
    warnOnce: () => undefined,
    warn: () => undefined,
  };
  check(call);
  return noted.outcome;
}

const host0 = { name: "host0", mac: "0a:00:00:00:00:01", sandbox: "/x" };
const vlan = { name: "vlan.eth.7", mac: "02:b1:00:00:00:07" };

/** The entry's key, or what aws-node's environment says where it is missing. */
const ON: [object, Environment][] = [
  [{ enablePodENI: true }, {}],
  [{}, { ENABLE_POD_ENI: "true" }],
];
const OFF: [object, Environment][] = [
  [{ enablePodENI: false }, { ENABLE_POD_ENI: "true" }],
  [{}, { ENABLE_POD_ENI: "false" }],
  [{}, {}],
];

it.each(OFF)("with branches off, by %j and %j, another plugin's interface is no branch", (entry, env) => {
  for (const other of [host0, vlan]) expect(outcome(entry, env, [other])).toBe("no branch");
  expect(outcome({ ...entry, ...annotated }, env, [host0])).toBe("no branch");
});

it.each(ON)("with branches on, by %j and %j, a branch without a record is an error", (entry, env) => {
  const says = (what: string) =>
    new CniError(
      3,
      `container c1 has a branch according to its ${what}, but nothing was attached to its eth0`,
    );
  for (const other of [host0, vlan]) {
    expect(() => outcome(entry, env, [other])).toThrow(says("prevResult"));
    expect(() => outcome(entry, env, [other])).toThrow(expect.objectContaining({ code: 3 }));
  }
  expect(() => outcome({ ...entry, ...annotated }, env)).toThrow(says("annotation"));
  expect(outcome(entry, env)).toBe("no branch");
});

it("only an interface of the pod that has the configured name is the primary's", () => {
  expect(outcome({ enablePodENI: true }, {}, [{ name: "host0" }])).toBe("no branch");
  const renamed = { enablePodENI: true, hostInterfaceName: "node0" };
  expect(outcome(renamed, {}, [host0])).toBe("no branch");
  expect(() => outcome(renamed, {}, [{ ...host0, name: "node0" }])).toThrow(CniError);
});
