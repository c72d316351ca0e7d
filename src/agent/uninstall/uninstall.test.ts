import { describe, expect, it } from "vitest";
import { ManualTimer } from "../../../test/unit/manual-timer.ts";
import { KubernetesClient } from "../../kubernetes/client.ts";
import type { HttpAnswer, HttpRequest } from "../../kubernetes/connection.ts";
import { KubernetesError } from "../../kubernetes/error.ts";
import { REPORT, formatReport } from "./report.ts";
import { UninstallError, uninstall } from "./uninstall.ts";

const POLICY = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDING = `${POLICY.slice(0, -"policies".length)}policybindings`;
const DAEMON_SET = "/apis/apps/v1/namespaces/kube-system/daemonsets/agent";

interface Thing {
  metadata: {
    name: string;
    resourceVersion: string;
    uid?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [key: string]: unknown;
  };
  [key: string]: unknown;
}

/** A cluster whose agents answer a mark by their reports, but for those that are dead. */
class Cluster {
  readonly objects = new Map<string, Thing>();
  readonly requests: string[] = [];
  readonly lines: string[] = [];
  readonly timer = new ManualTimer();
  /** Pods of the phase Pending. */
  starting: object[] = [];
  readonly dead = new Set<string>();
  /** Called before each request is carried out, and after it. */
  before: (request: HttpRequest) => void = () => {};
  after: () => void = () => {};
  private readonly nodes: readonly string[];
  private changed = Promise.withResolvers<void>();

  constructor(...nodes: readonly string[]) {
    this.nodes = nodes;
    this.put(DAEMON_SET, {
      name: "agent",
      namespace: "kube-system",
      uid: "u1",
    });
    for (const node of nodes) this.put(`/cninodes/${node}`, { name: node });
  }

  put(path: string, metadata: { name: string; [key: string]: unknown }, more: object = {}): void {
    const version = String(this.requests.length + this.objects.size + 1);
    this.objects.set(path, { ...more, metadata: { ...metadata, resourceVersion: version } });
  }

  get mark(): string | undefined {
    return this.objects.get(DAEMON_SET)?.metadata.labels?.["branchline.dev/uninstall"];
  }

  async run(timeoutMs = 60_000, signal = new AbortController().signal): Promise<void> {
    const state = { isOver: false };
    const run = uninstall(
      {
        client: new KubernetesClient({
          send: async (request) => {
            const answer = await this.answer(request);
            this.after();
            return answer;
          },
        }),
        daemonSet: { namespace: "kube-system", name: "agent" },
        list: "/etc/cni/net.d/05-branchline.conflist",
        executable: "/opt/cni/bin/branchline",
        timeoutMs,
        timer: this.timer,
        wallClock: () => Date.parse("2026-11-28T15:04:05Z"),
        random: () => 0.5,
        say: (line) => this.lines.push(line),
      },
      signal,
    ).finally(() => (state.isOver = true));
    // Rejections are the caller's.
    run.catch(() => undefined);
    for (let i = 0; i < 1_000 && !state.isOver; i++) await this.timer.advance(500);
    return run;
  }

  /** What the agents do once they see the mark. */
  agents(): void {
    const { mark } = this;
    if (mark === undefined) return;
    for (const node of this.nodes) {
      if (this.dead.has(node)) continue;
      const report = formatReport({ mark, list: "removed", executable: "removed", attachments: 0, why: "" });
      this.put(`/cninodes/${node}`, { name: node, annotations: { [REPORT]: report } });
    }
    this.changed.resolve();
    this.changed = Promise.withResolvers<void>();
  }

