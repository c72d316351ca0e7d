// A database outside of the cluster, whose group admits the group "client" and nobody else.
import type { Cluster } from "../cluster.ts";
import { serveOn } from "./servers.ts";

export const DATABASE_PORT = 5432;

export const databaseGroup = {
  name: "db",
  ingress: [{ protocol: "tcp", ports: [DATABASE_PORT, DATABASE_PORT], group: "client" }],
} as const;

export const databaseMachine = { name: "database", groups: [databaseGroup.name] };

/** Starts it; its address. */
export async function serveDatabase(cluster: Cluster): Promise<string> {
  await serveOn(cluster.site, databaseMachine.name, DATABASE_PORT);
  return (await cluster.machine(databaseMachine.name)).address;
}
