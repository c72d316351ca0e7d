// Who asks, and what the answer comes from: tables of both, compared with a file.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ApiServer } from "../../ground/api-server.ts";
import { type Answer, ApiClient } from "../../ground/kubernetes/client.ts";
import { denialOf } from "./guarded.ts";

const TABLES = path.join(import.meta.dirname, "../tables");
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

const account = (name: string) => `system:serviceaccount:kube-system:${name}`;

/** Users who may do everything as far as RBAC goes, so that only admission refuses. */
const USERS = {
  user: "someone",
  controller: account("branchline-controller"),
  aws: "eks:vpc-resource-controller",
  "aws-account": account("vpc-resource-controller"),
  "aws-eks-account": account("eks-vpc-resource-controller"),
} as const;

export type Clients = Readonly<Record<string, ApiClient>>;

/**
 * Clients by the names of the tables' columns: the admin, the users above, kubelets of two nodes with what the Node
 * authorizer gives them, and agents with tokens of pods on these nodes and one without a pod.
 */
export async function makeClients(server: ApiServer, nodes: readonly [string, string]): Promise<Clients> {
  const { admin } = server;
  const agents = await agentTokens(server, nodes);
  await admin.create(`${RBAC}/clusterrolebindings`, {
    metadata: { name: "everything" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [...Object.values(USERS), account("branchline-agent")].map((name) => ({
      apiGroup: "rbac.authorization.k8s.io",
      kind: "User",
      name,
    })),
  });
  const clients: Record<string, ApiClient> = { admin };
  for (const [who, user] of Object.entries(USERS)) {
    clients[who] = ApiClient.of(await server.kubeconfigFor({ user }));
  }
  for (const [i, node] of nodes.entries()) {
    const subject = { user: `system:node:${node}`, groups: ["system:nodes"] };
    clients[`kubelet-${i + 1}`] = ApiClient.of(await server.kubeconfigFor(subject));
  }
  return { ...clients, ...agents };
}

async function agentTokens(server: ApiServer, nodes: readonly string[]): Promise<Clients> {
  const { admin } = server;
  await admin.create("/api/v1/namespaces/kube-system/serviceaccounts", {
    metadata: { name: "branchline-agent" },
  });
  const clients: Record<string, ApiClient> = {};
  for (const [i, nodeName] of nodes.entries()) {
    await admin.create("/api/v1/nodes", { metadata: { name: nodeName } });
    const { metadata } = await admin.create("/api/v1/namespaces/kube-system/pods", {
      metadata: { name: `agent-${i + 1}` },
      spec: { nodeName, serviceAccountName: "branchline-agent", containers: [{ name: "c", image: "c" }] },
    });
    const pod = { name: metadata.name, uid: metadata.uid ?? "" };
    const file = await server.kubeconfigOf("kube-system", "branchline-agent", pod);
    clients[`agent-${i + 1}`] = ApiClient.of(file);
  }
  clients["agent"] = ApiClient.of(await server.kubeconfigOf("kube-system", "branchline-agent"));
  return clients;
}

/**
 * `ok`; `guard`: our policy has denied it; `node`: NodeRestriction, or the Node authorizer. Anything else with the API
 * server's words.
 */
export function verdictOf(answer: Answer, policy: string): string {
  const denial = denialOf(answer);
  if (denial !== undefined) return denial.policy === policy ? "guard" : denial.policy;
  if (answer.status < 300) return "ok";
  const { message = "" } = answer.body as { message?: string };
  const isNodes = /User "system:node:|can only (?:create|update|delete) |node "[^"]*" is not allowed/.test(
    message,
  );
  return answer.status === 403 && isNodes ? "node" : `${answer.status} ${message}`;
}

/** A row: what is asked, in words, and how; `asks` gives what the answer comes from. */
export interface Row {
  readonly words: readonly string[];
  readonly ask: (client: ApiClient, who: string) => Promise<string>;
}

/** The table tables/NAME.tsv as it is, which UPDATE_TABLES=1 writes, and as the API server answers. */
export async function tables(
  name: string,
  columns: readonly string[],
  rows: readonly Row[],
  clients: Clients,
  who: readonly string[],
): Promise<Tables> {
  return tablesOf(name, [...columns, ...who], await linesOf(rows, clients, who));
}

export interface Tables {
  readonly answered: string;
  readonly written: string;
}

/** The same for lines that were asked for one after another. */
export function tablesOf(name: string, columns: readonly string[], lines: readonly string[]): Tables {
  const answered = `${[columns.join("\t"), ...lines].join("\n")}\n`;
  const file = path.join(TABLES, `${name}.tsv`);
  if (process.env["UPDATE_TABLES"] !== undefined) writeFileSync(file, answered);
  return { answered, written: readFileSync(file, "utf8") };
}

/** A line for each row. */
export async function linesOf(
  rows: readonly Row[],
  clients: Clients,
  who: readonly string[],
): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { words, ask } of rows) {
    const verdicts = await Promise.all(
      who.map((one) => {
        const client = clients[one];
        if (client === undefined) throw new Error(`there is no client of ${one}`);
        return ask(client, one);
      }),
    );
    lines.push([...words, ...verdicts].join("\t"));
  }
  return lines;
}
