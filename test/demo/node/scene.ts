// Who plays in the demo: the VPC with its groups and machines, a Service, three pods.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  createPod,
  createVpc,
  nodeGroup,
  serve,
  writeConflist,
  type Branch,
  type GroupRule,
  type Host,
  type Network,
  type Pod,
  type Vpc,
} from "../../ground/index.ts";
import { database, startDatabase, type Database } from "./database.ts";
import type { Options } from "./options.ts";
import { createService, removeService } from "./service.ts";

/** Where a pod says that it is well. */
export const probePort = 8080;

export const service = {
  address: "172.20.0.80",
  port: 80,
  backend: "10.0.0.201",
  backendPort: 8080,
} as const;
export const databaseAddress = "10.0.0.200";

/** The pods: `node` is the address each has on the node, by the primary plugin. */
export const cast = [
  { name: "catalog", node: "10.0.0.50", branch: { vlanId: 7, ipv4: "10.0.0.20", group: "catalog-client" } },
  { name: "reports", node: "10.0.0.51", branch: { vlanId: 8, ipv4: "10.0.0.21", group: "reports" } },
  { name: "plain", node: "10.0.0.52", branch: undefined },
] as const;

export type PodName = (typeof cast)[number]["name"];

/** The group whose member an address of the cast is. */
export function groupOf(address: string): string {
  const owner = cast.find(({ branch }) => branch?.ipv4 === address);
  if (owner?.branch !== undefined) return owner.branch.group;
  return cast.some(({ node }) => node === address) ? "node" : `of nobody (${address})`;
}

interface Group {
  readonly name: string;
  readonly members: string;
  readonly rules: readonly GroupRule[];
}

/** The security groups that the mode needs, as an operator would write them. */
export function groupsOf(options: Options): Group[] {
  // In aws-cni's strict mode kubelet's probes come by the VPC too.
  const probes: GroupRule[] =
    options.profile === "routed strict" ? [{ port: probePort, fromGroup: "node" }] : [];
  return [
    {
      name: "catalog-db",
      members: `PostgreSQL, ${databaseAddress}: outside the node, as RDS is`,
      rules: [
        { port: database.port, fromGroup: "catalog-client" },
        ...(options.openDatabase ? [{ port: database.port, fromCidr: "0.0.0.0/0" }] : []),
      ],
    },
    { name: "catalog-client", members: "the branch of pod catalog", rules: probes },
    { name: "reports", members: "the branch of pod reports", rules: probes },
    { name: "node", members: "the node, and so pod plain", rules: [] },
    {
      name: "web",
      members: `${service.backend}: behind Service ${service.address}`,
      rules: [{ port: service.backendPort, fromCidr: "10.0.0.0/24" }],
    },
  ];
}

/** A rule in a few words. */
export function ruleWords(rule: GroupRule): string {
  return `${rule.port ?? "all"} from ${"fromGroup" in rule ? rule.fromGroup : rule.fromCidr}`;
}

/** What is to be undone, last first. */
export class CleanUp {
  readonly #steps: { readonly what: string; readonly undo: () => Promise<unknown> }[] = [];

  add(what: string, undo: () => Promise<unknown>): void {
    this.#steps.push({ what, undo });
  }

  /** Undoes everything, whatever fails on the way; answers with what failed. */
  async run(): Promise<string[]> {
    const failures: string[] = [];
    for (const { what, undo } of this.#steps.splice(0).reverse()) {
      try {
        await within(90_000, undo());
      } catch (error) {
        failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return failures;
  }
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not done in ${milliseconds / 1000} s`)), milliseconds);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The VPC's side: everything but the pods. */
export interface Scene {
  readonly vpc: Vpc;
  readonly network: Network;
  readonly database: { readonly host: Host; readonly ready: Promise<Database> };
}

/** Where the plugin logs to, below the directory that {@link buildScene} is given. */
export function pluginLogOf(scratch: string): string {
  return path.join(scratch, "branchline.log");
}

export async function buildScene(options: Options, scratch: string, cleanUp: CleanUp): Promise<Scene> {
  const vpc = await createVpc();
  cleanUp.add("the VPC", () => vpc.close());
  // Backwards, because a rule may only name a group that is there; the node's own is there already.
  for (const { name, rules } of groupsOf(options).reverse()) {
    if (name !== nodeGroup) await vpc.createGroup(name, rules);
    else if (rules.length > 0) await vpc.allow(name, ...rules);
  }
  const host = await vpc.addHost({ name: "catalog-db", ipv4: databaseAddress, groups: ["catalog-db"] });
  const ready = bringUpDatabase(vpc, host, cleanUp);
  // Whoever needs it awaits it, later; until then its failure is nobody's.
  ready.catch(() => undefined);

  const web = await vpc.addHost({ name: "web", ipv4: service.backend, groups: ["web"] });
  const server = await serve(web.netns, { port: service.backendPort, name: "web" });
  cleanUp.add("the Service's backend", () => server.stop());
  await createService(service);
  cleanUp.add("the Service", removeService);
  const network = await writeConflist(scratch, {
    name: "demo",
    primary: "aws",
    branchline: {
      missingAnnotation: "pass",
      datapath: options.datapath,
      podSGEnforcingMode: options.mode,
      pluginLogFile: pluginLogOf(scratch),
      serviceCIDRs: ["172.20.0.0/16"],
      ...(options.profile === "routed strict" && { manageEarlyDemux: true }),
    },
  });
  return { vpc, network, database: { host, ready } };
}

async function bringUpDatabase(vpc: Vpc, host: Host, cleanUp: CleanUp): Promise<Database> {
  const directory = await mkdtemp(path.join(tmpdir(), "branchline-pg-"));
  let running: Database | undefined;
  const starting = startDatabase({ netns: host.netns, address: databaseAddress, directory });
  cleanUp.add("the database", async () => {
    // Whatever is still at work on that machine ends with it.
    await (running === undefined ? vpc.removeHost(host) : running.stop());
    await starting.catch(() => undefined);
    await rm(directory, { recursive: true, force: true });
  });
  return (running = await starting);
}

/** A pod's namespace and its branch; nothing is attached yet. */
export async function createCast(scene: Scene, cleanUp: CleanUp): Promise<Record<PodName, Pod>> {
  const { vpc, network } = scene;
  const branches = await vpc.attachBranches(
    cast.flatMap(({ branch }) =>
      branch === undefined ? [] : [{ vlanId: branch.vlanId, ipv4: branch.ipv4, groups: [branch.group] }],
    ),
  );
  const pod = async (name: PodName): Promise<Pod> => {
    const role = cast.find((one) => one.name === name);
    const branch: Branch | undefined = branches.find(({ vlanId }) => vlanId === role?.branch?.vlanId);
    const made = await createPod({
      vpc,
      network,
      name,
      addresses: role === undefined ? [] : [role.node],
      ...(branch !== undefined && { branch }),
    });
    cleanUp.add(`pod ${name}`, () => made.remove());
    return made;
  };
  return { catalog: await pod("catalog"), reports: await pod("reports"), plain: await pod("plain") };
}
