// Plays a scene in this process, and says what is wrong with what came of it.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Node } from "../../src/attachment/node.ts";
import { AttachmentStore } from "../../src/state/store.ts";
import { run } from "../../src/cni/run.ts";
import { lockFile } from "../../src/sys/lock.ts";
import { type Answer, type Judgement, branchDefects, judge } from "./answers.ts";
import { askedBy, branch, previous, verbs } from "./configurations.ts";
import { textOf } from "./hostile.ts";
import { type Scene, isHonest } from "./scenes.ts";
import { makeTrouble } from "./troubles.ts";
import { World, enter } from "./world.ts";

export interface Outcome {
  /** A line each. */
  readonly defects: readonly string[];
  /** Verb and end in a few words, to be counted; once more with what had come before. */
  readonly said: readonly string[];
}

/** What there is at one moment. */
interface Look {
  readonly kernel: readonly string[];
  readonly records: readonly string[];
  readonly changes: number;
}

/** Time that passes only while somebody waits. */
function handClock() {
  let now = 0;
  return { now: () => now, sleep: (milliseconds: number) => void (now += milliseconds) };
}

export class Stage {
  readonly #state: string;
  readonly #logFile: string;

  /** The state directory is made and removed for each scene. */
  constructor(stateDirectory: string, logFile: string) {
    this.#state = stateDirectory;
    this.#logFile = logFile;
  }

