import { createHash } from "node:crypto";
import { timestamp } from "../sys/clock.ts";
import type { Timer } from "../sys/timer.ts";
import type { KubernetesClient } from "./client.ts";
import { KubernetesError } from "./error.ts";
import { fieldsOf, textOf } from "./fields.ts";
import type { Metadata } from "./metadata.ts";
import type { Resource } from "./resource.ts";
import { Turns } from "./turns.ts";
import { messageOf } from "../text/error-words.ts";

/**
 * Events on objects, as `kubectl describe` shows them. What is said again becomes the same event with a new text and a
 * higher count, so a state that lasts is one line, and the newest.
 */

/** An event is sent at once, and again at most so often. */
const AGAIN_MS = 60_000;
/** Of events that are remembered, the longest silent goes first. It is then found in the API server again. */
const MAX_KEYS = 5_000;
/** Events that are sent at once: what pods wait for goes by the same client. */
const AT_ONCE = 4;
/** Characters; the API server takes 1024 bytes. */
const MAX_MESSAGE = 900;

export const EVENTS: Resource<undefined> = {
  group: "",
  version: "v1",
  plural: "events",
  kind: "Event",
  isNamespaced: true,
  read: () => undefined,
};

/** What is read of an event that somebody else wrote. */
export interface Warning {
  /** Who says it, such as vpc-resource-controller. */
  readonly component: string;
  readonly reason: string;
  readonly message: string;
  /** RFC 3339; events of the newer kind have fractions of a second. */
  readonly at: string;
}

export const WARNINGS: Resource<Warning> = {
  ...EVENTS,
  read(object) {
    const event = fieldsOf(object);
    const component = textOf(fieldsOf(event["source"])["component"]) ?? "";
    return {
      component: component === "" ? (textOf(event["reportingComponent"]) ?? "") : component,
      reason: textOf(event["reason"]) ?? "",
      message: textOf(event["message"]) ?? "",
      at: textOf(event["lastTimestamp"]) ?? textOf(event["eventTime"]) ?? "",
    };
  },
};

export interface EventText {
  readonly type: "Normal" | "Warning";
  /** In CamelCase, one for each kind of event, such as BranchRefused. */
  readonly reason: string;
  readonly message: string;
}

/** What an event is about. */
export interface Regarding {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Pick<Metadata, "namespace" | "name" | "uid">;
}

export interface RecorderOptions {
  readonly client: KubernetesClient;
  /** Such as branchline-agent. */
  readonly component: string;
  /** The node's name, or the pod's. */
  readonly instance: string;
  readonly timer: Timer;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly warn: (message: string) => void;
  readonly signal: AbortSignal;
}

interface Said {
  count: number;
  /** When it was last sent. */
  sentAt: number;
  /** The newest text that has not been sent yet. */
  waiting: EventText | undefined;
  /** It is being sent, or will be. */
  isUnderWay: boolean;
}

export class Recorder {
  private readonly options: RecorderOptions;
  private readonly said = new Map<string, Said>();
  private readonly turns = new Turns(AT_ONCE);
  private lostAt = Number.NEGATIVE_INFINITY;

  constructor(options: RecorderOptions) {
    this.options = options;
  }

  /** Never waits and never fails: an event that cannot be sent is a line in the log. */
  say(regarding: Regarding, text: EventText): void {
    // Never by the text: it has ids and times.
    const key = `${regarding.metadata.uid} ${text.reason}`;
    const entry = this.said.get(key) ?? this.newEntry(key);
    if (entry === undefined) return;
    entry.count += 1;
    entry.waiting = text;
    if (!entry.isUnderWay) void this.tell(regarding, key, entry);
  }

  /** Undefined: there are too many, and each of them was sent within the last minute. */
  private newEntry(key: string): Said | undefined {
    const { timer, warn } = this.options;
    const now = timer.now();
    const [oldest] = this.said.size >= MAX_KEYS ? this.said : [];
    if (oldest !== undefined) {
      const [name, { sentAt, isUnderWay }] = oldest;
      if (isUnderWay || now - sentAt < AGAIN_MS) {
        if (now - this.lostAt >= AGAIN_MS) {
          this.lostAt = now;
          warn(`there are more than ${MAX_KEYS} events a minute: for a minute no others are sent`);
        }
        return undefined;
      }
      this.said.delete(name);
    }
    const sentAt = Number.NEGATIVE_INFINITY;
    const entry: Said = { count: 0, sentAt, waiting: undefined, isUnderWay: false };
    this.said.set(key, entry);
    return entry;
  }

