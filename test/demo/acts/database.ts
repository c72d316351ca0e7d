// The catalogue and its two databases, before there is any policy; and a workload that never has one.
import { eventually } from "../../ground/run.ts";
import * as judge from "../judge.ts";
import { client, databaseInside, NAMESPACE, yaml } from "../shop.ts";
import { inShop, type Stage } from "../stage.ts";

/** The database in the VPC, by its name in the cluster's DNS. */
export const DATABASE_NAME = "catalogue-db.example.com";

export async function databaseInTheCluster(stage: Stage): Promise<void> {
  const { story } = stage;
  story.heading("The catalogue, with its database in the cluster");
  await stage.show(`create namespace ${NAMESPACE}`);
  await stage.kubectl("apply -f -", yaml(...databaseInside()));
  story.step("Deployment and Service database: PostgreSQL in a pod");
  await stage.rolledOut("database");
  await stage.show("apply -f -", yaml(client("catalogue", "database")));
  await stage.rolledOut("catalogue");
  const { metadata } = await stage.newest("catalogue");
  await stage.observe(
    "inside",
    async () => [await stage.asked(metadata.name), await stage.pod(metadata.name)],
    judge.query,
  );
}

export async function databaseInTheVpc(stage: Stage): Promise<void> {
  const { cluster, story } = stage;
  const { address } = await cluster.machine("database");
  story.heading("The same catalogue, pointed at a database in the VPC");
  story.step(`${DATABASE_NAME} is ${address}, a machine in group catalog-db`);
  story.step("catalog-db lets in tcp 5432 from group catalog, and nothing else");
  if (stage.broken === "group") story.step("BREAK=group: ... but for group cluster, the nodes', too");
  const old = await stage.newest("catalogue");
  await stage.show(inShop(`set env deployment/catalogue DB_HOST=${DATABASE_NAME}`));
  const { metadata } = await stage.newest("catalogue", [old.metadata.uid]);
  await stage.observe(
    "refused",
    async () => [await stage.asked(metadata.name), await stage.pod(metadata.name)],
    judge.query,
  );
  await stage.show(inShop("get pods -o wide"));
  await stage.observe(
    "why",
    async () => [await stage.branchline(`explain pod ${metadata.name} -n ${NAMESPACE} --to ${address}:5432`)],
    judge.explained,
  );
}

export async function stranger(stage: Stage): Promise<void> {
  const { story } = stage;
  story.heading("Another workload, which no policy selects");
  story.step("Deployment reports: the same image, the same database");
  await stage.kubectl("apply -f -", yaml(client("reports", DATABASE_NAME)));
  const { metadata } = await stage.newest("reports");
  await stage.observe(
    "stranger",
    async () => [await stage.asked(metadata.name), await stage.pod(metadata.name)],
    judge.query,
  );
  await stage.kubectl(inShop("delete deployment reports --wait=false"));
  await eventually(
    "the end of reports",
    async () => {
      const { printed } = await stage.kubectl(inShop("get pods -l app=reports -o name"));
      return printed.startsWith("pod/") ? undefined : true;
    },
    60_000,
  );
}
