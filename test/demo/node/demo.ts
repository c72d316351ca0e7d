/**
 * Security groups that decide who reaches a real PostgreSQL, on the kernel this runs on:
 *
 *     node test/demo/node/demo.ts [--datapath direct|routed] [--mode strict|standard]
 *
 * Run as root where eth0 and eth1 are free names and the kernel has 8021q: in a guest, as `make demo-node` does.
 * Exits 0 when everything came out as expected, 1 when something differed or failed, 2 for wrong arguments.
 *
 * --plan           says what is expected of this datapath and mode, and ends
 * --open-database  sabotage, to see it fail: the database's group lets everybody in
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { release, tmpdir } from "node:os";
import path from "node:path";
import {
  capture,
  exec,
  ipJson,
  podEni,
  settled,
  snapshot,
  type FlowFilter,
  type Port,
  type Pod,
  type Snapshot,
} from "../../ground/index.ts";
import { ask, query } from "./database.ts";
import { Outcomes } from "../outcomes.ts";
import { expectationsOf, words, type ExpectationId, type Way } from "./expectations.ts";
import { parseOptions, UsageError, type Options } from "./options.ts";
import { httpProbe, tcpProbe } from "./probe.ts";
import {
  buildScene,
  CleanUp,
  createCast,
  databaseAddress,
  groupOf,
  groupsOf,
  pluginLogOf,
  probePort,
  ruleWords,
  service,
  type PodName,
  type Scene,
} from "./scene.ts";
import { Interrupted, Story } from "../story.ts";
import { tableOf } from "../table.ts";

const names = ["catalog", "reports", "plain"] as const;
const recordsDirectory = "/run/branchline/attachments";
/** libpq's patience with a connection that never comes, in seconds. */
const patience = 4;

/** Shorter than the guest's own limit. */
const LIMIT_SECONDS = 540;

/** A call of the chain may take its time in a guest on a busy machine. */
const chain = { timeout: 150_000 } as const;

type Pods = Record<PodName, Pod>;

/** What the acts share. */
interface Stage {
  readonly options: Options;
  readonly story: Story;
  readonly scene: Scene;
  readonly pods: Pods;
  /** Notes an outcome and says it; an observation that fails is an outcome too. */
  readonly observe: (id: ExpectationId, look: () => Promise<string>) => Promise<void>;
}

interface Performance {
  readonly options: Options;
  readonly story: Story;
  readonly outcomes: Outcomes<ExpectationId>;
  readonly cleanUp: CleanUp;
  /** A directory for what the plugins keep; gone afterwards. */
  readonly scratch: string;
}

async function play({ options, story, outcomes, cleanUp, scratch }: Performance): Promise<void> {
  story.heading("The VPC");
  story.shown("security groups", groupTable(options));
  story.step("making the VPC, 10.0.0.0/24, and our node in it: 10.0.0.10 on eth0, the trunk on eth1");
  const scene = await buildScene(options, scratch, cleanUp);
  story.step("PostgreSQL makes its cluster meanwhile: that takes some 20 s here");

  story.heading("Three pods, by cnitool through [aws-cni stand-in, branchline]");
  story.step(
    'its list says "missingAnnotation": "pass", for plain: there is no agent yet to ask whether a pod has a branch',
  );
  const pods = await createCast(scene, cleanUp);
  const before = { node: await snapshot(), pods: await snapshots(pods) };
  const stage: Stage = {
    options,
    story,
    scene,
    pods,
    observe: async (id, look) => {
      const observed = await look().catch((error: unknown) => `error: ${firstLine(error)}`);
      story.outcome(observed, outcomes.note(id, observed));
    },
  };
  await addAll(stage);
  await showCatalog(stage);
  await askDatabase(stage);
  await probe(stage);
  await callService(stage);
  await callNeighbour(stage);
  await delAll(stage, before);
}

function groupTable(options: Options): string {
  return tableOf([
    ["group", "lets in", "members"],
    ...groupsOf(options).map(({ name, members, rules }) => [
      name,
      rules.map((rule) => ruleWords(rule)).join(", ") || "nothing",
      members,
    ]),
  ]).join("\n");
}

