import { describe, expect, it } from "vitest";
import { type ListFile, type ListOptions, planList } from "./list.ts";

const options: ListOptions = {
  ours: "05-branchline.conflist",
  primaryType: "aws-cni",
  entry: { enablePodENI: true },
};
const awsCni = { name: "aws-cni", type: "aws-cni", vethPrefix: "eni", mtu: "9001" };
const portmap = { type: "portmap", capabilities: { portMappings: true }, snat: true };

/** As aws-node writes it. */
const aws = (more: object = {}) => ({
  cniVersion: "0.4.0",
  name: "aws-cni",
  disableCheck: true,
  plugins: [awsCni, { name: "egress-cni", type: "egress-cni" }, portmap],
  ...more,
});
const file = (name: string, content: unknown, mode = 0o644): ListFile => ({
  name,
  text: typeof content === "string" ? content : JSON.stringify(content, undefined, 4),
  mode,
});
const primary = file("10-aws.conflist", aws());

function written(...files: ListFile[]): {
  text: string;
  mode: number;
  why: string;
  list: Record<string, unknown>;
} {
  const { plan } = planList(files, options);
  if (plan.action !== "write") throw new Error(`not written: ${JSON.stringify(plan)}`);
  return { ...plan, list: JSON.parse(plan.text) as Record<string, unknown> };
}

const typesIn = (list: Record<string, unknown>) =>
  (list["plugins"] as { type: string }[]).map(({ type }) => type);

describe("our list", () => {
  it("is the primary's, with our entry behind the last plugin that gives addresses", () => {
    const { list, mode, why } = written(primary);
    expect(list).toEqual(
      aws({
        "branchline.dev/taken": ["aws-cni", "egress-cni", "portmap"],
        plugins: [
          awsCni,
          { name: "egress-cni", type: "egress-cni" },
          { type: "branchline", enablePodENI: true },
          portmap,
        ],
      }),
    );
    expect(mode).toBe(0o644);
    expect(why).toBe("it is not there");
  });

  it("is left alone once it is right, however it is formatted", () => {
    const ours = file(options.ours, written(primary).list);
    expect(planList([ours, primary], options)).toEqual({ plan: { action: "none" }, problem: undefined });
  });

  it.each<[string, unknown, number, string]>([
    ["edited", { ...aws(), plugins: [awsCni] }, 0o644, "it differs from the primary's list"],
    ["empty", "", 0o644, "it is not valid"],
    ["half", "{", 0o644, "it is not valid"],
  ])("is written anew when it is %s", (_what, content, mode, why) =>
    expect(written(file(options.ours, content, mode), primary).why).toBe(why),
  );

  it("is written anew when its mode is another", () =>
    expect(written(file(options.ours, written(primary).list, 0o600), primary).why).toBe(
      "its mode differs from the primary's list",
    ));

  it.each<[string, object]>([
    ["another version", aws({ cniVersion: "1.0.0" })],
    ["another MTU", aws({ plugins: [{ ...awsCni, mtu: "1500" }, portmap] })],
    ["another order", aws({ plugins: [portmap, awsCni] })],
    ["one plugin more", aws({ plugins: [awsCni, portmap, { type: "bandwidth" }] })],
  ])("follows the primary to %s", (_what, content) => {
    const ours = file(options.ours, written(primary).list);
    const { list } = written(ours, file("10-aws.conflist", content));
    const { plugins, "branchline.dev/taken": taken, ...rest } = list;
    const { plugins: its, ...others } = content as Record<string, unknown>;
    expect(rest).toEqual(others);
    expect((plugins as { type: string }[]).filter(({ type }) => type !== "branchline")).toEqual(its);
    expect(taken).toEqual((its as { type: string }[]).map(({ type }) => type));
  });

  it("is behind aws-cni wherever that is", () =>
    expect(
      typesIn(
        written(file("10-aws.conflist", aws({ plugins: [portmap, awsCni, { type: "bandwidth" }] }))).list,
      ),
    ).toEqual(["portmap", "aws-cni", "branchline", "bandwidth"]));

  it("keeps plugins that others have put into the primary's list", () => {
    const istio = { type: "istio-cni", kubernetes: { cni_bin_dir: "/opt/cni/bin" } };
    const { list } = written(file("10-aws.conflist", aws({ plugins: [awsCni, portmap, istio] })));
    expect(typesIn(list)).toEqual(["aws-cni", "branchline", "portmap", "istio-cni"]);
  });

  it("replaces an entry of ours in the primary's list", () => {
    const list = aws({ plugins: [awsCni, { type: "branchline", enablePodENI: false }, portmap] });
    expect(written(file("10-aws.conflist", list)).list["plugins"]).toEqual([
      awsCni,
      { type: "branchline", enablePodENI: true },
      portmap,
    ]);
  });

  it("keeps numbers that JavaScript would change", () => {
    const text = JSON.stringify(aws({ plugins: [{ ...awsCni, big: "N" }] })).replace(
      '"N"',
      "12345678901234567890",
    );
    const first = written(file("10-aws.conflist", text));
    expect(first.text).toContain("12345678901234567890");
    expect(planList([file(options.ours, first.text), file("10-aws.conflist", text)], options).plan).toEqual({
      action: "none",
    });
  });

  it("takes a primary of one plugin", () => {
    const { list } = written(file("10-aws.conf", { cniVersion: "0.4.0", ...awsCni }));
    expect(list["name"]).toBe("aws-cni");
    expect(typesIn(list)).toEqual(["aws-cni", "branchline"]);
  });
});

