import { counted, defineCheck, ok, problem } from "../check.ts";

export const records = defineCheck({
  code: "BL038",
  title: "The records of attached pods can be read, and none clash",
  why: "For each pod with a branch there is a record in /run/branchline/attachments, by which the plugin takes everything away when the pod ends. It cannot do so by one that cannot be read. Two records with one VLAN id or one ENI mean that two pods claim one branch.",
  todo: "Delete the pods that are named. A record that cannot be read may be removed once its pod is gone.",
  place: "node",
  needs: ["attachments"],
  judge({ attachments }) {
    const unreadable = attachments
      .filter(({ pod }) => pod === undefined)
      .map(({ file }) => `${file}: not readable`);
    const holders = new Map<string, string[]>();
    for (const { vlan, eni, pod } of attachments) {
      const who = pod ?? "an unreadable record";
      for (const key of [`VLAN id ${vlan}`, ...(eni === undefined ? [] : [eni])])
        holders.set(key, [...(holders.get(key) ?? []), who]);
    }
    const twice = [...holders].flatMap(([what, who]) =>
      who.length > 1 ? [`${what}: ${who.join(" and ")}`] : [],
    );
    const all = [...unreadable, ...twice];
    if (all.length === 0) return ok(counted(attachments.length, "record"));
    return problem(`${counted(all.length, "defect")} in /run/branchline/attachments`, all);
  },
});
