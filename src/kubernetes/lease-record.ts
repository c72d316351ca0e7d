import { timestamp } from "../sys/clock.ts";
import { fieldsOf, textOf } from "./fields.ts";
import { type KubernetesObject, readMetadata } from "./metadata.ts";
import type { Resource } from "./resource.ts";

/** The Lease by which candidates agree on one of them (coordination.k8s.io/v1). Its times are for people only. */
export interface LeaseObject extends KubernetesObject {
  /** Empty when nobody holds it. */
  readonly holder: string;
  /** What the holder promises to renew within; 0 when it does not say. */
  readonly durationMs: number;
  /** RFC 3339 with microseconds, by the holder's clock: since when it has the Lease, and when it renewed it. */
  readonly acquired: string | undefined;
  readonly renewed: string | undefined;
  /** How often the holder has changed. */
  readonly transitions: number;
}

export const LEASES: Resource<LeaseObject> = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  isNamespaced: true,
  read(object) {
    const spec = fieldsOf(fieldsOf(object)["spec"]);
    return {
      metadata: readMetadata(object),
      holder: textOf(spec["holderIdentity"]) ?? "",
      durationMs: numberOf(spec["leaseDurationSeconds"]) * 1000,
      acquired: textOf(spec["acquireTime"]),
      renewed: textOf(spec["renewTime"]),
      transitions: numberOf(spec["leaseTransitions"]),
    };
  },
};

function numberOf(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}

export interface NewRecord {
  readonly namespace: string;
  readonly name: string;
  /** Empty: released. */
  readonly holder: string;
  readonly durationMs: number;
  /** Milliseconds since 1970. */
  readonly wallClock: number;
  /** What it replaces; none is created. */
  readonly before: LeaseObject | undefined;
}

/** As the API server takes it: only in place of exactly what it replaces. */
export function leaseBody({ namespace, name, holder, durationMs, wallClock, before }: NewRecord): object {
  const now = micro(wallClock);
  const isNewHolder = before?.holder !== holder;
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      namespace,
      name,
      ...(before !== undefined && {
        resourceVersion: before.metadata.resourceVersion,
        uid: before.metadata.uid,
        // A replacement would take away what others have put there.
        labels: before.metadata.labels,
        annotations: before.metadata.annotations,
      }),
    },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: Math.max(1, Math.ceil(durationMs / 1000)),
      acquireTime: isNewHolder ? now : (before.acquired ?? now),
      renewTime: now,
      // A release is none, nor is a first holder (client-go counts alike).
      leaseTransitions:
        (before?.transitions ?? 0) + (isNewHolder && before !== undefined && holder !== "" ? 1 : 0),
    },
  };
}

/** metav1.MicroTime takes exactly six digits. */
function micro(milliseconds: number): string {
  return timestamp(milliseconds).replace("Z", "000Z");
}