  async play(scene: Scene): Promise<Outcome> {
    rmSync(this.#state, { recursive: true, force: true });
    using world = enter(new World(scene.world));
    const untouched = this.#look(world);
    const prior =
      scene.prior === undefined ? undefined : await this.#rightCall(world, "ADD", scene.priorId, scene.prior);
    const before = this.#look(world);

    // Something must be there to be spoilt.
    if (scene.trouble !== undefined) this.#node(world).store.prepare();
    const putRight = scene.trouble === undefined ? () => [] : makeTrouble(this.#state, scene.trouble);
    world.expect(scene.mishaps, scene.sysctl);
    const answer = await this.#call(world, scene.env, scene.stdin);
    world.expect([], undefined);
    const touched = putRight();

    const verb = scene.env["CNI_COMMAND"] ?? "";
    const judgement = judge(verb, answer, askedBy(scene.stdin));
    const after = this.#look(world);
    const said = outcomeOf(verb, judgement, before, after);
    const { trouble } = scene;
    const defects = [
      ...judgement.defects,
      ...(said === "ADD: attached"
        ? branchDefects(judgement.result ?? {}, scene.env["CNI_IFNAME"] ?? "")
        : []),
      ...codeDefects(verb, judgement.code),
      ...touched,
      ...(said === "ADD: attached" && trouble !== undefined && BARRING.includes(trouble.at)
        ? [`ADD attached though ${trouble.at} is ${trouble.how}`]
        : []),
      ...this.#left(world, after),
      ...changeDefects(verb, answer, judgement, { untouched, before, after, honest: isHonest(scene) }),
      ...(await this.#takeBack(world, scene, after)),
    ];
    if (isHonest(scene) && !isShared(after)) defects.push(...this.#end(world, untouched));
    return { defects, said: [said, ...(prior?.status === 0 ? [`${said}, after an ADD`] : [])] };
  }

  /** What a call keeps from the next one. */
  #left(world: World, { records }: Look): string[] {
    return [
      ...(world.handles === 0 ? [] : [`${world.handles} namespaces are open`]),
      ...(world.kernel.openSockets === 0 ? [] : [`${world.kernel.openSockets} sockets are open`]),
      ...(world.isOnNode ? [] : ["the thread is in the pod's namespace"]),
      ...this.#files("locks")
        .filter((file) => !this.#isFree(file))
        .map((file) => `lock ${file} is held`),
      ...records.filter((file) => !file.endsWith(".json")).map((file) => `${file} is left`),
    ];
  }

  /** All must be as it was before anything was called. */
  #end(world: World, untouched: Look): string[] {
    const end = lost(untouched.kernel, world.view());
    return [
      ...(end.length === 0 ? [] : [`at last not as before:\n${end.join("\n")}`]),
      ...this.#files("")
        .filter((file) => !["attachments", "locks", "warned"].includes(file))
        .map((file) => `at last ${file} is left`),
    ];
  }

  #isFree(file: string): boolean {
    using lock = lockFile(join(this.#state, "locks", file), 0, handClock());
    return lock !== undefined;
  }

  /** Whatever happened: when nothing goes wrong any more, DEL takes all of it back. */
  async #takeBack(world: World, scene: Scene, { records }: Look): Promise<string[]> {
    const defects: string[] = [];
    for (const file of records) {
      const [, id = "", name = ""] = /^\d+:([^:]+):(.*)\.json$/.exec(file) ?? [];
      const { status, stdout } = await this.#rightCall(world, "DEL", id, "direct", name);
      if (status !== 0) defects.push(`the last DEL of ${file} said ${stdout}`);
    }
    for (const id of new Set(["c1", scene.priorId])) {
      const { status, stdout } = await this.#rightCall(world, "DEL", id, "direct");
      if (status !== 0) defects.push(`a last DEL of ${id} said ${stdout}`);
    }
    return [...defects, ...this.#files("attachments").map((file) => `record ${file} is left`)];
  }

  #look(world: World): Look {
    return { kernel: world.view(), records: this.#files("attachments"), changes: world.kernel.changes };
  }

  #files(directory: string): string[] {
    try {
      return readdirSync(join(this.#state, directory)).sort();
    } catch {
      return [];
    }
  }

  /** A call with which nothing is wrong, for the pod's container under this id. */
  #rightCall(
    world: World,
    verb: string,
    containerId: string,
    datapath: string,
    ifName = "eth0",
  ): Promise<Answer> {
    const annotation = textOf(branch({ ipv6: false, vlanId: 7, eniId: "eni-0a" }));
    const entry = {
      cniVersion: "1.0.0",
      name: "aws-cni",
      type: "branchline",
      enablePodENI: true,
      // There is no agent here, and nothing answers for the gateway.
      missingAnnotation: "pass",
      gatewayTimeout: 0,
      datapath,
      serviceCIDRs: ["172.20.0.0/16"],
      trunk: { interface: "eth1" },
      pluginLogFile: this.#logFile,
      capabilities: { "io.kubernetes.cri.pod-annotations": true },
      runtimeConfig: { "io.kubernetes.cri.pod-annotations": { "vpc.amazonaws.com/pod-eni": annotation } },
      prevResult: previous("1.0.0"),
    };
    const env = {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: "/run/netns/pod",
      CNI_IFNAME: ifName,
      CNI_PATH: "/opt/cni/bin",
      CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u1",
    };
    return this.#call(world, env, JSON.stringify(entry));
  }

  async #call(world: World, env: Scene["env"], stdin: Scene["stdin"]): Promise<Answer> {
    let stdout = "";
    const status = await run({
      env,
      readStdin: () => (typeof stdin === "string" ? Buffer.from(stdin) : stdin),
      writeStdout: (text) => void (stdout += `${text}\n`),
      node: this.#node(world),
    });
    return { status, stdout };
  }

  #node(world: World): Node {
    const clock = handClock();
    return {
      store: new AttachmentStore(this.#state, clock),
      clock,
      openTransport: (_at, protocol) => world.transport(protocol),
    };
  }
}

/**
 * Two containers are attached in the one namespace, by different VLAN ids. No runtime does that: a sandbox has a namespace
 * of its own. What the second found there was the first one's doing, so nobody can put both back in any order.
 */
function isShared({ records }: Look): boolean {
  return new Set(records.map((file) => file.split(":")[1])).size > 1;
}

interface Looks {
  readonly untouched: Look;
  readonly before: Look;
  readonly after: Look;
  readonly honest: boolean;
}

/**
 * The codes that a verb may fail with, beside those of a call that cannot be read: a DEL that cannot succeed is repeated
 * for ever, and a STATUS that fails takes the node out of service.
 */
const CODES = new Map([
  ["ADD", [11, 100, 101, 102, 103, 104, 105]],
  ["DEL", [11, 103, 105]],
  ["CHECK", [3, 101, 103, 104, 105]],
  ["GC", [11, 103, 105]],
  ["STATUS", [50]],
]);
/** Where trouble must keep every ADD from attaching. */
const BARRING: readonly string[] = [".", "attachments", "locks"];

const UNREADABLE = [1, 4, 5, 6, 7];

function codeDefects(verb: string, code: number | undefined): string[] {
  const allowed = [...UNREADABLE, ...(CODES.get(verb) ?? [])];
  return code === undefined || allowed.includes(code) ? [] : [`${verb} failed with code ${code}`];
}

/** Which verbs change something, and what an ADD that failed may leave. */
function changeDefects(
  verb: string,
  { status }: Answer,
  { code, details = "" }: Judgement,
  { untouched, before, after, honest }: Looks,
): string[] {
  const changed = differences(before.kernel, after.kernel);
  if (!["ADD", "DEL", "GC"].includes(verb)) {
    const sent = after.changes - before.changes;
    return [
      ...(sent === 0 ? [] : [`${verb} sent ${sent} changes to the kernel`]),
      ...(changed.length === 0 ? [] : [`${verb} changed\n${changed.join("\n")}`]),
      ...(after.records.join() === before.records.join() ? [] : [`${verb} changed the records`]),
    ];
  }
  if (verb !== "ADD" || !honest) return [];
  // An earlier attachment of the VLAN id may have been taken back before it failed.
  const isClean = changed.length === 0 || lost(untouched.kernel, after.kernel).length === 0;
  if (status === 0)
    return isClean || after.records.length > 0 ? [] : [`ADD left no record of\n${changed.join("\n")}`];
  const added = after.records.filter((file) => !before.records.includes(file));
  // It may be that only the answer did not come.
  const isSaid = details.includes("not undone");
  if (isClean) return isSaid ? [] : added.map((file) => `a failed ADD left ${file} and nothing else`);
  return (isSaid || code === 103) && after.records.length > 0
    ? []
    : [`a failed ADD left\n${changed.join("\n")}`];
}

function outcomeOf(verb: string, { code }: Judgement, before: Look, after: Look): string {
  const name = (verbs as readonly string[]).includes(verb) ? verb : "another verb";
  if (code !== undefined) return `${name}: code ${code}`;
  if (verb === "ADD")
    return after.records.length > 0 && after.changes > before.changes ? "ADD: attached" : "ADD: passed";
  return `${name}: ${after.changes > before.changes ? "changed something" : "nothing to do"}`;
}

/** What is not as it was. What others had left for the VLAN id is cleared by who gets it; and a trunk stays up. */
function lost(before: readonly string[], after: readonly string[]): string[] {
  return differences(before, after).filter(
    (line) => !/^-.*( vlan 7 |"table":107|vlan\.eth\.7|stray)|link eth1 /.test(line),
  );
}

function differences(before: readonly string[], after: readonly string[]): string[] {
  return [
    ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
  ];
}