async function addAll({ story, pods, observe }: Stage): Promise<void> {
  story.step("ADD of catalog (branch, VLAN 7), reports (branch, VLAN 8) and plain (no branch), all at once");
  const added = await Promise.allSettled(
    names.map(async (name) => {
      const begin = performance.now();
      const { ips = [] } = await pods[name].mustAdd(chain);
      const seconds = ((performance.now() - begin) / 1000).toFixed(1);
      story.step(`pod ${name} has ${ips.map(({ address }) => address).join(", ")} after ${seconds} s`);
    }),
  );
  // Not before all have ended: nothing is torn down while another is still being built.
  for (const one of added) if (one.status === "rejected") throw one.reason;
  story.step("CHECK of all three: does the kernel have what was attached?");
  await observe("check", async () => {
    const answers = await Promise.all(names.map((name) => pods[name].check(chain)));
    return answers.flatMap(({ error }) => error ?? []).join("; ") || words.checked;
  });
  for (const name of names) await pods[name].serve({ port: probePort });
}

async function showCatalog({ story, pods, observe }: Stage): Promise<void> {
  story.heading("What pod catalog got");
  const [annotation] = JSON.parse(pods.catalog.annotations[podEni] ?? "[]");
  story.shown(`its annotation ${podEni}`, JSON.stringify([annotation], undefined, 1));
  for (const command of ["ip addr", "ip route", "ip rule"])
    await show(story, `catalog $ ${command}`, pods.catalog.netns, command);
  for (const command of ["ip rule", "ip route show table 107"])
    await show(story, `node $ ${command}`, undefined, command);
  story.step("so its eth0 is");
  await observe("eth0", async () => {
    const [link] = await ipJson<Link>(pods.catalog.netns, "addr", "show", "dev", "eth0");
    const { info_kind: kind, info_data: data } = link?.linkinfo ?? {};
    const address = link?.addr_info.find(({ family }) => family === "inet");
    const what = kind === "vlan" ? `VLAN ${data?.id} of the trunk` : kind;
    return `${what}, ${address?.local}/${address?.prefixlen}`;
  });
}

interface Link {
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: { readonly id?: number } };
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

async function show(story: Story, title: string, netns: string | undefined, command: string): Promise<void> {
  const [file = "", ...args] = command.split(" ");
  const { stdout, stderr } = await exec(netns, [file, ...args]);
  story.shown(title, stdout + stderr);
}

async function askDatabase({ story, scene, pods, observe }: Stage): Promise<void> {
  story.heading("The database");
  story.step("waiting for PostgreSQL");
  const { version } = await scene.database.ready;
  story.step(`PostgreSQL ${version} on ${databaseAddress}:5432 trusts everybody who gets that far`);
  await scene.vpc.forget();

  story.step("tcpdump listens on the trunk, eth1");
  // Only in this order: after `vlan` the filter's offsets are those of tagged frames.
  const frames = await capture(undefined, "eth1", "tcp port 5432 or (vlan and tcp port 5432)");
  story.step(`catalog $ psql -h ${databaseAddress} catalog -c '${query}'`);
  let lines: readonly string[] = [];
  try {
    await observe("query catalog", async () => {
      const answer = await ask(pods.catalog.netns, databaseAddress, patience);
      if (answer.status !== 0) return silence(scene, pods.catalog, answer.stderr);
      story.shown("", answer.stdout);
      return words.rows(countOf(answer.stdout));
    });
  } finally {
    lines = await frames.stop();
  }
  story.shown(`the first of ${lines.length} frames on eth1`, lines.slice(0, 3).map(shortened).join("\n"));
  await observe("tag", () => {
    const tags = lines.map((line) => /\bvlan (\d+),/.exec(line)?.[1] ?? "(untagged)");
    return Promise.resolve(words.tag([...new Set(tags)]));
  });

  story.step(`reports and plain ask the same; psql gives up after ${patience} s`);
  const others = ["reports", "plain"] as const;
  const answers = await Promise.all(others.map((name) => ask(pods[name].netns, databaseAddress, patience)));
  for (const [index, name] of others.entries()) {
    const answer = answers[index];
    story.shown(`${name} $ psql`, answer === undefined ? "" : answer.stderr || answer.stdout);
    await observe(`query ${name}`, async () => {
      if (answer?.status === 0) return words.rows(countOf(answer.stdout));
      return silence(scene, pods[name], answer?.stderr ?? "");
    });
  }
}

