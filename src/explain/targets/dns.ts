import { readService } from "../../facts/services.ts";
import { partyName, type Targets } from "../party.ts";
import { type Asking, settled, unseen, wanted } from "./asking.ts";
import type { Question } from "../question.ts";
import { toAddress } from "./address.ts";
import { toService } from "./service.ts";

/** The name servers that a pod asks (spec.dnsPolicy). */

const PORT = 53;
const SERVICE = { namespace: "kube-system", name: "kube-dns" } as const;
/** NodeLocal DNS, by the name of its DaemonSet. */
const NODE_LOCAL = { name: "node-local-dns", address: "169.254.20.10" } as const;

export async function toNameServers(
  asking: Asking,
  { protocols }: Extract<Question, { kind: "dns" }>,
): Promise<Targets> {
  const { facts, subject, api } = asking;
  const { pod, daemonSets } = facts;
  const of = (protocol: "udp" | "tcp") =>
    ({ asked: "dns", title: `DNS by ${protocol}`, protocol, port: PORT }) as const;
  if (pod.dnsPolicy === "Default" || (pod.usesHostNetwork && pod.dnsPolicy === "ClusterFirst"))
    return {
      targets: [],
      notes: ["DNS: it asks what its node asks; no groups decide about the VPC's own name server"],
    };
  if (pod.dnsPolicy === "None") {
    const servers = pod.nameservers;
    const each = servers.flatMap((address) =>
      protocols.map((protocol) => toAddress(asking, of(protocol), address, address)),
    );
    return {
      targets: (await Promise.all(each)).flat(),
      notes: servers.length === 0 ? ["DNS: it has no name server (dnsPolicy None)"] : [],
    };
  }
  if (!daemonSets.known)
    return { targets: protocols.map((protocol) => unseen(of(protocol), daemonSets.gap)), notes: [] };
  if (daemonSets.value.some(({ name }) => name === NODE_LOCAL.name)) {
    const to = { kind: "node-local", name: "NodeLocal DNS", address: NODE_LOCAL.address } as const;
    const notes = [
      `the cluster has NodeLocal DNS (DaemonSet ${NODE_LOCAL.name}): ${partyName(subject)} is taken to ask it`,
    ];
    return { targets: protocols.map((protocol) => wanted(of(protocol), subject, to, { notes })), notes: [] };
  }
  const service = await readService(api, SERVICE.namespace, SERVICE.name);
  const targets = await Promise.all(
    protocols.map(async (protocol) => {
      if (!service.known) return [unseen(of(protocol), service.gap)];
      if (service.value !== undefined) return toService(asking, service.value, of(protocol));
      const why = `there is no Service ${SERVICE.namespace}/${SERVICE.name}, so which name servers it asks is not known`;
      return [settled(of(protocol), "cannot say", why)];
    }),
  );
  return { targets: targets.flat(), notes: [] };
}
