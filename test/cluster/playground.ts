// The cluster that `make cluster` leaves to people: what there is to play with, and how a shell finds it.
import { serveDatabase, databaseGroup, databaseMachine, DATABASE_PORT } from "./support/database.ts";
import type { Cluster, ClusterOptions } from "./cluster.ts";
import { toolsImage } from "./images/images.ts";
import { CLUSTER_GROUP, ZONE } from "./world.ts";
import { shellText, type Variables } from "../ground/shell-environment.ts";

/** The group that the database admits. */
const CLIENT_GROUP = "client";

/** A database in the VPC that admits one group, and name servers that answer it. */
export const playground: NonNullable<ClusterOptions["world"]> = {
  groups: [{ name: CLIENT_GROUP }, databaseGroup],
  clusterIngress: (["udp", "tcp"] as const).map((protocol) => ({
    protocol,
    ports: [53, 53] as const,
    group: CLIENT_GROUP,
  })),
  machines: [databaseMachine],
};

/** Starts the database; the names of what is there. */
export async function furnish(cluster: Cluster): Promise<Variables> {
  const database = await serveDatabase(cluster);
  const [client = "", db = "", own = ""] = await cluster.groupIds(
    CLIENT_GROUP,
    databaseGroup.name,
    CLUSTER_GROUP,
  );
  return {
    IMAGE: toolsImage,
    CLIENT_GROUP: client,
    DB_GROUP: db,
    CLUSTER_GROUP: own,
    DATABASE: `${database}:${DATABASE_PORT}`,
  };
}

export interface Ways {
  readonly kubeconfig: string;
  /** URL of EC2. */
  readonly ec2: string;
  /** Directories of kubectl and branchline. */
  readonly programs: readonly string[];
}

/** What a shell reads to reach the cluster with kubectl, the AWS CLI and branchline. */
export function environmentText({ kubeconfig, ec2, programs }: Ways, more: Variables): string {
  const region = ZONE.slice(0, -1);
  const variables: Variables = {
    KUBECONFIG: kubeconfig,
    AWS_ENDPOINT_URL_EC2: ec2,
    AWS_REGION: region,
    // The AWS CLI's own.
    AWS_DEFAULT_REGION: region,
    // Any key will do.
    AWS_ACCESS_KEY_ID: "AKIAPLAYGROUND",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_EC2_METADATA_DISABLED: "true",
    ...more,
  };
  return shellText({
    set: variables,
    // The SDK asks a profile before the keys; a token belongs to other keys.
    unset: ["AWS_PROFILE", "AWS_SESSION_TOKEN"],
    path: programs,
  });
}
