import { isIn } from "./addresses.ts";
import type { Flow } from "./facts.ts";
import type { Source } from "./places.ts";

/** What keeps a call of a ClusterIP Service from getting to any endpoint; undefined for nothing. */
export function serviceProblem(
  from: Source,
  protocol: Flow["protocol"],
  address: string | undefined,
): string | undefined {
  if (protocol === "icmp") return "kube-proxy translates the ports of a Service, not echo requests to it";
  if (from.kind !== "pod" || from.attachment !== "direct" || address === undefined) return undefined;
  const { serviceCidrs } = from;
  if (serviceCidrs === undefined || serviceCidrs.some((cidr) => isIn(cidr, address))) return undefined;
  return `serviceCIDRs have no ${address}, so a direct pod sends it by its branch, and the VPC does not carry it`;
}
