// A policy selects the catalogue; then groups are edited while it runs.
import { eventually } from "../../ground/run.ts";
import * as judge from "../judge.ts";
import { NAMESPACE, policy, yaml } from "../shop.ts";
import { GROUPS, words, type RowId } from "../expectations.ts";
import { inShop, type SeenPod, type Stage } from "../stage.ts";

/** The call of EC2 that is slow. */
const SLOW = "AssociateTrunkInterface";
/** Until a living pod's branch has other groups: two seconds, and what a busy machine takes. */
const FOLLOWED_MS = 20_000;

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
  /** Says the command by which people do it, and does it. */
  readonly act: () => Promise<unknown>;
}

/** What is changed under the pod that runs, one after the other. */
async function edits(stage: Stage, pod: SeenPod): Promise<readonly Edit[]> {
  const names = [GROUPS.database, GROUPS.catalog, GROUPS.nodes] as const;
  const [database = "", catalog = "", nodes = ""] = await stage.cluster.groupIds(...names);
  return [
    { id: "rule taken", act: () => editRule(stage, "revoke", database, catalog) },
    { id: "rule given", act: () => editRule(stage, "authorize", database, catalog) },
    { id: "groups taken", act: () => editPolicy(stage, pod, nodes) },
    { id: "groups given", act: () => editPolicy(stage, pod, catalog) },
  ];
}

/** The database's rule that admits the catalogue. */
async function editRule(stage: Stage, verb: "revoke" | "authorize", group: string, source: string) {
  const options = `--group-id ${group} --protocol tcp --port 5432 --source-group ${source}`;
  stage.story.step(`$ aws ec2 ${verb}-security-group-ingress ${options}`);
  await stage.ec2(verb === "revoke" ? "RevokeSecurityGroupIngress" : "AuthorizeSecurityGroupIngress", {
    GroupId: group,
    "IpPermissions.1.IpProtocol": "tcp",
    "IpPermissions.1.FromPort": "5432",
    "IpPermissions.1.ToPort": "5432",
    "IpPermissions.1.Groups.1.GroupId": source,
  });
}

/** Waits until EC2 shows it, or has had its time: then what the pod is answered tells. */
async function editPolicy(stage: Stage, { metadata: { name } }: SeenPod, group: string): Promise<void> {
  const patch = JSON.stringify({ spec: { securityGroups: { groupIds: [group] } } });
  const args = inShop("patch sgp catalogue --type=merge -p");
  stage.story.step(`$ kubectl ${args} '${patch}'`);
  stage.story.shown("", (await stage.kubectl(`${args} ${patch}`)).printed);
  const isFollowed = async () => {
    const [pod, interfaces] = [await stage.pod(name), await stage.ec2("DescribeNetworkInterfaces")];
    return judge.groupIds(pod.printed, interfaces.printed).join() === group ? true : undefined;
  };
  await eventually(`${group} at ${name}`, isFollowed, FOLLOWED_MS).catch(() => undefined);
  await stage.show(inShop("get sgp catalogue"));
}

/** Asks the database after each edit. */
export async function editGroups(stage: Stage, pod: SeenPod): Promise<void> {
  const { cluster, story } = stage;
  story.heading("Groups are edited while the pod runs");
  const { name } = pod.metadata;
  const before = await stage.pod(name);
  for (const { id, act } of await edits(stage, pod)) {
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