  private async answer(request: HttpRequest): Promise<HttpAnswer> {
    const { method, path, body = "", signal } = request;
    signal.throwIfAborted();
    this.before(request);
    this.requests.push(`${method} ${path.split("?")[0]}`);
    const url = new URL(path, "http://cluster");
    const at = url.pathname;
    if (url.searchParams.has("watch")) return { status: 200, headers: {}, body: this.watch(at, signal) };
    if (at === "/api/v1/pods") return json(200, { items: this.starting, metadata: { resourceVersion: "1" } });
    if (at.endsWith("/pods"))
      return json(200, { items: this.agentPods(), metadata: { resourceVersion: "1" } });
    if (at.endsWith("/cninodes"))
      return json(200, { items: this.cniNodes(), metadata: { resourceVersion: "1" } });
    const found = this.objects.get(at);
    const given = JSON.parse(body || "{}") as Thing;
    switch (method) {
      case "POST": {
        const where = `${at}/${given.metadata.name}`;
        if (this.objects.has(where)) return json(409, { reason: "AlreadyExists", message: "there already" });
        this.put(where, given.metadata, given);
        return json(201, given);
      }
      case "PUT":
        if (found?.metadata.resourceVersion !== given.metadata.resourceVersion)
          return json(409, { reason: "Conflict", message: "changed" });
        this.put(at, given.metadata, given);
        return json(200, given);
      case "PATCH": {
        const label = (given as unknown as { value: Record<string, string> }[])[1]?.value;
        if (found === undefined || label === undefined)
          return json(404, { reason: "NotFound", message: "none" });
        this.put(at, { ...found.metadata, labels: label });
        this.agents();
        return json(200, found);
      }
      case "GET":
      case "DELETE":
        return found === undefined ? json(404, { reason: "NotFound", message: "none" }) : json(200, found);
    }
  }

  private async *watch(at: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => resolve());
      await Promise.race([this.changed.promise, promise]);
      if (signal.aborted) throw signal.reason;
      if (!at.endsWith("/cninodes")) continue;
      for (const object of this.cniNodes())
        yield Buffer.from(`${JSON.stringify({ type: "MODIFIED", object })}\n`);
    }
  }

  private cniNodes(): Thing[] {
    return [...this.objects].flatMap(([path, object]) => (path.startsWith("/cninodes/") ? [object] : []));
  }

  private agentPods(): object[] {
    return this.nodes.map((node) => ({
      metadata: {
        name: `agent-${node}`,
        namespace: "kube-system",
        ownerReferences: [{ uid: "u1", controller: true }],
      },
      spec: { nodeName: node },
      status: { phase: "Running" },
    }));
  }
}

function json(status: number, value: object): HttpAnswer {
  return {
    status,
    headers: {},
    body: (async function* () {
      yield Buffer.from(JSON.stringify(value));
    })(),
  };
}

const asking = (name: string, conditions: object[] = []) => ({
  metadata: { namespace: "shop", name },
  spec: { containers: [{ resources: { limits: { "vpc.amazonaws.com/pod-eni": "1" } } }] },
  status: { phase: "Pending", conditions },
});

const errorOf = (run: Promise<void>): Promise<Error> =>
  run.then(
    () => new Error("it succeeded"),
    (error: Error) => error,
  );

describe("from the start to the end", () => {
  it("the guard, the mark, the reports", async () => {
    const cluster = new Cluster("a", "b");
    await cluster.run();
    expect(cluster.mark).toBe("20261128T150405Z");
    const order = [`POST ${POLICY}`, `POST ${BINDING}`, "GET /api/v1/pods", `PATCH ${DAEMON_SET}`];
    expect(cluster.requests.filter((request) => order.includes(request))).toEqual(order);
    expect(cluster.lines).toContain("the list is removed from 2 of 2 nodes");
    expect(cluster.lines.at(-1)).toContain("the guard stays until: kubectl delete");
  });

  it("again: the guard is renewed, the mark is the same one", async () => {
    const cluster = new Cluster("a");
    await cluster.run();
    cluster.requests.length = 0;
    await cluster.run();
    expect(cluster.requests).toContain(`PUT ${POLICY}/branchline-uninstall`);
    expect(cluster.requests).toContain(`PUT ${BINDING}/branchline-uninstall`);
    expect(cluster.requests).not.toContain(`PATCH ${DAEMON_SET}`);
  });

  it.each(["before", "after"] as const)(
    "killed %s any request, and run again: all is done, and never a mark without the guard",
    async (when) => {
      const whole = new Cluster("a", "b");
      await whole.run();
      // What comes after the mark only reads.
      const cuts = whole.requests.indexOf(`PATCH ${DAEMON_SET}`) + 4;
      expect(cuts).toBeGreaterThan(8);
      for (let cut = 1; cut <= cuts; cut++) {
        const cluster = new Cluster("a", "b");
        const kill = new AbortController();
        cluster[when] = () => {
          if (cluster.requests.length < (when === "before" ? cut - 1 : cut)) return;
          kill.abort(new Error("killed"));
          throw kill.signal.reason;
        };
        const error = await errorOf(cluster.run(60_000, kill.signal));
        expect(error.message).toMatch(/^interrupted, /);
        const isGuarded = cluster.objects.has(`${BINDING}/branchline-uninstall`);
        expect(cluster.mark !== undefined && !isGuarded).toBe(false);
        cluster[when] = () => {};
        await cluster.run();
        expect(cluster.mark).toBe("20261128T150405Z");
        expect(cluster.objects.has(`${BINDING}/branchline-uninstall`)).toBe(true);
      }
    },
  );
});

