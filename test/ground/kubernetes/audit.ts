import { existsSync, readFileSync } from "node:fs";

/** The parts of an audit event that tests look at. */
export interface AuditEvent {
  readonly auditID: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly groups: readonly string[] };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code: number };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly requestReceivedTimestamp: string;
  /** With a policy of a higher level than Metadata. */
  readonly requestObject?: unknown;
}

/** Who asked what, of everything but what the API server asks itself. */
export const METADATA_POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "None", users: ["system:apiserver"] }, { level: "Metadata" }],
} as const;

/** Everything that an audit log has now: a request is in it before its answer is sent, a watch when it begins and ends. */
export function readAudit(file: string): readonly AuditEvent[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  // What follows the last line feed is still being written.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditEvent);
}