  /** Sends what waits, each when the minute is over, until nothing does. */
  private async tell(regarding: Regarding, key: string, entry: Said): Promise<void> {
    const { timer, signal } = this.options;
    entry.isUnderWay = true;
    try {
      while (entry.waiting !== undefined) {
        const left = entry.sentAt + AGAIN_MS - timer.now();
        if (left > 0) await timer.sleep(left, signal);
        using _turn = await this.turns.take(signal);
        const text = entry.waiting;
        entry.waiting = undefined;
        entry.sentAt = timer.now();
        // Anew, so that the first of the map is the longest silent.
        this.said.delete(key);
        this.said.set(key, entry);
        await this.send(regarding, text, entry.count);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      entry.isUnderWay = false;
    }
  }

  private async send(regarding: Regarding, text: EventText, count: number): Promise<void> {
    const { client, signal, warn, wallClock } = this.options;
    // Of objects of the cluster they are in the namespace default.
    const namespace = regarding.metadata.namespace === "" ? "default" : regarding.metadata.namespace;
    const name = nameOf(regarding, text.reason);
    const time = `${timestamp(wallClock()).slice(0, 19)}Z`;
    try {
      // By an agent before us, or by us before a restart.
      if (count > 1 && (await this.repeat({ namespace, name }, text, count, time))) return;
      try {
        await client.create(
          EVENTS,
          namespace,
          this.eventOf(regarding, text, { namespace, name, time, count }),
          signal,
        );
      } catch (error) {
        if (!(error instanceof KubernetesError) || error.reason !== "AlreadyExists") throw error;
        await this.repeat({ namespace, name }, text, count, time);
      }
    } catch (error) {
      if (signal.aborted) return;
      const words = messageOf(error);
      warn(`event ${text.reason} on ${namespace}/${regarding.metadata.name} not sent: ${words}`);
    }
  }

  /** Whether the event was there. */
  private async repeat(
    name: { readonly namespace: string; readonly name: string },
    { type, message }: EventText,
    count: number,
    time: string,
  ): Promise<boolean> {
    const { client, signal } = this.options;
    try {
      await client.patch(
        EVENTS,
        name,
        [
          { op: "add", path: "/message", value: shortened(message) },
          { op: "add", path: "/type", value: type },
          { op: "add", path: "/count", value: count },
          { op: "add", path: "/lastTimestamp", value: time },
        ],
        signal,
      );
      return true;
    } catch (error) {
      // The API server forgets events after an hour.
      if (error instanceof KubernetesError && error.kind === "missing") return false;
      throw error;
    }
  }

  private eventOf(
    { apiVersion, kind, metadata }: Regarding,
    { type, reason, message }: EventText,
    { namespace, name, time, count }: { namespace: string; name: string; time: string; count: number },
  ): object {
    const { component, instance } = this.options;
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { namespace, name },
      involvedObject: {
        apiVersion,
        kind,
        name: metadata.name,
        uid: metadata.uid,
        ...(metadata.namespace !== "" && { namespace: metadata.namespace }),
      },
      type,
      reason,
      message: shortened(message),
      source: { component, host: instance },
      reportingComponent: component,
      reportingInstance: instance,
      firstTimestamp: time,
      lastTimestamp: time,
      count,
    };
  }
}

/** The same after a restart. */
function nameOf({ metadata: { name, uid } }: Regarding, reason: string): string {
  const hash = createHash("sha256").update(`${uid} ${reason}`).digest("hex").slice(0, 16);
  // An object's name has at most 253 characters, and no part of it ends with a hyphen, or is empty.
  return `${name.slice(0, 230).replace(/[.-]+$/, "")}.${hash}`;
}

function shortened(message: string): string {
  return message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message;
}
