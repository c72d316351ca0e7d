import { describe, expect, it, vi } from "vitest";
import { AgentError } from "../../state/agent.ts";
import { add } from "./add.ts";
import { readPodArgs } from "../args.ts";
import type { Call } from "../call.ts";
import type { JsonObject } from "../../text/json.ts";

/** What is decided before anything is attached: whether the pod has a branch, which, and by which datapath. */

const cleared = vi.hoisted(() => [] as unknown[]);
vi.mock("./add-branch.ts", () => ({
  clearStrictRules: (_node: unknown, veths: unknown) => cleared.push(veths),
  addBranch: (_call: unknown, config: object, _prevResult: unknown, branch: object) => ({
    ...branch,
    ...config,
    attached: true,
  }),
}));

const agent = vi.hoisted(() => ({ answer: undefined as unknown, asked: [] as unknown[] }));
vi.mock("../../state/agent.ts", async (original) => ({
  ...(await original<typeof import("../../state/agent.ts")>()),
  askForBranch: (_ask: unknown, question: unknown) => {
    agent.asked.push(question);
    if (agent.answer instanceof Error) throw agent.answer;
    return agent.answer;
  },
}));

const CAPABILITY = "io.kubernetes.cri.pod-annotations";

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
const passed = (number: number) => ({ "vpc.amazonaws.com/pod-eni": annotationOf(number) });
const choice = (datapath: string) => ({ "branchline.dev/datapath": datapath });

interface Circumstances {
  /** CNI_ARGS. */
  readonly args?: string;
  /** The container of the record that names the pod's veth. */
  readonly namesake?: string;
}

