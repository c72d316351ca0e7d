import { expect, it } from "vitest";
import { ManualTimer, settle } from "../../test/unit/manual-timer.ts";
import type { Connection, HttpAnswer, HttpRequest } from "../kubernetes/connection.ts";
import { KubernetesClient } from "../kubernetes/client.ts";
import { Evictions } from "./evictions.ts";
import { type SeenPod, SEEN_PODS } from "./objects.ts";

const ENI = "eni-0123456789abcdef0";

/** An API server with agents' events, and one PodDisruptionBudget that allows nothing until `isAllowed`. */
class Api implements Connection {
  isAllowed = false;
  asked: string[] = [];
  private version = 1;
  private readonly watches = new Map<string, { lines: string[]; wake: () => void }>();

  /** The agent says it once more, as it does each minute. */
  say(reason: string, name: string): void {
    this.version += 1;
    const object = {
      metadata: { namespace: "shop", name: `${name}.1`, uid: `event-${name}`, resourceVersion: this.version },
      reason,
      source: { component: "branchline-agent" },
      involvedObject: { namespace: "shop", name, uid: `uid-${name}` },
    };
    const text = JSON.stringify({ type: "MODIFIED", object }).replace(
      /"resourceVersion":(\d+)/,
      '"resourceVersion":"$1"',
    );
    const watch = this.watches.get(reason);
    watch?.lines.push(`${text}\n`);
    watch?.wake();
  }

  async send({ method, path, signal }: HttpRequest): Promise<HttpAnswer> {
    const url = new URL(path, "http://memory");
    if (method === "POST") {
      this.asked.push(url.pathname.split("/").at(-2) ?? "");
      return answer(this.isAllowed ? 201 : 429, this.isAllowed ? {} : { message: "budget", code: 429 });
    }
    if (!url.searchParams.has("watch")) return answer(200, { items: [], metadata: { resourceVersion: "1" } });
    const reason = url.searchParams.get("fieldSelector")?.split("=")[1] ?? "";
    return { status: 200, headers: {}, body: this.watch(reason, signal) };
  }

  private async *watch(reason: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const watch = { lines: [] as string[], wake: () => undefined as void };
    this.watches.set(reason, watch);
    signal.addEventListener("abort", () => watch.wake());
    while (!signal.aborted) {
      const line = watch.lines.shift();
      if (line !== undefined) yield Buffer.from(line);
      else await new Promise<void>((resolve) => (watch.wake = resolve));
    }
  }
}

function answer(status: number, value: object): HttpAnswer {
  return { status, headers: {}, body: chunks(Buffer.from(JSON.stringify(value))) };
}

async function* chunks(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

interface Given {
  readonly annotation?: string;
  readonly podIp?: string;
  readonly phase?: string;
  readonly limit?: boolean;
}

function podOf(
  name: string,
  { annotation, podIp = "10.0.0.9", phase = "Running", limit = true }: Given,
): SeenPod {
  const resources = limit ? { limits: { "vpc.amazonaws.com/pod-eni": "1" } } : {};
  return SEEN_PODS.read({
    metadata: {
      namespace: "shop",
      name,
      uid: `uid-${name}`,
      ownerReferences: [{ controller: true }],
      ...(annotation !== undefined && { annotations: { "vpc.amazonaws.com/pod-eni": annotation } }),
    },
    spec: { nodeName: "n1", containers: [{ resources }] },
    status: { phase, podIPs: [{ ip: podIp }] },
  });
}

async function evictions(pods: Readonly<Record<string, Given>>) {
  const api = new Api();
  const timer = new ManualTimer();
  const client = new KubernetesClient(api);
  const warn: string[] = [];
  const all = new Map(Object.entries(pods).map(([name, given]) => [name, podOf(name, given)]));
  const evicting = new Evictions({
    client,
    cache: { client, timer, random: () => 0, warn: (message) => warn.push(message) },
    pods: { get: (name) => all.get(name) },
    isSelected: () => true,
    refused: "evict",
    escaped: "evict",
    say: () => undefined,
    timer,
    mayAct: () => true,
    log: () => undefined,
  });
  const end = new AbortController();
  const ended = evicting.run(end.signal);
  await settle();
  return { api, timer, evicting, stop: () => (end.abort(), ended) };
}

it("a pod whose PodDisruptionBudget forbids it is asked for twice a minute, however often its agent says why", async () => {
  const { api, timer } = await evictions({ web: {} });
  for (let minute = 0; minute < 20; minute += 1) {
    api.say("PodUnprotected", "web");
    await timer.advance(61_300);
  }
  expect(api.asked.length).toBeGreaterThanOrEqual(39);
  expect(api.asked.length).toBeLessThanOrEqual(42);
});

it("and keeps no other from going", async () => {
  const { api, timer, evicting } = await evictions({ web: {}, db: {} });
  for (let minute = 0; minute < 20; minute += 1) {
    api.say("PodUnprotected", "web");
    await timer.advance(61_300);
  }
  api.isAllowed = true;
  api.asked = [];
  api.say("PodUnprotected", "db");
  await timer.advance(2_000);
  expect(api.asked).toContain("db");
  await timer.advance(60_000);
  expect([evicting.count, api.asked.toSorted()]).toEqual([2, ["db", "web"]]);
});

const branch = (privateIp: string) =>
  JSON.stringify([
    { eniId: ENI, ifAddress: "02:00:00:00:00:01", privateIp, vlanId: 1, subnetCidr: "10.0.0.0/20" },
  ]);

it.each<[string, Given, readonly string[]]>([
  ["without an annotation", {}, ["web"]],
  ["with an annotation that came too late", { annotation: branch("10.0.0.5") }, ["web"]],
  ["that has its branch", { annotation: branch("10.0.0.9") }, []],
  ["that waits for its branch", { phase: "Pending" }, []],
])("an event that a pod has escaped ends one %s: %j", async (_what, given, expected) => {
  const { api, timer } = await evictions({ web: given });
  api.say("PodUnprotected", "web");
  await timer.advance(2_000);
  expect(api.asked).toEqual(expected);
});

it("ends with its signal when there is nobody to end", async () => {
  const { stop } = await evictions({});
  await expect(stop()).resolves.toBeUndefined();
});
