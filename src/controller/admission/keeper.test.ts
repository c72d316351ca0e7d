import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { ManualTimer } from "../../../test/unit/manual-timer.ts";
import { ObjectApi } from "../../../test/unit/object-api.ts";
import { KubernetesClient } from "../../kubernetes/client.ts";
import type { Leaf } from "./certificates.ts";
import { CertificateKeeper } from "./keeper.ts";

const SECRET = "/api/v1/namespaces/ours/secrets/webhook";
const REGISTRATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/branchline";
const HOUR = 3_600_000;
const LOOK_MS = 10_000;

let api: ObjectApi;
let timer: ManualTimer;
let now: number;
let used: Leaf[];
let looked: string[];
let warned: string[];

beforeEach(() => {
  api = new ObjectApi();
  timer = new ManualTimer();
  now = Date.parse("2026-11-28T12:00:00Z");
  [used, looked, warned] = [[], [], []];
});

function install(): void {
  api.put(SECRET, { metadata: { namespace: "ours" } });
  const service = { namespace: "ours", name: "service", path: "/mutate", port: 443 };
  api.put(REGISTRATION, { webhooks: [{ name: "w", clientConfig: { service } }] });
}

/** Runs until the test is over. */
function keep(): CertificateKeeper {
  const stop = new AbortController();
  const keeper = new CertificateKeeper({
    client: new KubernetesClient(api),
    place: { namespace: "ours", service: "service" },
    secret: "webhook",
    configuration: "branchline",
    lifetimes: {
      authority: { validMs: 100 * HOUR, renewMs: 60 * HOUR },
      leaf: { validMs: 10 * HOUR, renewMs: 5 * HOUR },
    },
    lookMs: LOOK_MS,
    timer,
    wallClock: () => now,
    random: () => 0,
    use: (leaf) => void used.push(leaf),
    looked: (problem) => void looked.push(problem),
    log: (level, message) => void (level === "warn" && warned.push(message)),
  });
  const running = keeper.run(stop.signal);
  onTestFinished(async () => {
    stop.abort(new Error("over"));
    await running;
  });
  return keeper;
}

async function looks(count: number): Promise<void> {
  await expect.poll(() => looked.length, { timeout: 20_000 }).toBe(count);
}

/** Lets time go on until it has looked once more. */
async function lookAgain(): Promise<void> {
  const { length } = looked;
  const count = async () => {
    if (looked.length === length) await timer.advance(1_000);
    return looked.length;
  };
  await expect.poll(count, { timeout: 20_000, interval: 1 }).toBeGreaterThan(length);
}

const patched = () => api.requests.filter((request) => request.startsWith("PATCH"));

describe("the keeper", () => {
  it("makes an authority, registers it and signs by it, and then leaves everything alone", async () => {
    install();
    const keeper = keep();
    await looks(1);
    expect(looked).toEqual([""]);
    expect(patched()).toEqual([`PATCH ${SECRET}`, `PATCH ${REGISTRATION}`]);
    expect(used).toHaveLength(1);
    expect(keeper.expiresAt).toBe(now + 10 * HOUR);
    const { webhooks } = api.objects.get(REGISTRATION) as unknown as {
      webhooks: readonly [{ clientConfig: { service: object; caBundle: string } }];
    };
    const [{ clientConfig }] = webhooks;
    expect(Buffer.from(clientConfig.caBundle, "base64").toString()).toBe(used[0]?.issuer);
    // As it was, with what the API server has added.
    expect(clientConfig.service).toMatchObject({ port: 443 });
    await lookAgain();
    expect(patched()).toHaveLength(2);
    expect(used).toHaveLength(1);
  });

  it("signs anew before a certificate ends, by the same authority", async () => {
    install();
    const keeper = keep();
    await looks(1);
    now += 5 * HOUR;
    await lookAgain();
    expect(used.map(({ issuer }) => issuer)).toEqual([used[0]?.issuer, used[0]?.issuer]);
    expect(keeper.expiresAt).toBe(now + 10 * HOUR);
  });

  it("says what to do while the registration is not there, and goes on when it is", async () => {
    keep();
    await looks(1);
    expect(looked[0]).toMatch(
      /not found.*; install the chart again, or apply deploy\/admission\/webhook.yaml$/,
    );
    expect(warned).toHaveLength(1);
    install();
    await lookAgain();
    expect(looked.at(-1)).toBe("");
    expect(used).toHaveLength(1);
  });

  it("says that a registration has no webhooks", async () => {
    install();
    api.put(REGISTRATION, { webhooks: [] });
    keep();
    await looks(1);
    expect(looked[0]).toContain("branchline has no webhooks");
    expect(used).toEqual([]);
  });

  it("lets the other replica's change stand, and is not heard about it", async () => {
    install();
    api.faults.push({ begin: `PATCH ${SECRET}`, status: 409 });
    keep();
    await looks(1);
    expect(looked).toEqual(["not yet looked at"]);
    expect(warned).toEqual([]);
    await lookAgain();
    expect(looked.at(-1)).toBe("");
  });

  it("keeps its certificate through failures, and says when that has expired meanwhile", async () => {
    install();
    keep();
    await looks(1);
    api.faults.push({ begin: "GET", status: 500 });
    await lookAgain();
    expect(looked.at(-1)).toContain("refused with 500");
    expect(looked.at(-1)).not.toContain("expired");
    now += 10 * HOUR;
    api.faults.push({ begin: "GET", status: 500 });
    await lookAgain();
    expect(looked.at(-1)).toMatch(/^the certificate has expired; .*refused with 500/);
    expect(used).toHaveLength(1);
    await lookAgain();
    expect(looked.at(-1)).toBe("");
    expect(used).toHaveLength(2);
  });
});
