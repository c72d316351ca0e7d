import type { Style } from "../text/style.ts";
import { fieldLines, tableLines } from "../text/table.ts";
import { wordsOfGroup } from "./report-path.ts";
import type {
  NetworkKind,
  Report,
  ReportedAlternative,
  ReportedEnd,
  ReportedGap,
  ReportedGroup,
  ReportedHop,
  ReportedPath,
} from "./report.ts";

/** What `branchline explain` prints for people: lines without line breaks. The last one is the answer. */

const INDENT = 2;
/** More are counted; those that select the pod are shown in any case. */
const MOST_POLICIES = 12;

export function linesOf(report: Report, style: Style): readonly string[] {
  const sections = [
    podLines(report),
    section("Policies", policyLines(report), style),
    section("Groups", groupLines(report), style),
    section("Problems", problemLines(report, style), style),
    ...report.paths.map((path) => pathLines(path, report, style)),
    section("Events", eventLines(report), style),
    section("Notes", report.notes.map(indented), style),
    section(
      "Not looked at",
      report.notLookedAt.map((gap) => indented(wordsOfGap(gap))),
      style,
    ),
    [lastLine(report, style)],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines, i) => (i === 0 ? lines : ["", ...lines]));
}

function section(title: string, lines: readonly string[], style: Style): readonly string[] {
  return lines.length === 0 ? [] : [style.bold(title), ...lines];
}

function indented(line: string): string {
  return `${" ".repeat(INDENT)}${line}`;
}

const NETWORKS: Readonly<Record<NetworkKind, string>> = {
  branch: "a branch of its own",
  waiting: "none yet: it waits for its branch",
  "node-interfaces": "an address of its node's interfaces",
  "node-network": "its node's (hostNetwork)",
  fargate: "Fargate's",
  ended: "none: it has ended",
  none: "none yet",
};

function podLines({ pod, branch }: Report): readonly string[] {
  const state = `${pod.phase}${pod.ready ? ", ready" : ""}`;
  const fields: (readonly [string, string])[] = [
    [
      "pod",
      `${pod.namespace}/${pod.name}, ${state}, made ${pod.createdAt}${pod.owner === undefined ? "" : ` by ${pod.owner}`}`,
    ],
    ["node", pod.node ?? "none yet"],
    ["network", NETWORKS[pod.network]],
  ];
  if (pod.addresses.length > 0) fields.push(["addresses", pod.addresses.join(", ")]);
  if (branch !== undefined) {
    const trunk = branch.trunk === undefined ? "" : ` of trunk ${branch.trunk}`;
    const subnet = branch.subnet === undefined ? "" : `, in ${branch.subnet}`;
    const since = branch.since === undefined ? "" : `, since ${branch.since}`;
    fields.push(["branch", `${branch.eni}, VLAN id ${branch.vlan}${trunk}${subnet}${since}`]);
    if (!branch.addresses.every((address) => pod.addresses.includes(address)))
      fields.push(["", `its addresses are ${branch.addresses.join(", ")}`]);
    fields.push(["datapath", `${branch.datapaths.join(" or ")} (${branch.because})`]);
  }
  return fieldLines(fields);
}

const SELECTIONS = {
  selects: "selects it",
  late: "selects it, too late",
  maybe: "may select it",
  no: "does not select it",
  elsewhere: "of another namespace",
} as const;

function policyLines({ policies, groups }: Report): readonly string[] {
  // They come first.
  const counts = policies.filter(({ selection }) => selection !== "no" && selection !== "elsewhere").length;
  const rows = policies.map(({ namespace, name, selection, why, groups: ids }) => [
    `${namespace}/${name}`,
    SELECTIONS[selection],
    why ?? ids.join(", "),
  ]);
  const shown = rows.slice(0, Math.max(MOST_POLICIES, counts));
  const table = tableLines({ head: ["POLICY", "", "WHY"], rows: shown })
    .slice(1)
    .map(indented);
  if (groups.wanted === undefined) return [];
  return [
    ...(table.length === 0 ? [indented("none in its namespace")] : table),
    ...(shown.length < rows.length
      ? [indented(`and ${rows.length - shown.length} more that do not (-o json has all)`)]
      : []),
  ];
}

function groupLines({ groups }: Report): readonly string[] {
  const { wanted, has, interface: eni, since } = groups;
  const fields: (readonly [string, string])[] = [];
  if (wanted !== undefined && wanted.length > 0) fields.push(["wanted", wordsOfGroups(wanted)]);
  if (has !== undefined)
    fields.push([
      "has",
      `${wordsOfGroups(has)}${eni === undefined ? "" : `, by ${eni}`}${since === undefined ? "" : `, since ${since}`}`,
    ]);
  return fieldLines(fields, INDENT);
}

