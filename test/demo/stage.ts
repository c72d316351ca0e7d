// What the acts share: the cluster, the story that is told of it, and what the rows are computed from.
import path from "node:path";
import type { Cluster } from "../cluster/cluster.ts";
import { eventually, run } from "../ground/run.ts";
import { callEc2 } from "../ground/simulated-ec2.ts";
import type { Evidence, Look } from "./evidence.ts";
import type { RowId } from "./expectations.ts";
import type { BreakName } from "./options.ts";
import type { Outcomes } from "./outcomes.ts";
import { NAMESPACE } from "./shop.ts";
import { Interrupted, type Story } from "./story.ts";

const PROGRAM = path.resolve(import.meta.dirname, "../../dist/branchline");
export const NODE = "node-1";

/** A pod, as far as acts look. */
export interface SeenPod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
  };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Of commands of a pod's own namespace. */
export const inShop = (args: string): string => `-n ${NAMESPACE} ${args}`;

export class Stage {
  readonly cluster: Cluster;
  readonly story: Story;
  readonly broken: BreakName | undefined;
  readonly #evidence: Evidence;
  readonly #outcomes: Outcomes<RowId>;

  constructor({
    cluster,
    story,
    broken,
    evidence,
    outcomes,
  }: {
    readonly cluster: Cluster;
    readonly story: Story;
    readonly broken: BreakName | undefined;
    readonly evidence: Evidence;
    readonly outcomes: Outcomes<RowId>;
  }) {
    this.cluster = cluster;
    this.story = story;
    this.broken = broken;
    this.#evidence = evidence;
    this.#outcomes = outcomes;
  }

  /** Judges a row by what commands printed, and keeps that. What fails is an outcome too. Gives whether it is the expected one. */
  async observe(
    id: RowId,
    gather: () => Promise<readonly Look[]>,
    judge: (...printed: string[]) => string,
  ): Promise<boolean> {
    let looks: readonly Look[] = [];
    let observed: string;
    try {
      looks = await gather();
      observed = judge(...looks.map(({ printed }) => printed));
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      observed = `error: ${(error instanceof Error ? error.message : String(error)).split("\n")[0]}`;
      looks = [...looks, { command: "(failed)", printed: String(error) }];
    }
    const isExpected = this.#outcomes.note(id, observed);
    this.story.outcome(`${observed}   (${this.#evidence.keep(id, looks)})`, isExpected);
    return isExpected;
  }

  /** kubectl with these words; nothing of it is shown. */
  async kubectl(words: string, input?: string): Promise<Look> {
    // Also while something is waited for.
    this.story.check();
    const { stdout, stderr } = await this.cluster.kubectl(words.split(" "), input);
    return { command: `kubectl ${words}`, printed: stdout + stderr };
  }

  /** The same, said before and shown after. */
  async show(words: string, input?: string): Promise<Look> {
    this.story.step(`$ kubectl ${words}${input === undefined ? "" : " <<EOF"}`);
    if (input !== undefined) this.story.shown("", `${input.trimEnd()}\nEOF`);
    const look = await this.kubectl(words, input);
    this.story.shown("", look.printed);
    return look;
  }

  /** Waits for a Deployment. */
  async rolledOut(name: string): Promise<void> {
    const { printed } = await this.kubectl(inShop(`rollout status deployment/${name} --timeout=60s`));
    if (!printed.includes("successfully rolled out")) {
      const logs = await this.kubectl(inShop(`logs deployment/${name} --tail=5`));
      throw new Error(`${name}: ${printed.trim()}\n${logs.printed}`);
    }
  }

  /** Our own command for people, as an administrator runs it. */
  async branchline(words: string): Promise<Look> {
    this.story.step(`$ branchline ${words}`);
    const { stdout, stderr } = await run([PROGRAM, ...words.split(" ")], {
      timeout: 60_000,
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: "/nonexistent",
        KUBECONFIG: this.cluster.api.adminKubeconfig,
        AWS_ENDPOINT_URL_EC2: this.cluster.site.ec2,
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "AKIADEMO",
        AWS_SECRET_ACCESS_KEY: "secret",
        AWS_EC2_METADATA_DISABLED: "true",
        NO_COLOR: "1",
      },
    });
    this.story.shown("", stdout + stderr);
    return { command: `branchline ${words}`, printed: stdout + stderr };
  }

  /** A call of EC2, and its XML. */
  async ec2(action: string, params: Readonly<Record<string, string>> = {}): Promise<Look> {
    const words = Object.entries(params).map(([key, value]) => `${key}=${value}`);
    const printed = await callEc2(this.cluster.site.ec2, action, params);
    return { command: ["ec2", action, ...words].join(" "), printed };
  }

  /** A shell's command on the node. */
  async onNode(script: string): Promise<Look> {
    const { stdout, stderr } = await this.cluster.site.run(NODE, ["sh", "-c", script]);
    return { command: `${NODE} # ${script}`, printed: stdout + stderr };
  }

  pod(name: string): Promise<Look> {
    return this.kubectl(inShop(`get pod ${name} -o json`));
  }

  /** The newest pod of an app that is not one of these; waits for it. */
  async newest(app: string, old: readonly string[] = []): Promise<SeenPod> {
    return eventually(
      `a new pod of ${app}`,
      async () => {
        const pods = await this.cluster.admin.list<
          SeenPod & { readonly metadata: { readonly name: string } }
        >(`/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=app%3D${app}`);
        return pods
          .filter(({ metadata }) => metadata.deletionTimestamp === undefined && !old.includes(metadata.uid))
          .toSorted((a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp))
          .at(-1);
      },
      60_000,
    );
  }

  /** What a pod's query of its database came to: as it started if that failed, else asked for now. */
  async asked(name: string, timeout = 60_000): Promise<Look> {
    return eventually(
      `what ${name} says of its database`,
      async () => {
        const { printed } = await this.pod(name);
        const pod = printed.startsWith("{") ? (JSON.parse(printed) as SeenPod) : undefined;
        const isReady = pod?.status.conditions?.some(
          ({ type, status }) => type === "Ready" && status === "True",
        );
        if (isReady === true) return this.show(inShop(`exec ${name} -- products`));
        const logs = await this.kubectl(inShop(`logs ${name}`));
        if (!logs.printed.includes("timeout expired")) return undefined;
        this.story.step(`$ ${logs.command}`);
        this.story.shown("", logs.printed);
        return logs;
      },
      timeout,
    );
  }
}