/** psql's own count, below the table it prints. */
function countOf(printed: string): number {
  return Number(/\((\d+) rows?\)/.exec(printed)?.[1] ?? 0);
}

/** A frame without its time, and without what follows the flags. */
function shortened(line: string): string {
  return line.replace(/^\S+ /, "").replace(/(Flags \[[^\]]*\]).*/, "$1");
}

/** What psql's failure was, by its own words and by what the VPC saw. */
async function silence({ vpc, database }: Scene, pod: Pod, said: string): Promise<string> {
  if (!/timeout expired/.test(said)) return said.trim().split("\n").at(-1) ?? "";
  return droppedOf(vpc, database.host, { from: pod.ipv4, port: 5432 });
}

async function droppedOf(vpc: Scene["vpc"], target: Port, filter: FlowFilter): Promise<string> {
  return (await vpc.seen(target, filter)).refused > 0 ? words.droppedByGroup : words.timedOut;
}

async function probe({ story, scene, pods, observe }: Stage): Promise<void> {
  story.heading("Probes from the node, as kubelet makes them");
  const { vpc } = scene;
  for (const name of names) {
    const address = pods[name].ipv4;
    const url = `http://${address}:${probePort}/cgi-bin/who`;
    story.step(`node: TCP connect to ${address}:${probePort}, then GET ${url}`);
    await observe(`probe ${name}`, async () => {
      const tcp = await tcpProbe(address, probePort);
      const http = await httpProbe(url);
      if (tcp !== "ok" || http.outcome !== "ok") return `TCP: ${tcp}; HTTP: ${http.outcome}`;
      if (http.body.split(" ")[0] !== name) return `somebody else answers: ${http.body}`;
      return words.probed(await wayOf(vpc, pods[name], { from: vpc.primary.ipv4, port: probePort }));
    });
  }
}

/** Whether packets to a pod came to it from the VPC. */
async function wayOf(vpc: Scene["vpc"], pod: Pod, filter: FlowFilter): Promise<Way> {
  const { delivered } = await vpc.seen(pod.branch ?? vpc.nodePlug, { to: pod.ipv4, ...filter });
  return delivered > 0 ? "through the VPC" : "on the node";
}

async function callService({ story, pods, observe }: Stage): Promise<void> {
  const { address, port, backend, backendPort } = service;
  story.heading(`A Service: ${address}:${port}, which the node rewrites to ${backend}:${backendPort}`);
  for (const name of names) {
    story.step(`${name} calls http://${address}`);
    await observe(`service ${name}`, async () => {
      const { reach, reply } = await pods[name].connect(address, { port });
      if (reach !== "reached") return reach;
      const [who = "", client = ""] = reply.split(" ");
      if (who !== "web") return `somebody else answers: ${reply}`;
      story.step(`  the backend sees ${client}`);
      return words.service(groupOf(client));
    });
  }
}

async function callNeighbour({ options, story, scene, pods, observe }: Stage): Promise<void> {
  story.heading("Neighbours on the same node");
  const { vpc } = scene;
  const target = pods.catalog.ipv4;
  const rules = groupsOf(options).find(({ name }) => name === "catalog-client")?.rules ?? [];
  story.step(
    `catalog serves ${probePort}; its group lets in ${rules.map(ruleWords).join(", ") || "nothing"}`,
  );
  for (const name of ["reports", "plain"] as const) {
    story.step(`${name} calls http://${target}:${probePort}`);
    await observe(`neighbour ${name}`, async () => {
      const { reach, reply } = await pods[name].connect(target, { port: probePort });
      const filter = { from: pods[name].ipv4, to: target, port: probePort };
      const branch = pods.catalog.branch ?? vpc.nodePlug;
      const { sent } = await vpc.seen(pods[name].branch ?? vpc.nodePlug, filter);
      const { refused, delivered } = await vpc.seen(branch, filter);
      story.step(`  the VPC saw ${sent} packets on their way, refused ${refused}, delivered ${delivered}`);
      if (reach === "timed out") return refused > 0 ? words.droppedByGroup : words.timedOut;
      if (reach !== "reached") return reach;
      if (reply.split(" ")[0] !== "catalog") return `somebody else answers: ${reply}`;
      return words.reached(delivered > 0 ? "through the VPC" : "on the node");
    });
  }
}

