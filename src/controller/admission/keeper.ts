import { backOff } from "../../sys/back-off.ts";
import { type Timer, pause } from "../../sys/timer.ts";
import { stackOf } from "../../text/error-words.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { KubernetesError } from "../../kubernetes/error.ts";
import { type Authority, type Leaf, makeAuthority, makeLeaf } from "./certificates.ts";
import { type Action, type Facts, type Lifetimes, decide } from "./decide.ts";
import {
  type Place,
  REGISTRATIONS,
  type Registration,
  SECRETS,
  type Secret,
  authoritiesOf,
  isLeadingTo,
  namesOf,
  registeredIn,
  registering,
  renewing,
} from "./registration.ts";

/** Renew, register and sign, and one look that finds nothing to do. */
const MAX_STEPS = 4;

export interface KeeperOptions {
  readonly client: KubernetesClient;
  readonly place: Place;
  /** Names of the Secret, in the place's namespace, and of the MutatingWebhookConfiguration. */
  readonly secret: string;
  readonly configuration: string;
  readonly lifetimes: Lifetimes;
  /** Between two looks, in milliseconds. */
  readonly lookMs: number;
  readonly timer: Timer;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly random: () => number;
  /** Takes each new certificate. */
  readonly use: (leaf: Leaf) => void;
  /** Hears after each look why API servers may not reach us; "" if nothing is known to be wrong. */
  readonly looked: (problem: string) => void;
  readonly log: (level: "info" | "warn" | "error", message: string) => void;
}

/** Keeps the certificate, the authority and the registration right. */
export class CertificateKeeper {
  private readonly options: KeeperOptions;
  private leaf: Leaf | undefined;
  private registeredBefore: readonly string[] | undefined;
  private lacks = "not yet looked at";

  constructor(options: KeeperOptions) {
    this.options = options;
  }

  private get problem(): string {
    if (this.leaf === undefined) return this.lacks === "" ? "there is no certificate" : this.lacks;
    const { notAfter } = this.leaf;
    if (notAfter <= this.options.wallClock()) return `the certificate has expired; ${this.lacks}`;
    return this.lacks;
  }

  /** When the certificate in use expires, in milliseconds since 1970. */
  get expiresAt(): number | undefined {
    return this.leaf?.notAfter;
  }

  /** Runs until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { timer, lookMs, random, log, looked } = this.options;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.look(signal);
        this.lacks = "";
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        // The other replica was faster: what it did is seen at the next look.
        const isConflict = error instanceof KubernetesError && error.kind === "conflict";
        if (!isConflict) {
          this.lacks = this.wordsOf(error);
          log("warn", `the webhook's certificates: ${this.lacks}`);
        }
        failures += 1;
      }
      looked(this.problem);
      const waitMs =
        failures === 0 ? lookMs : backOff({ firstMs: lookMs / 8, longestMs: 6 * lookMs }, failures, random);
      await pause(timer, waitMs, signal);
    }
  }

  /** Does what there is to do now. */
  private async look(signal: AbortSignal): Promise<void> {
    for (let step = 0; step < MAX_STEPS; step++) {
      const { client, place, secret: name, configuration, lifetimes, wallClock } = this.options;
      // In this order: who has a newer Secret registers it after we have read the registration, so ours does not apply.
      const registration = await client.get(REGISTRATIONS, { name: configuration }, signal);
      const secret = await client.get(SECRETS, { namespace: place.namespace, name }, signal);
      if (registration.clientConfig === undefined) throw new Error(`${configuration} has no webhooks`);
      const now = wallClock();
      const facts: Facts = {
        now,
        lifetimes,
        ...authoritiesOf(secret, now),
        registered: registeredIn(registration.clientConfig),
        registeredBefore: this.registeredBefore,
        leadsHere: isLeadingTo(place, registration.clientConfig),
        leaf: this.leaf,
      };
      const action = decide(facts);
      if (action === undefined) {
        this.registeredBefore = facts.registered;
        return;
      }
      await this.act(action, facts, { registration, secret }, signal);
    }
  }

  private async act(
    action: Action,
    { now, current }: Facts,
    { registration, secret }: { readonly registration: Registration; readonly secret: Secret },
    signal: AbortSignal,
  ): Promise<void> {
    const { client, place, lifetimes, log } = this.options;
    switch (action.do) {
      case "renew": {
        const authority = await makeAuthority(now, lifetimes.authority);
        await client.patch(SECRETS, secret.metadata, renewing(secret, authority, current), signal);
        log("info", `a new authority for the webhook, valid until ${timeOf(authority.notAfter)}`);
        return;
      }
      case "register": {
        const { name } = registration.metadata;
        await client.patch(REGISTRATIONS, { name }, registering(registration, place, action.bundle), signal);
        log("info", `registered the webhook's ${action.bundle.length} authorities`);
        return;
      }
      case "sign":
        await this.sign(action.by, now);
    }
  }

  private async sign(by: Authority, now: number): Promise<void> {
    const { place, lifetimes, use, log } = this.options;
    this.leaf = await makeLeaf(by, namesOf(place), now, lifetimes.leaf);
    use(this.leaf);
    log("info", `a new certificate for the webhook, valid until ${timeOf(this.leaf.notAfter)}`);
  }

  private wordsOf(error: unknown): string {
    if (!(error instanceof KubernetesError)) return stackOf(error);
    return error.kind === "missing"
      ? `${error.message}; install the chart again, or apply deploy/admission/webhook.yaml`
      : error.message;
  }
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