async function call(
  entry: JsonObject,
  annotations: JsonObject | null | undefined,
  answer?: unknown,
  { args = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u1", namesake }: Circumstances = {},
) {
  agent.answer = answer;
  agent.asked.splice(0);
  cleared.splice(0);
  const mentioning = (texts: readonly string[]) =>
    namesake !== undefined && texts.includes('"inputDevice":"eni1"') ? [{ containerId: namesake }] : [];
  const warnings: string[] = [];
  const noted: Record<string, unknown> = {};
  const result = await add({
    request: {
      ifName: "eth0",
      containerId: "c1",
      cniVersion: "1.0.0",
      pod: readPodArgs(args),
      config: {
        enablePodENI: true,
        serviceCIDRs: [],
        capabilities: { [CAPABILITY]: true },
        runtimeConfig: annotations === undefined ? {} : { [CAPABILITY]: annotations },
        prevResult: {
          cniVersion: "1.0.0",
          interfaces: [{ name: "eni1" }, { name: "eth0", sandbox: "/run/netns/web-0" }],
          ips: [{ address: "10.0.0.50/32", interface: 1 }],
        },
        ...entry,
      },
    },
    env: {},
    node: { store: { stateDirectory: "/nonexistent", mentioning }, clock: { now: () => 0 } },
    note: (fields: object) => Object.assign(noted, fields),
    warn: (message: string) => warnings.push(message),
    warnOnce: (message: string) => warnings.push(message),
  } as unknown as Call);
  return { result, warnings, noted, asked: agent.asked, cleared };
}

const branch = (number: number, datapath: string) => ({
  answer: "branch",
  annotation: annotationOf(number),
  datapath,
});
const PASS = { missingAnnotation: "pass" };

describe("add without asking", () => {
  it.each([
    [{}, {}, "direct", "standard"],
    [{ datapath: "routed" }, {}, "routed", "strict"],
    [{ datapath: "auto" }, {}, "routed", "strict"],
    [{ datapath: "auto", podSGEnforcingMode: "standard" }, {}, "routed", "standard"],
    [{ datapath: "auto", allowDatapathOverride: true }, choice("direct"), "direct", "standard"],
    [{ allowDatapathOverride: true }, choice("routed"), "routed", "strict"],
    [{ datapath: "routed", allowDatapathOverride: true }, choice("direct"), "direct", "standard"],
    [{ datapath: "routed" }, choice("direct"), "routed", "strict"],
  ])("%j with %j: %s, %s", async (entry, annotations, datapath, podSGEnforcingMode) => {
    const { result, asked } = await call({ ...PASS, ...entry }, { ...passed(7), ...annotations });
    expect(result).toMatchObject({ attached: true, vlanId: 7, datapath, podSGEnforcingMode });
    expect(asked).toEqual([]);
  });

  it("does not read a choice of a pod that has no branch", async () => {
    const { result } = await call({ ...PASS, allowDatapathOverride: true }, choice("anything"));
    expect(result).not.toHaveProperty("attached");
  });

  it.each([
    [{ datapath: "routed" }, "c0", [["eni1"]]],
    [{ allowDatapathOverride: true }, "c0", [["eni1"]]],
    [{ datapath: "routed" }, "c1", []],
    [{ datapath: "routed" }, undefined, []],
    // No pod of the node is strict.
    [{ datapath: "direct" }, "c0", []],
  ])(
    "with %j clears a branchless pod's veth of the rules of container %s",
    async (entry, namesake, wanted) => {
      const circumstances = namesake === undefined ? {} : { namesake };
      const found = await call({ ...PASS, ...entry }, {}, undefined, circumstances);
      expect(found.cleared).toEqual(wanted);
    },
  );

  it.each([undefined, null, {}])("refuses a pod with annotations %j when told to", async (annotations) => {
    const code = annotations === undefined ? 7 : 11;
    await expect(call({ missingAnnotation: "refuse" }, annotations)).rejects.toMatchObject({ code });
  });
});

describe("add that asks", () => {
  it.each([
    [{ datapath: "direct" }, "direct", "standard"],
    [{ datapath: "routed" }, "routed", "strict"],
    [{ datapath: "auto" }, "direct", "standard"],
    [{ datapath: "auto" }, "routed", "strict"],
    [{ datapath: "auto", podSGEnforcingMode: "standard" }, "routed", "standard"],
  ])("%j, answered %s: %s", async (entry, datapath, podSGEnforcingMode) => {
    const { result, asked, noted } = await call(entry, undefined, branch(7, datapath));
    expect(result).toMatchObject({ attached: true, vlanId: 7, datapath, podSGEnforcingMode });
    expect(asked).toEqual([
      {
        pod: { namespace: "shop", name: "web-0", uid: "u1" },
        containerId: "c1",
        interface: "eth0",
        annotation: null,
        datapath: entry.datapath,
      },
    ]);
    expect(noted).toMatchObject({ agent: "branch", askedMs: 0, vlan: 7 });
  });

  it.each(["K8S_POD_NAMESPACE=shop", "K8S_POD_NAME=;K8S_POD_UID=u1", "K8S_POD_INFRA_CONTAINER_ID=c1"])(
    "asks for every pod of Kubernetes: %s",
    async (args) => {
      const { asked } = await call({}, null, { answer: "none" }, { args });
      expect(asked).toHaveLength(1);
      await expect(call(PASS, undefined, undefined, { args })).rejects.toMatchObject({ code: 7 });
    },
  );

  it("asks for nobody else", async () => {
    expect((await call({}, undefined, { answer: "none" }, { args: "X=1" })).asked).toEqual([]);
  });

  it("refuses an annotation that the runtime passed when the agent says that there is no branch", async () => {
    await expect(call({}, passed(7), { answer: "none" })).rejects.toMatchObject({
      code: 106,
      message: `the runtime passed the annotation vpc.amazonaws.com/pod-eni ${JSON.stringify(annotationOf(7))} for pod shop/web-0, but the agent says that the pod has no branch`,
    });
    const { result } = await call({}, {}, { answer: "none" });
    expect(result).not.toHaveProperty("attached");
  });

  it.each([
    [{}, "routed"],
    [{ datapath: "routed" }, "direct"],
    [{ datapath: "auto", allowDatapathOverride: true }, "direct"],
  ])("refuses with %j the datapath %s", async (entry, datapath) => {
    const annotations = choice(datapath === "direct" ? "routed" : "direct");
    await expect(call(entry, annotations, branch(7, datapath))).rejects.toMatchObject({ code: 106 });
  });

  it("refuses what the runtime passed and is none", async () => {
    const annotations = { "vpc.amazonaws.com/pod-eni": 7 };
    await expect(call({}, annotations, branch(7, "direct"))).rejects.toMatchObject({
      name: "AnnotationError",
    });
  });

  it.each([
    ["refused", true, 106, "refused by the agent: because"],
    ["wait", true, 11, "the agent has let pod shop/web-0 wait for 30 s: because"],
    ["unanswered", true, 11, "whether pod shop/web-0 has a branch is not known after 30 s: because"],
    [
      "unanswered",
      false,
      11,
      'whether pod shop/web-0 has a branch is not known after 30 s: because; if there is to be no agent, set "missingAnnotation" in the list by hand, or remove /var/lib/cni.d/00-first.conflist',
    ],
  ] as const)("%s (there: %s) is code %i", async (kind, isThere, code, message) => {
    const error = new AgentError(kind, "because", isThere);
    const entry = { listFile: "/var/lib/cni.d/00-first.conflist" };
    await expect(call(entry, null, error)).rejects.toMatchObject({ code, message });
  });

  it("names no file to remove when the agent has not written the list", async () => {
    const error = new AgentError("unanswered", "because", false);
    await expect(call({}, null, error)).rejects.toThrow(/"missingAnnotation" in the list by hand$/);
  });
});
