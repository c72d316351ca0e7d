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
    const { plugins, ...rest } = list;
    const { plugins: its, ...others } = content as Record<string, unknown>;
    expect(rest).toEqual(others);
    expect((plugins as { type: string }[]).filter(({ type }) => type !== "branchline")).toEqual(its);
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
