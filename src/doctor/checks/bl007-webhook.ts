import { counted, defineCheck, ok, problem, skipped, warning } from "../check.ts";
import type { WebhookFact } from "../facts.ts";

/** Ours, and EKS's. */
const OURS = "pods.branchline.dev";
const OF_EKS = "vpc-resource-mutating-webhook";

export const webhook = defineCheck({
  code: "BL007",
  title: "The webhook that makes pods ask for a branch can be reached",
  why: "A pod asks for a branch by a limit of vpc.amazonaws.com/pod-eni, which this webhook adds when a policy selects the pod. While it cannot be reached, selected pods are denied by the guards (BL008) or refused by their node's agent; where there are neither, they run with their node's groups.",
  todo: "See whether the pods behind its Service are ready, and what the line AdmissionServes of their /readyz says. On EKS the webhook is AWS's: a security group of the control plane, or a network policy, may keep the API server from it.",
  place: "cluster",
  needs: ["webhooks", "policies", "guards", "now"],
  uses: ["endpoints", "mutators"],
  judge({ webhooks, policies, guards, endpoints, mutators = [], now }) {
    const its = webhooks.filter(
      ({ configuration, name }) => name === OURS || configuration === OF_EKS || name.startsWith("mpod.vpc."),
    );
    if (its.length === 0) {
      if (policies.length === 0) return skipped("there is neither a webhook nor a SecurityGroupPolicy");
      if (mutators.includes("branchline-selected-pods"))
        return ok("the mutating policy in the API server does it instead");
      return problem(
        `nothing makes pods ask for a branch, with ${counted(policies.length, "SecurityGroupPolicy")}`,
      );
    }
    const broken = its.flatMap((one) => brokenBy(one, endpoints, now) ?? []);
    if (broken.length === 0) return ok(its.map(({ name }) => name).join(", "));
    const backed = guards.has("branchline-selected-pods");
    const found = `${counted(broken.length, "webhook")} cannot be reached`;
    return backed ? warning(`${found}; the guard denies what it misses`, broken) : problem(found, broken);
  },
});

function brokenBy(
  { configuration, name, service, url, trustEnds }: WebhookFact,
  endpoints: ReadonlyMap<string, number> | undefined,
  now: number,
): string | undefined {
  const which = `${configuration}/${name}`;
  // EKS's has a URL, and the API server's own trust may be enough for it.
  if (url === undefined && trustEnds === undefined) return `${which}: it has no certificate authority yet`;
  if (trustEnds !== undefined && trustEnds < now)
    return `${which}: its certificate authority ended at ${new Date(trustEnds).toISOString()}`;
  if (service !== undefined && endpoints !== undefined && (endpoints.get(service) ?? 0) === 0)
    return `${which}: its Service ${service} has no ready endpoint`;
  return undefined;
}
