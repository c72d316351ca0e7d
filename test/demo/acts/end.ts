// Everything is deleted, and so is the node.
import { CLUSTER_NAME, helmBranchline, RELEASE } from "../../cluster/system/branchline.ts";
import * as judge from "../judge.ts";
import { NAMESPACE } from "../shop.ts";
import { NODE, type Stage } from "../stage.ts";

export async function theEnd(stage: Stage): Promise<void> {
  const { cluster, story } = stage;
  story.heading("Everything is deleted");
  await stage.show(`delete namespace ${NAMESPACE}`);
  const interfaces = () => stage.ec2("DescribeNetworkInterfaces");
  story.step("its pods are gone from the node");
  await stage.observe(
    "left node",
    async () => [
      await stage.onNode("ls -1 /run/branchline/attachments"),
      await stage.onNode("ip -d -o link"),
    ],
    judge.leftOnNode,
  );
  story.step(`$ helm uninstall ${RELEASE.name} --namespace ${RELEASE.namespace}`);
  await helmBranchline(cluster.api.adminKubeconfig, "uninstall");
  story.step(`the instance of ${NODE} is terminated`);
  const { instance } = await cluster.machine(NODE);
  await cluster.site.killNode(NODE);
  await stage.ec2("TerminateInstances", { "InstanceId.1": instance });
  story.step("whoever deletes a cluster deletes what it has in EC2, by its tags");
  await stage.branchline(`cleanup --cluster ${CLUSTER_NAME} --include-young --yes`);
  await stage.observe("left ec2", async () => [await interfaces()], judge.leftInEc2);
}