describe("plugins that others append to our list", () => {
  const istio = { type: "istio-cni", kubernetes: { cni_bin_dir: "/opt/cni/bin" } };
  type List = Record<string, unknown>;

  /** As istio-cni does it: in the first list, its old entry removed, and a new one at the end. */
  const append = (list: List, plugin: { type: string }): List => ({
    ...list,
    plugins: [...(list["plugins"] as { type: string }[]).filter(({ type }) => type !== plugin.type), plugin],
  });
  const remove = (list: List, type: string): List => ({
    ...list,
    plugins: (list["plugins"] as { type: string }[]).filter((plugin) => plugin.type !== type),
  });
  const planned = (ours: List, itsPrimary = primary) =>
    planList([file(options.ours, ours), itsPrimary], options).plan.action;

  it.each([["istio-cni"], ["linkerd-cni"], ["somebody-else"]])("%s stays, and nothing is written", (type) =>
    expect(planned(append(written(primary).list, { type }))).toBe("none"),
  );

  it("stay when the primary's list changes", () => {
    const ours = append(written(primary).list, istio);
    const { list } = written(
      file(options.ours, ours),
      file("10-aws.conflist", aws({ plugins: [awsCni, portmap, { type: "bandwidth" }] })),
    );
    expect(typesIn(list)).toEqual(["aws-cni", "branchline", "portmap", "bandwidth", "istio-cni"]);
    // What the primary no longer has goes; what others appended does not.
    expect(typesIn(written(file(options.ours, list), primary).list)).toEqual([
      "aws-cni",
      "egress-cni",
      "branchline",
      "portmap",
      "istio-cni",
    ]);
  });

  it("stay when our own entry is put right", () => {
    const harmed = remove(append(written(primary).list, istio), "branchline");
    expect(typesIn(written(file(options.ours, harmed), primary).list)).toEqual([
      "aws-cni",
      "egress-cni",
      "branchline",
      "portmap",
      "istio-cni",
    ]);
  });

  it("are taken from the primary's list at first, and then are as their installer leaves them in ours", () => {
    const stale = file("10-aws.conflist", aws({ plugins: [awsCni, portmap, istio] }));
    const first = written(stale).list;
    expect(typesIn(first)).toEqual(["aws-cni", "branchline", "portmap", "istio-cni"]);
    expect(
      planned(append(first, { ...istio, type: "istio-cni", log_level: "debug" } as typeof istio), stale),
    ).toBe("none");
    // Uninstalled: the entry of the primary's list, which calls a plugin that is gone, does not come back.
    expect(planned(remove(first, "istio-cni"), stale)).toBe("none");
    // aws-node writes its list without it: pods are not to start without it until its installer sees that.
    const later = written(file(options.ours, first), primary).list;
    expect(typesIn(later)).toEqual(["aws-cni", "egress-cni", "branchline", "portmap", "istio-cni"]);
    expect(planned(append(later, istio))).toBe("none");
    expect(planned(remove(later, "istio-cni"))).toBe("none");
  });

  it("are not kept of a list that is not ours", () => {
    const theirs = aws({ plugins: [awsCni, { type: "somebody-else" }] });
    expect(typesIn(written(file(options.ours, theirs), primary).list)).not.toContain("somebody-else");
  });

  it("cannot be in our entry's place, or change the primary's", () => {
    const ours = written(primary).list;
    expect(planned(append(ours, { type: "branchline" }))).toBe("write");
    expect(planned(append(ours, { type: "portmap" }))).toBe("write");
    expect(planned(append(ours, { type: "aws-cni" }))).toBe("write");
  });
});

