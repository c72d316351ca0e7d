import type { KubernetesClient } from "../../kubernetes/client.ts";
import { SECURITY_GROUP_POLICIES } from "../../kubernetes/objects.ts";
import { SEEN_POLICIES, type SeenPolicy } from "../objects.ts";
import { type Conditions, withTimes } from "../conditions.ts";

/** Statuses of policies through the API server. */
export interface PolicyPort {
  /** Whether policies have a status: EKS's own CRD has none. */
  hasStatus(signal: AbortSignal): Promise<boolean>;
  /** Writes the status of the object of this UID and no other. */
  setStatus(policy: SeenPolicy, status: Conditions, signal: AbortSignal): Promise<void>;
}

export function policyPort(client: KubernetesClient, wallClock: () => number): PolicyPort {
  const { plural } = SECURITY_GROUP_POLICIES;
  return {
    hasStatus: (signal) =>
      client.isServed({ ...SECURITY_GROUP_POLICIES, plural: `${plural}/status` }, signal),
    async setStatus({ metadata, times }, status, signal) {
      const { namespace, name, uid } = metadata;
      const value = withTimes(status, times, wallClock());
      await client.patch(
        SEEN_POLICIES,
        { namespace, name },
        [
          { op: "test", path: "/metadata/uid", value: uid },
          { op: "add", path: "/status", value },
        ],
        signal,
        "status",
      );
    },
  };
}
