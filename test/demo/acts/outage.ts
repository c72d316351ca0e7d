// Controller and agent are killed, and stay away for a while.
import { eventually, sleep } from "../../ground/run.ts";
import * as judge from "../judge.ts";
import { inShop, type SeenPod, type Stage } from "../stage.ts";

const CONTROLLER = "-n kube-system scale deployment/branchline-controller";
const AGENT = "-n kube-system patch daemonset/branchline-agent --type=merge -p";
const nowhere = (value: string | null) =>
  JSON.stringify({ spec: { template: { spec: { nodeSelector: { nowhere: value } } } } });

/** Those of our processes on the node that are not ended, a line each. */
const OURS = `for each in /proc/[0-9]*; do
  words=$(tr '\\0' ' ' 2>/dev/null <"$each/cmdline") || continue
  case $words in /*"branchline agent "*|/*"branchline controller "*) echo "\${each#/proc/} $words" ;; esac
done`;
const LIST = "/etc/cni/net.d/05-branchline.conflist";
/** Milliseconds in which a pod that nothing keeps back would long have started. */
const LONG_ENOUGH = 12_000;

export async function outage(stage: Stage, pod: SeenPod): Promise<void> {
  const { story } = stage;
  const { name } = pod.metadata;
  story.heading("Controller and agent are killed");
  story.shown(`node-1 # ps`, (await stage.onNode(OURS)).printed.replaceAll(/^(\d+ \S+ \S+).*$/gm, "$1"));
  const before = await stage.pod(name);
  story.step("node-1 # kill -9, and they are kept away");
  await stage.onNode(`${OURS} | while read -r pid rest; do kill -9 "$pid"; done`);
  await stage.kubectl(`${CONTROLLER} --replicas=0`);
  await stage.kubectl(`${AGENT} ${nowhere("yes")}`);
  await eventually(
    "the end of both",
    async () => ((await stage.onNode(OURS)).printed.trim() === "" ? true : undefined),
    60_000,
  );
  await stage.observe(
    "killed",
    async () => {
      const asked = await stage.show(inShop(`exec ${name} -- products`));
      return [before, await stage.pod(name), asked];
    },
    judge.samePod,
  );

  if (stage.broken === "agent") {
    story.step(`BREAK=agent: somebody writes "missingAnnotation": "pass" into ${LIST}`);
    await stage.onNode(`sed -i 's/"type": *"branchline"/&,"missingAnnotation":"pass"/' ${LIST}`);
  }
  await stage.show(inShop("scale deployment/catalogue --replicas=2"));
  const second = await stage.newest("catalogue", [pod.metadata.uid]);
  await sleep(LONG_ENOUGH);
  await stage.observe(
    "new pod",
    async () => {
      await stage.show(inShop("get pods -l app=catalogue -o wide"));
      return [await stage.pod(second.metadata.name)];
    },
    judge.started,
  );

  story.heading("They are back");
  await stage.kubectl(`${CONTROLLER} --replicas=1`);
  await stage.kubectl(`${AGENT} ${nowhere(null)}`);
  await stage.observe(
    "back",
    async () => [await stage.asked(second.metadata.name, 120_000), await stage.pod(second.metadata.name)],
    judge.query,
  );
}