describe("nothing is written", () => {
  it.each<[string, ListFile[], string]>([
    ["without a list", [], "waiting for the primary plugin's list (there is none)"],
    [
      "beside files that are no lists",
      [file("README", "x"), file("10-aws.conflist.tmp", aws())],
      "(there is none)",
    ],
    ["with a list that is half written", [file("10-aws.conflist", "{")], "(10-aws.conflist: not valid)"],
    ["with a list without plugins", [file("10-aws.conflist", aws({ plugins: [] }))], "not valid"],
    ["with a list without a name", [file("10-aws.conflist", aws({ name: "" }))], "not valid"],
    ["with a plugin without a type", [file("10-aws.conflist", aws({ plugins: [{}] }))], "not valid"],
    [
      "behind another primary",
      [file("08-other.conflist", aws({ plugins: [{ type: "ptp" }] })), primary],
      '08-other.conflist has no plugin of type "aws-cni"; it has ["ptp"]: choose another with --primary-type',
    ],
  ])("%s", (_what, files, why) => {
    const { plan, problem } = planList(files, options);
    expect(plan).toMatchObject({ action: "wait", why: expect.stringContaining(why) as string });
    expect(problem).toContain(why);
  });

  it("while the primary's list is away for a moment, ours stays as it is", () => {
    const ours = file(options.ours, written(primary).list);
    expect(planList([ours], options).plan.action).toBe("wait");
  });
});

it("the first list by name is the primary's, and a later one does not matter", () => {
  const other = file("99-other.conflist", aws({ plugins: [{ type: "ptp" }] }));
  expect(typesIn(written(other, primary).list)).toContain("aws-cni");
});

it("a list before ours is a problem, though ours is written", () => {
  const early = file("00-mine.conflist", aws());
  const { plan, problem } = planList([early], options);
  expect(plan.action).toBe("write");
  expect(problem).toContain(
    "the runtime looks at 00-mine.conflist first, which comes before 05-branchline.conflist",
  );
});

it("from a directory that the runtime does not read", () => {
  const { plan, problem } = planList([], options, [primary]);
  expect(plan).toMatchObject({ action: "write", mode: 0o644 });
  expect(problem).toBeUndefined();
  // What else the runtime reads is no primary, but may come before ours.
  expect(planList([primary], options, []).plan.action).toBe("wait");
  expect(planList([file("00-mine.conflist", aws())], options, [primary]).problem).toContain(
    "00-mine.conflist",
  );
});

it.each([
  ["not valid", "{"],
  ["not readable", ""],
  ["another's", '{"cniVersion":"1.0.0","name":"x","Type":"bridge"}'],
])("a file before ours that is %s is a problem as well: a runtime may stop there", (_what, text) => {
  const { plan, problem } = planList([file("00-x.conf", text), primary], options);
  expect(plan.action).toBe("write");
  expect(problem).toContain("the runtime looks at 00-x.conf first");
});
