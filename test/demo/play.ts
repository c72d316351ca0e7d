// The part of demo.ts that is in a network and mounts of its own: play.ts [BREAK].
import path from "node:path";
import { release } from "node:os";
import { Cluster } from "../cluster/cluster.ts";
import { DATABASE_NAME, databaseInTheCluster, databaseInTheVpc, stranger } from "./acts/database.ts";
import { theEnd } from "./acts/end.ts";
import { outage } from "./acts/outage.ts";
import { editGroups, withPolicy } from "./acts/policy.ts";
import { Evidence } from "./evidence.ts";
import { EXPECTATIONS, GROUPS, type RowId } from "./expectations.ts";
import { catalogueData, shopArchive } from "./image.ts";
import { parseOptions, type BreakName } from "./options.ts";
import { Outcomes } from "./outcomes.ts";
import { startDatabase } from "./outside.ts";
import { DATABASE_PORT } from "./postgres.ts";
import { Stage } from "./stage.ts";
import { Interrupted, Story } from "./story.ts";

const LIMIT_SECONDS = 900;
const [RED, PLAIN] = ["\u001B[31m", "\u001B[0m"];
const KEPT = path.resolve(import.meta.dirname, "../../.cache/demo/evidence");

const [name] = process.argv.slice(2);
const { broken } = parseOptions(name === undefined ? [] : ["--break", name]);

async function play(story: Story, evidence: Evidence, outcomes: Outcomes<RowId>): Promise<void> {
  story.heading("The cluster");
  story.step("images: busybox, CoreDNS, branchline as deploy/image builds it, PostgreSQL with a catalogue");
  const data = await catalogueData();
  const images = [await shopArchive(data)];
  const ports = [DATABASE_PORT, DATABASE_PORT] as const;
  const ingress = [GROUPS.catalog, ...(broken === "group" ? [GROUPS.nodes] : [])].map((group) => ({
    protocol: "tcp" as const,
    ports,
    group,
  }));
  await using cluster = await Cluster.start({
    images,
    hosts: { [DATABASE_NAME]: "database" },
    world: {
      groups: [{ name: GROUPS.catalog }, { name: GROUPS.database, ingress }],
      machines: [{ name: "database", groups: [GROUPS.database] }],
    },
    say: (line) => story.step(line),
  });
  await using _database = await startDatabase(await cluster.machine("database"), data);
  const stage = new Stage({ cluster, story, broken, evidence, outcomes });
  await stage.show("get nodes,pods -A -o wide");
  try {
    await acts(stage);
  } catch (error) {
    story.shown("", await cluster.report());
    throw error;
  }
  story.heading("Cleaning up");
  story.ending = true;
}

async function acts(stage: Stage): Promise<void> {
  await databaseInTheCluster(stage);
  await databaseInTheVpc(stage);
  const pod = await withPolicy(stage);
  await stranger(stage);
  if (pod === undefined) {
    stage.story.step("the catalogue has no branch, or not its database: what follows is left out");
    return;
  }
  await editGroups(stage, pod);
  await outage(stage, pod);
  await theEnd(stage);
}

async function main(sabotage: BreakName | undefined): Promise<number> {
  using story = new Story(LIMIT_SECONDS);
  // Our parent is gone.
  process.stdin.on("end", () => process.kill(process.pid, "SIGTERM")).resume();
  const outcomes = new Outcomes<RowId>(EXPECTATIONS);
  const evidence = new Evidence(KEPT);
  const intro = `a cluster of one node, on Linux ${release()}${sabotage === undefined ? "" : `, BREAK=${sabotage}`}`;
  story.print(`branchline: ${intro}`);
  let failure: unknown;
  try {
    await play(story, evidence, outcomes);
  } catch (error) {
    failure = error;
    story.ending = true;
    story.print(
      `\nFAILED while: ${story.doing.trim()}\n  ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  story.heading("Expectations and outcomes");
  const isColoured = process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === "";
  for (const line of outcomes.table())
    story.print(isColoured && line.endsWith("DIFFERS") ? `   ${RED}${line}${PLAIN}` : `   ${line}`);
  const { differing } = outcomes;
  const total = EXPECTATIONS.length;
  const verdict =
    failure !== undefined
      ? "It broke off"
      : differing.length === 0
        ? `All ${total} as expected`
        : `${differing.length} of ${total} differ`;
  story.print(
    `\n${verdict}: ${intro}, ${story.seconds.toFixed(0)} s. What was seen is in ${path.relative(process.cwd(), KEPT)}`,
  );
  process.stdin.destroy();
  if (failure instanceof Interrupted) return failure.status;
  return failure === undefined && differing.length === 0 ? 0 : 1;
}

process.exitCode = await main(broken);
