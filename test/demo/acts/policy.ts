// A policy selects the catalogue; then groups are edited while it runs.
import { eventually } from "../../ground/run.ts";
import * as judge from "../judge.ts";
import { NAMESPACE, policy, yaml } from "../shop.ts";
import { GROUPS, words, type RowId } from "../expectations.ts";
import { inShop, type SeenPod, type Stage } from "../stage.ts";

/** The call of EC2 that is slow. */
const SLOW = "AssociateTrunkInterface";

/** Gives the catalogue's pod, unless it has no branch: then what follows makes no sense. */
export async function withPolicy(stage: Stage): Promise<SeenPod | undefined> {
  const { cluster, story, broken } = stage;
  story.heading("A SecurityGroupPolicy selects it");
  const [group = ""] = await cluster.groupIds(GROUPS.catalog);
  if (broken === "policy") story.step("BREAK=policy: its selector has a label that no pod has");
  await stage.show("apply -f -", yaml(policy(broken === "policy" ? "catalog" : "catalogue", group)));
  await counts(stage);
  story.step(`EC2 is slow from here: ${SLOW} is held back`);
  await cluster.site.control("POST", "holds", { action: SLOW });
  const old = await stage.newest("catalogue");
  await stage.show(inShop("rollout restart deployment/catalogue"));
  const pod = await stage.newest("catalogue", [old.metadata.uid]);
  const { name } = pod.metadata;
  const isLate = await stage.observe(
    "late",
    async () => {
      const meanwhile = await heldBack(stage, name);
      story.step("EC2 answers again");
      await cluster.site.control("DELETE", "holds");
      await stage.kubectl(inShop("rollout status deployment/catalogue --timeout=60s"));
      const events = await stage.show(inShop(`get events --field-selector involvedObject.name=${name}`));
      return [meanwhile, events, await stage.onNode(`grep '${name}' /var/log/branchline/plugin.log`)];
    },
    judge.late,
  );
  await cluster.site.control("DELETE", "holds");
  if (!isLate) return undefined;

  await stage.show(
    inShop(`get pod ${name} -o jsonpath={.metadata.annotations.vpc\\.amazonaws\\.com/pod-eni}`),
  );
  const interfaces = () => stage.ec2("DescribeNetworkInterfaces");
  await stage.observe("branch", async () => [await stage.pod(name), await interfaces()], judge.branch);
  await stage.observe(
    "annotation",
    async () => [await stage.pod(name), await interfaces()],
    judge.annotation,
  );
  const isAdmitted = await stage.observe(
    "admitted",
    async () => [await stage.asked(name), await stage.pod(name)],
    judge.query,
  );
  const { address } = await cluster.machine("database");
  await stage.observe(
    "now",
    async () => [await stage.branchline(`explain pod ${name} -n ${NAMESPACE} --to ${address}:5432`)],
    judge.explained,
  );
  await stage.branchline(`status -n ${NAMESPACE}`);
  return isAdmitted ? pod : undefined;
}

/** Until new pods are asked about the policy: the API server has it a moment later. With a selector of nobody's that is never. */
async function counts(stage: Stage): Promise<void> {
  if (stage.broken === "policy") return;
  const look = () =>
    stage.kubectl(inShop("run dry --image=none --labels=app=catalogue --dry-run=server -o yaml"));
  await eventually(
    "the policy",
    async () => ((await look()).printed.includes("vpc.amazonaws.com/pod-eni") ? true : undefined),
    20_000,
  );
}

/** The pod in JSON, once its event says that it waits or it has started all the same. */
async function heldBack(stage: Stage, name: string) {
  return eventually(
    `an event of ${name}`,
    async () => {
      const { printed } = await stage.kubectl(
        inShop(`get events --field-selector involvedObject.name=${name}`),
      );
      const pod = await stage.pod(name);
      const isWaiting = judge.started(pod.printed) === words.waits;
      return printed.includes("BranchLate") || !isWaiting ? pod : undefined;
    },
    60_000,
  );
}

interface Edit {
  readonly id: RowId;
  /** The command by which people do it. */
  readonly command: string;
  readonly act: () => Promise<unknown>;
}

/** What is changed under the pod that runs, one after the other. */
async function edits(stage: Stage): Promise<readonly Edit[]> {
  const [database = "", catalog = ""] = await stage.cluster.groupIds(GROUPS.database, GROUPS.catalog);
  const rule = {
    GroupId: database,
    "IpPermissions.1.IpProtocol": "tcp",
    "IpPermissions.1.FromPort": "5432",
    "IpPermissions.1.ToPort": "5432",
    "IpPermissions.1.Groups.1.GroupId": catalog,
  };
  const rest = `security-group-ingress --group-id ${database} --protocol tcp --port 5432 --source-group ${catalog}`;
  return [
    {
      id: "rule taken",
      command: `aws ec2 revoke-${rest}`,
      act: () => stage.ec2("RevokeSecurityGroupIngress", rule),
    },
    {
      id: "rule given",
      command: `aws ec2 authorize-${rest}`,
      act: () => stage.ec2("AuthorizeSecurityGroupIngress", rule),
    },
  ];
}

/** Asks the database after each edit. */
export async function editGroups(stage: Stage, pod: SeenPod): Promise<void> {
  const { cluster, story } = stage;
  story.heading("Groups are edited while the pod runs");
  const { name } = pod.metadata;
  const before = await stage.pod(name);
  for (const { id, command, act } of await edits(stage)) {
    story.step(`$ ${command}`);
    await act();
    // Answers when the kernel has followed.
    await cluster.site.control("GET", "data-plane");
    await stage.observe(
      id,
      async () => {
        const asked = await stage.show(inShop(`exec ${name} -- products`));
        return [before, await stage.pod(name), asked];
      },
      judge.samePod,
    );
  }
}
