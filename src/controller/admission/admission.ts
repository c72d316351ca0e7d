import type { Cache } from "../../kubernetes/cache.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import type { KubernetesObject } from "../../kubernetes/metadata.ts";
import type { SecurityGroupPolicyObject } from "../../kubernetes/objects.ts";
import type { Timer } from "../../sys/timer.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { Lifetimes } from "./decide.ts";
import { webhookFigures } from "./figures.ts";
import { CertificateKeeper } from "./keeper.ts";
import { Reviewer } from "./reviewer.ts";
import { ReviewServer } from "./server.ts";

/** The webhook as a whole. Every replica serves it; none has to lead. */

/** As deploy/admission/webhook.yaml has them. */
const SERVICE = "branchline-controller";
const SECRET = "branchline-webhook";
const CONFIGURATION = "branchline";

const DAY_MS = 86_400_000;

/** The authority's Secret is read again long before a leaf ends; a leaf in memory is short. */
const LIFETIMES: Lifetimes = {
  authority: { validMs: 365 * DAY_MS, renewMs: 240 * DAY_MS },
  leaf: { validMs: 7 * DAY_MS, renewMs: 4 * DAY_MS },
};

/** Somebody may have applied the registration anew, without our certificates. */
const LOOK_MS = 10_000;

export interface AdmissionOptions {
  readonly client: KubernetesClient;
  readonly policies: Pick<Cache<SecurityGroupPolicyObject>, "state" | "values">;
  /** Of all namespaces. One that it lacks is read from the API server. */
  readonly serviceAccounts: Cache<KubernetesObject>;
  readonly metrics: Metrics;
  readonly timer: Timer;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly log: (level: "info" | "warn" | "error", message: string) => void;
  /** Hears after each look whether API servers can reach us, and if not why, in one line. */
  readonly said: (isTrue: boolean, why: string) => void;
  readonly listen: { readonly host: string; readonly port: number };
  /** Ours: of the Service and the Secret. */
  readonly namespace: string;
  /** https://HOST:PORT by which API servers reach us without the Service. */
  readonly url: string | undefined;
  readonly lifetimes?: Lifetimes;
  readonly lookMs?: number;
}

export interface Admission extends AsyncDisposable {
  /** That was taken. */
  readonly port: number;
  /** Answers what is under way, and ends. */
  close(): Promise<void>;
}

/** Rejects when the address cannot be had. Everything else is tried again, and `said`. */
export async function startAdmission(options: AdmissionOptions): Promise<Admission> {
  const { client, policies, serviceAccounts, metrics, timer, log, said } = options;
  const stop = new AbortController();
  const warn = (message: string) => log("warn", message);
  const reviewer = new Reviewer({ client, policies, serviceAccounts, warn });
  const server = await ReviewServer.open({
    listen: options.listen,
    answer: (text, signal) => reviewer.answer(text, signal),
    answered: webhookFigures(metrics, () => keeper.expiresAt),
    now: () => timer.now(),
    warn,
  });
  const { namespace, url: webhookUrl, wallClock, random } = options;
  const keeper = new CertificateKeeper({
    client,
    place: { namespace, service: SERVICE, webhookUrl },
    secret: SECRET,
    configuration: CONFIGURATION,
    lifetimes: options.lifetimes ?? LIFETIMES,
    lookMs: options.lookMs ?? LOOK_MS,
    timer,
    wallClock,
    random,
    use: (leaf) => server.use(leaf),
    looked: (problem) => said(problem === "", problem === "" ? "registered" : problem),
    log,
  });
  const kept = keeper.run(stop.signal);
  const close = async () => {
    stop.abort();
    await server[Symbol.asyncDispose]();
    await kept;
  };
  return { port: server.port, close, [Symbol.asyncDispose]: close };
}