function wordsOfGroups(groups: readonly ReportedGroup[]): string {
  return groups.length === 0 ? "none" : groups.map(wordsOfGroup).join(", ");
}

function problemLines({ problems }: Report, style: Style): readonly string[] {
  return problems.flatMap(({ code, line, todo }) => [
    indented(`${style.red(code)}: ${line}`),
    indented(`  To do: ${todo}`),
  ]);
}

function eventLines({ events }: Report): readonly string[] {
  return events.map(({ about, at, type, reason, component, message }) =>
    indented(`${at} ${about === "node" ? "node, " : ""}${type} ${reason} (${component}): ${message}`),
  );
}

function pathLines(path: ReportedPath, report: Report, style: Style): readonly string[] {
  const { title, from, to, way, commands, alternatives, notes } = path;
  const fields: (readonly [string, string])[] = [
    ...(from === undefined ? [] : [["from", wordsOfEnd(from)] as const]),
    ...(to === undefined ? [] : [["to", `${wordsOfEnd(to)}, ${path.protocol} ${path.port}`] as const]),
    ...notes.map((note) => ["", note] as const),
    ...way.map((words, i) => [i === 0 ? "way" : "", words] as const),
    ...shownHops(path).map((hop) => [labelOf(hop), paint(hop, style)] as const),
  ];
  return [
    style.bold(`Path: ${title}`),
    ...fieldLines(fields, INDENT),
    indented(paintAnswer(path.answer, path.line, style)),
    ...alternatives.flatMap(alternativeLines),
    ...(commands.length === 0 ? [] : [indented(headOfRules(path, report))]),
    ...commands.map((command) => indented(indented(command))),
  ];
}

/** Commands begin with the line, so that a here-document ends where it should when it is copied. */
function alternativeLines({ line, commands }: ReportedAlternative): readonly string[] {
  const end = commands.length === 0 ? "" : ":";
  return [indented(`${line}${end}`), ...commands.flatMap((command) => command.split("\n"))];
}

/** A rule for the groups of the node is not for this pod alone. */
function headOfRules({ asked, from, alternatives }: ReportedPath, { pod, branch }: Report): string {
  const rules = alternatives.length > 0 ? "Or these rules" : "These rules";
  const isSent = asked === "dns" || asked === "to" || asked === "to-pod";
  const isOfNode =
    isSent &&
    from?.interface !== undefined &&
    from.interface !== branch?.eni &&
    (pod.network === "node-interfaces" || pod.network === "branch");
  return isOfNode
    ? `${rules} would let it pass, and all that the node and its other pods send with these groups:`
    : `${rules} would let it pass:`;
}

/** That groups know the connection is said of answers once, and of those that come. */
function shownHops({ hops, answer }: ReportedPath): readonly ReportedHop[] {
  const tracked = hops.filter(({ kind }) => kind === "tracked");
  const [first] = tracked;
  const others = hops.filter(({ kind }) => kind !== "tracked");
  // Of packets that never arrive no answers come; what else is in the way is to be mended as well.
  if (answer === "does not reach")
    return others.filter(({ answers, result }) => !answers || result !== "passes");
  if (first === undefined) return others;
  return [...others, { ...first, text: "the groups at both ends know the connection" }];
}

function wordsOfEnd({ name, address, interface: eni, groups }: ReportedEnd): string {
  const at = name === address ? name : `${name} (${address})`;
  return eni === undefined ? at : `${at} by ${eni}: ${wordsOfGroups(groups)}`;
}

/** Beside each hop, what the packets do there. */
function labelOf({ direction, answers, kind }: ReportedHop): string {
  if (kind === "early-demux") return "node";
  if (kind === "tracked") return "answers";
  const what = {
    group: direction,
    route: "route",
    acl: `acl ${direction}`,
    "network-policy": `policy ${direction}`,
    unknown: direction,
  }[kind];
  return answers ? `answer ${what}` : what;
}

function paint({ result, text }: ReportedHop, style: Style): string {
  switch (result) {
    case "passes":
      return `${style.green("ok")}  ${text}`;
    case "refused":
      return `${style.red("no")}  ${text}`;
    case "unknown":
      return `${style.yellow("?")}   ${text}`;
  }
}

function paintAnswer(answer: string, line: string, style: Style): string {
  if (answer === "reaches" || answer === "fine") return style.green(line);
  return answer === "cannot say" ? style.yellow(line) : style.red(line);
}

function lastLine({ answer, line }: Report, style: Style): string {
  return style.bold(paintAnswer(answer, line, style));
}

function wordsOfGap({ what, reason, message, permission }: ReportedGap): string {
  if (permission !== undefined) return `${what}: no permission for ${permission}`;
  return reason === "skipped" ? message : `${what}: ${message}`;
}
