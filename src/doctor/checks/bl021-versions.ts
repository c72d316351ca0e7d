import { defineCheck, ok, skipped, warning } from "../check.ts";
import type { PodFact } from "../facts.ts";
import { isAgent, isAlive, isController, podName } from "../nodes.ts";

export const versions = defineCheck({
  code: "BL021",
  title: "All parts are of one version",
  why: "Agents and controllers of different versions are meant for the minutes of an upgrade. If it stays so, some of them lack what the newer ones have corrected.",
  todo: "helm upgrade with one image.tag for all. If a pod keeps the old image: see why it is not replaced (its node is not ready, or the updateStrategy is OnDelete).",
  place: "cluster",
  needs: ["pods"],
  judge({ pods }) {
    const parts = pods.filter((pod) => isAlive(pod) && (isAgent(pod) || isController(pod)));
    if (parts.length === 0) return skipped("neither agent nor controller is in the cluster");
    const byImage = new Map<string, PodFact[]>();
    for (const pod of parts)
      for (const image of pod.images) byImage.set(image, [...(byImage.get(image) ?? []), pod]);
    if (byImage.size === 1) return ok(`${[...byImage.keys()].join()}, in ${parts.length} pods`);
    return warning(
      `agents and controllers have ${byImage.size} images`,
      [...byImage].map(([image, its]) => `${image}: ${its.map(podName).join(", ")}`),
    );
  },
});