interface Before {
  readonly node: Snapshot;
  readonly pods: Record<PodName, Snapshot>;
}

async function delAll({ story, pods, observe }: Stage, before: Before): Promise<void> {
  story.heading("DEL of the three pods");
  story.step("the chain backwards, all at once");
  const answers = await Promise.all(names.map((name) => pods[name].del(chain)));
  const failed = answers.flatMap(({ error }) => error ?? []);
  if (failed.length > 0) throw new Error(`DEL: ${failed.join("; ")}`);

  story.step("links, addresses, routes, rules, neighbours and sysctls of the node, against before ADD");
  await observe("left node", () => compared(story, undefined, before.node));
  story.step("the same in the pods' namespaces");
  await observe("left pods", async () => {
    const each = await Promise.all(names.map((name) => compared(story, pods[name].netns, before.pods[name])));
    return each.find((one) => one !== words.asBefore) ?? words.asBefore;
  });
  story.step(`records in ${recordsDirectory}`);
  await observe("left records", async () => {
    const records = await readdir(recordsDirectory);
    return records.join(", ") || words.none;
  });
}

async function compared(story: Story, netns: string | undefined, before: Snapshot): Promise<string> {
  try {
    await settled(netns, before);
    return words.asBefore;
  } catch (error) {
    story.shown("", error instanceof Error ? error.message : String(error));
    return "not as before";
  }
}

async function snapshots(pods: Pods): Promise<Record<PodName, Snapshot>> {
  const [catalog, reports, plain] = [pods.catalog, pods.reports, pods.plain];
  return {
    catalog: await catalog.snapshot(),
    reports: await reports.snapshot(),
    plain: await plain.snapshot(),
  };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}

/** What was going on, and the last words of the plugin. */
async function explain(story: Story, error: unknown, log: string): Promise<void> {
  story.print();
  story.print(`FAILED while: ${story.doing.trim()}`);
  story.print(`  ${error instanceof Error ? error.message : String(error)}`);
  const text = await readFile(log, "utf8").catch(() => "");
  if (text !== "") story.shown("the plugin's log ends with", text.trimEnd().split("\n").slice(-6).join("\n"));
}

async function main(options: Options): Promise<number> {
  const outcomes = new Outcomes(expectationsOf(options.profile));
  const intro = `branchline: the ${options.datapath} datapath, ${options.mode} mode`;
  if (options.plan) {
    process.stdout.write(`${intro}: what is expected\n\n`);
    const expected = expectationsOf(options.profile).map((one) => [one.what, one.expected]);
    process.stdout.write(`${tableOf([["what", "expected"], ...expected]).join("\n")}\n\n`);
    return 0;
  }

  using story = new Story(LIMIT_SECONDS);
  const cleanUp = new CleanUp();
  story.print(`${intro}, on Linux ${release()}`);
  const scratch = await mkdtemp(path.join(tmpdir(), "branchline-demo-"));
  cleanUp.add("temporary files", () => rm(scratch, { recursive: true, force: true }));
  let failure: unknown;
  try {
    await play({ options, story, outcomes, cleanUp, scratch });
  } catch (error) {
    failure = error;
    await explain(story, error, pluginLogOf(scratch));
  }
  story.ending = true;
  story.heading("Cleaning up");
  const leftovers = await cleanUp.run();
  for (const line of leftovers) story.print(`   ${line}`);
  if (leftovers.length === 0) story.print("   pods, database, Service and VPC are gone");

  const { differing } = outcomes;
  story.heading("Expectations and outcomes");
  for (const line of outcomes.table()) story.print(`   ${line}`);
  story.print();
  const total = expectationsOf(options.profile).length;
  const ok = failure === undefined && leftovers.length === 0 && differing.length === 0;
  const verdict = ok
    ? `All ${total} as expected`
    : failure === undefined
      ? `${differing.length} of ${total} differ${leftovers.length > 0 ? ", and cleaning up failed" : ""}`
      : "It broke off";
  story.print(`${verdict}: ${intro}, ${story.seconds.toFixed(0)} s`);
  if (failure instanceof Interrupted) return failure.status;
  return ok ? 0 : 1;
}

try {
  process.exitCode = await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`demo: ${error.message}\n`);
  process.exitCode = 2;
}
