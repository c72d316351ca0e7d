import { lookup } from "node:dns/promises";
import type { Around, CommonFlags } from "../facts/around.ts";
import type { Ec2 } from "../facts/ec2.ts";
import { type Fact, mapFact, skipped } from "../facts/fact.ts";
import { openSession } from "../facts/session.ts";
import type { Api } from "../facts/api.ts";
import { regionOfEnv } from "../ec2/region.ts";
import { primaryOf } from "../ec2/types.ts";
import { UsageError } from "../sys/command-line.ts";
import { quote } from "../text/json.ts";
import { withAlternatives } from "./alternatives/look.ts";
import { assemble, noPathsOf } from "./assemble.ts";
import type { PodFacts } from "./facts.ts";
import { lookAtPod, lookForPod } from "./look.ts";
import { lookAtGroups, lookAtOwn, lookAtSubnet, type OwnEc2 } from "./look-ec2.ts";
import { partyOf, type Targets } from "./party.ts";
import { lookAtPaths, type Path, type Paths } from "./paths.ts";
import { problemsOf } from "./problems/index.ts";
import { selectedBy } from "./policies.ts";
import { isName, type PodName, type Question, type QuestionFlags, questionsOf } from "./question.ts";
import type { Report } from "./report.ts";
import type { Situation } from "./situation.ts";
import { onceEach } from "./targets/asking.ts";
import { targetsOf } from "./targets/index.ts";
import { linesOf } from "./text.ts";

export interface ExplainFlags extends CommonFlags, QuestionFlags {
  /** `pod`, or `pod/NAME`. Absent: nobody knows yet what to ask. */
  readonly kind?: string | undefined;
  /** Absent with `pod/NAME`. */
  readonly name?: string | undefined;
}

/** `branchline explain`. Gives the exit status. UsageError, KubeconfigError, CannotLookError. */
export async function explain(flags: ExplainFlags, around: Around): Promise<number> {
  const wanted = nameIn(flags, around.program);
  if (flags.allNamespaces)
    throw new UsageError("explain looks at one pod: give its namespace with -n instead of -A");
  // What cannot be meant is said before anybody is asked.
  questionsOf(flags, "default");
  using session = openSession(flags, around);
  const namespace = session.namespace ?? "default";
  const questions = questionsOf(flags, namespace);
  const { api } = session;
  const pod = await lookForPod(api, { namespace, name: wanted });
  const facts = await lookAtPod(api, pod, around.now());
  const region = facts.node.known ? facts.node.value?.region : undefined;
  const report = await explained(api, session.ec2(region), facts, questions, {
    isAsked: asksForPaths(flags),
    around,
  });
  const text =
    flags.output === "json" ? JSON.stringify(report, undefined, 2) : linesOf(report, around.style).join("\n");
  around.write(`${text}\n`);
  return report.exit;
}

async function explained(
  api: Api,
  ec2: Fact<Ec2>,
  facts: PodFacts,
  questions: readonly Question[],
  { isAsked, around }: { readonly isAsked: boolean; readonly around: Around },
): Promise<Report> {
  const own = await lookAtOwn(ec2, facts);
  const situation = await lookAtSituation(ec2, facts, own);
  const problems = problemsOf(situation);
  // What keeps the pod from its branch comes first, unless somebody asks for more; without EC2 no path can be followed.
  const isFollowed = isAsked || (problems.length === 0 && isSeen(own));
  const { targets, notes } = isFollowed
    ? await lookForTargets(api, facts, questions)
    : { targets: [], notes: [] };
  const followed = await lookAtPaths(api, ec2, facts, { node: facts.node, ...own }, targets);
  const paths = await withAlternatives(ec2, situation, followed);
  return assemble({
    situation: { ...situation, ec2: { ...situation.ec2, groups: await withOthers(ec2, situation, paths) } },
    problems,
    paths,
    notes,
    isAsked,
    branchline: around.version,
    flags: ec2.known ? cliFlags(ec2.value.region, around.env) : "",
  });
}

/** Whether EC2 has answered at all. */
function isSeen({ branch, instance }: OwnEc2): boolean {
  return branch.known || instance.known;
}

