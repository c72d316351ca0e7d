import type { Around, CommonFlags } from "../facts/around.ts";
import { EXIT } from "../facts/exit-status.ts";
import { gapLine } from "../facts/fact.ts";
import { refuseNamespace, requireNamespace } from "../facts/namespaces.ts";
import { openSession, type Session } from "../facts/session.ts";
import { UsageError } from "../sys/command-line.ts";
import { quote } from "../text/json.ts";
import { messageOf } from "../text/error-words.ts";
import { type Bundle, bundleOf, tailOf, writeBundle } from "./bundle.ts";
import type { Check } from "./check.ts";
import { CHECKS } from "./checks/index.ts";
import { readLogs } from "./cluster/logs.ts";
import { readApi } from "./cluster/read.ts";
import { readEc2, withoutEc2 } from "./cluster/read-ec2.ts";
import type { Facts } from "./facts.ts";
import { reportOf } from "./json.ts";
import { type Place, readNode } from "./local/read.ts";
import { exitOf, runChecks, skipWithout } from "./run.ts";
import { linesOf } from "./text.ts";

export interface DoctorFlags extends CommonFlags {
  /** This node, without API server and EC2. */
  readonly local: boolean;
  /** Codes with commas between them; undefined: all. */
  readonly check?: string | undefined;
  readonly bundle?: string | undefined;
  readonly stateDir: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
}

const PLUGIN_LOG = "/var/log/branchline/plugin.log";

/** `branchline doctor`. Gives the exit status. UsageError, KubeconfigError. */
export async function doctor(flags: DoctorFlags, around: Around): Promise<number> {
  const place = flags.local ? "node" : "cluster";
  if (flags.local) refuseNamespace(flags.namespace);
  const checks = chosen(flags.check, place);
  const now = around.now();
  const { facts, logs } = flags.local ? lookHere(flags, around) : await lookAtCluster(flags, around, now);
  const all = runChecks(checks, facts as Facts);
  const outcomes = flags.ec2 || flags.local ? all : skipWithout(all, EC2_SOURCES, "--no-ec2 was given");
  const report = reportOf(outcomes, { branchline: around.version, now, place });
  if (flags.bundle !== undefined) {
    bundleTo(flags.bundle, bundleOf(report, facts, logs));
    around.warn(`${flags.bundle} is written: look at it before you publish it`);
  }
  const text =
    flags.output === "json"
      ? JSON.stringify(report, undefined, 2)
      : linesOf(outcomes, around.style).join("\n");
  around.write(`${text}\n`);
  return { 0: EXIT.fine, 1: EXIT.problems, 3: EXIT.cannotLook }[exitOf(outcomes)];
}

/** What was looked at. Logs are read for a bundle only. */
interface Looked {
  readonly facts: Partial<Facts>;
  readonly logs: Readonly<Record<string, string>>;
}

function lookHere(flags: DoctorFlags, { version }: Around): Looked {
  const log = flags.bundle === undefined ? undefined : tailOf(PLUGIN_LOG);
  return { facts: readNode(placeOf(flags), version), logs: log === undefined ? {} : { [PLUGIN_LOG]: log } };
}

const EC2_SOURCES = ["interfaces", "subnets", "groups", "rules", "routes"] as const;

function chosen(given: string | undefined, place: Check["place"]): readonly Check[] {
  const here = CHECKS.filter((check) => check.place === place);
  if (given === undefined) return here;
  const codes = given.split(",");
  for (const code of codes) {
    const check = CHECKS.find((one) => one.code === code.toUpperCase());
    if (check === undefined)
      throw new UsageError(`--check ${quote(code)} is none of ${here.map((one) => one.code).join(", ")}`);
    if (check.place !== place)
      throw new UsageError(
        `${check.code} looks at a ${check.place}: ${place === "node" ? "leave --local out" : "give --local"}`,
      );
  }
  const wanted = new Set(codes.map((code) => code.toUpperCase()));
  return here.filter(({ code }) => wanted.has(code));
}

async function lookAtCluster(flags: DoctorFlags, around: Around, now: number): Promise<Looked> {
  using session = openSession(flags, around);
  await sayOfNamespace(flags, session, around);
  const { facts, clusterName } = await readApi(session.api, now);
  const nodes = "value" in facts.nodes ? facts.nodes.value : [];
  const pods = "value" in facts.pods ? facts.pods.value : [];
  const ec2 = session.ec2(nodes.flatMap(({ region }) => region ?? [])[0]);
  const ofEc2 = ec2.known
    ? await readEc2(ec2.value, facts, session.clusterName ?? clusterName)
    : withoutEc2(gapLine(ec2.gap));
  const logs = flags.bundle === undefined ? {} : await readLogs(session.api, pods);
  return { facts: { ...facts, ...ofEc2 }, logs };
}

/** That it leaves nothing out. CannotLookError when the namespace is not there: something else was meant. */
async function sayOfNamespace({ namespace }: DoctorFlags, { api }: Session, { warn }: Around): Promise<void> {
  if (namespace === undefined) return;
  const unsure = await requireNamespace(api, namespace);
  warn("branchline: doctor looks at the whole cluster, whatever -n says");
  if (unsure !== undefined) warn(`branchline: ${unsure}`);
}

function placeOf({ stateDir, cniBinDir, cniConfDir }: DoctorFlags): Place {
  return {
    stateDirectory: stateDir,
    pluginDirectory: cniBinDir,
    listDirectory: cniConfDir,
    proc: "/proc",
    etc: "/etc",
  };
}

function bundleTo(file: string, bundle: Bundle): void {
  try {
    writeBundle(file, bundle);
  } catch (error) {
    throw new UsageError(`--bundle ${quote(file)}: ${messageOf(error)}`, { cause: error });
  }
}