describe("pods that are about to start", () => {
  it("are waited for, before anything is marked", async () => {
    const cluster = new Cluster("a");
    cluster.starting = [
      asking("web-0"),
      asking("web-1", [{ type: "PodReadyToStartContainers", status: "True" }]),
    ];
    const run = cluster.run();
    for (let i = 0; i < 20; i++) await cluster.timer.advance(500);
    expect(cluster.mark).toBeUndefined();
    expect(cluster.lines).toContain(
      "waiting for pods that ask for a branch and have not started: shop/web-0",
    );
    cluster.starting = [];
    await run;
    expect(cluster.mark).toBeDefined();
  });

  it("and do not start end it with their names, and nothing on the nodes has been changed", async () => {
    const cluster = new Cluster("a");
    cluster.starting = Array.from({ length: 12 }, (_, i) => asking(`web-${i}`));
    const error = await errorOf(cluster.run(20_000));
    expect(error).toBeInstanceOf(UninstallError);
    expect(error.message).toMatch(
      /^after 20 s, pods that ask for a branch have not started: shop\/web-0, .*shop\/web-9, 2 more\..* delete them/,
    );
    expect(cluster.mark).toBeUndefined();
  });
});

describe("fails", () => {
  it("when a node's agent is dead, and names that node and no other", async () => {
    const cluster = new Cluster("a", "b", "c");
    cluster.dead.add("b");
    const error = await errorOf(cluster.run(20_000));
    expect(error).toBeInstanceOf(UninstallError);
    expect(error.message).toBe(
      [
        "after 20 s, the list is not known to be removed from these nodes:",
        "  b: no report; its pod agent-b is Running",
        "Put the reason right and run this again; or, on each of them, remove /etc/cni/net.d/05-branchline.conflist and then /opt/cni/bin/branchline by hand.",
      ].join("\n"),
    );
    expect(cluster.lines).toContain(
      "the list is removed from 2 of 3 nodes; waiting for b (no report; its pod agent-b is Running)",
    );
    // It comes back.
    cluster.dead.clear();
    cluster.agents();
    await cluster.run();
  });

  it("without a DaemonSet, before anything is done", async () => {
    const cluster = new Cluster("a");
    cluster.objects.delete(DAEMON_SET);
    const error = await errorOf(cluster.run());
    expect(error.message).toContain(
      "there is no DaemonSet kube-system/agent: name the agent's with --daemon-set",
    );
    expect(cluster.requests).toEqual([`GET ${DAEMON_SET}`]);
  });

  it("when the DaemonSet is made anew meanwhile", async () => {
    const cluster = new Cluster("a");
    cluster.dead.add("a");
    const run = errorOf(cluster.run());
    for (let i = 0; i < 20; i++) await cluster.timer.advance(500);
    cluster.put(DAEMON_SET, { name: "agent", namespace: "kube-system", uid: "u2" });
    expect((await run).message).toContain("has been made anew, or somebody has taken its mark away");
  });

  it("on an API server without the guard's kind", async () => {
    const cluster = new Cluster("a");
    cluster.before = ({ method }) => {
      if (method === "POST") throw new KubernetesError("missing", "POST", "no such resource");
    };
    expect((await errorOf(cluster.run())).message).toContain(
      "the API server has no ValidatingAdmissionPolicy (Kubernetes 1.30 and newer have)",
    );
    expect(cluster.mark).toBeUndefined();
  });

  it("when the API server refuses something", async () => {
    const cluster = new Cluster("a");
    cluster.before = ({ path }) => {
      if (path.startsWith("/apis/vpcresources"))
        throw new KubernetesError("denied", "GET", "forbidden (403)");
    };
    expect((await errorOf(cluster.run())).message).toBe("GET: forbidden (403)");
  });

  it("after its time when the API server does not answer", async () => {
    const cluster = new Cluster("a");
    cluster.before = () => {
      throw new KubernetesError("retry", "GET", "ECONNREFUSED");
    };
    expect((await errorOf(cluster.run(20_000))).message).toBe(
      "after 20 s, the API server has not answered; nothing has been changed",
    );
    expect(cluster.lines).toEqual(["GET: ECONNREFUSED"]);
  });
});