async function lookAtSituation(ec2: Fact<Ec2>, facts: PodFacts, own: OwnEc2): Promise<Situation> {
  const { pod, policies, accountLabels } = facts;
  const labels = accountLabels.known ? accountLabels.value : undefined;
  const selected = mapFact(policies, (all) => selectedBy(pod, all, labels));
  const ids = [
    ...(selected.known ? selected.value.groups : []),
    ...(pod.fargate?.groups ?? []),
    ...groupsIn(own),
  ];
  const isWaiting = pod.asksForBranch && pod.branch === undefined;
  const [groups, subnet] = await Promise.all([
    lookAtGroups(ec2, ids),
    isWaiting ? lookAtSubnet(ec2, facts, own) : skipped("subnets", "the pod does not wait"),
  ]);
  return { facts, selected, ec2: { ...own, groups, subnet } };
}

/** With the groups of the other ends of paths. */
async function withOthers(
  ec2: Fact<Ec2>,
  { ec2: { groups } }: Situation,
  paths: Paths,
): Promise<Situation["ec2"]["groups"]> {
  if (!groups.known) return groups;
  const others = groupsOn(paths).filter((id) => !groups.value.some((one) => one.id === id));
  if (others.length === 0) return groups;
  return mapFact(await lookAtGroups(ec2, others), (more) => [...groups.value, ...more]);
}

/** None of a pod that has no network yet, or no more. */
async function lookForTargets(api: Api, facts: PodFacts, questions: readonly Question[]): Promise<Targets> {
  if (noPathsOf(facts.pod) !== undefined) return { targets: [], notes: [] };
  const resolve = async (host: string) => (await lookup(host, { all: true })).map(({ address }) => address);
  return targetsOf({ api, facts, subject: partyOf(facts.pod), resolve, once: onceEach() }, questions);
}

function asksForPaths({ to, toPod, fromNode, fromPod }: QuestionFlags): boolean {
  return to !== undefined || toPod !== undefined || fromNode || fromPod !== undefined;
}

/** `pod NAME`, or `pod/NAME` as kubectl prints it. UsageError. */
function nameIn({ kind, name: given }: ExplainFlags, program: string): PodName["name"] {
  const [what = "", own, ...more] = (kind ?? "pod").split("/");
  const name = own ?? given;
  if (!["pod", "pods", "po"].includes(what) || more.length > 0) {
    // Whoever gives one word has left the other out.
    const meant = given === undefined && own === undefined && isName(what) ? what : "NAME";
    throw new UsageError(`${quote(kind)} cannot be explained, only a pod: ${program} explain pod ${meant}`);
  }
  if (name === undefined || (own !== undefined && given !== undefined))
    throw new UsageError(`which pod? such as: ${program} explain pod web-0 -n shop --to db.example.com:5432`);
  const [namespace, rest] = name.split("/");
  if (rest !== undefined)
    throw new UsageError(`${quote(name)} is no name of a pod: give the namespace with -n ${namespace ?? ""}`);
  if (!isName(name)) throw new UsageError(`${quote(name)} is no name of a pod`);
  return name;
}

function groupsIn({ branch, instance }: OwnEc2): readonly string[] {
  const primary = instance.known && instance.value ? primaryOf(instance.value) : undefined;
  return [...((branch.known && branch.value?.groups) || []), ...(primary?.groups ?? [])];
}

/** Of all interfaces that paths meet: their names are shown. */
function groupsOn({ paths }: Paths): readonly string[] {
  return paths.flatMap(groupsOfPath);
}

function groupsOfPath(path: Path): readonly string[] {
  if (!("wanted" in path)) return [];
  const { way } = path.verdict;
  const { from, to } = path.path;
  const ends = [
    ...(way.kind === "vpc" ? [way.from, way.to] : []),
    ...[from, to].flatMap((place) => (place.kind === "node-local" ? [] : [place.end])),
  ];
  const offered = (path.alternatives ?? []).flatMap(({ groups }) => groups);
  return [...ends.flatMap(({ interface: eni }) => (eni.known ? (eni.value?.groups ?? []) : [])), ...offered];
}

/** What the AWS CLI would not take from the same environment. */
function cliFlags(region: string, env: Around["env"]): string {
  return regionOfEnv(env) === region ? "" : `--region ${region}`;
}
