import { isFinished } from "../../facts/pods.ts";
import { UsageError } from "../../sys/command-line.ts";
import { lookForPod } from "../look.ts";
import { nameOf, partyOf, type Target, type Targets, type Wanted } from "../party.ts";
import type { ExplainedPod } from "../pod.ts";
import type { Port, Question } from "../question.ts";
import { type Asking, commonFamily, familiesOf, settled, wanted } from "./asking.ts";

/** Paths from and to pods of the cluster, and from the node. */

/** `--to-pod`. */
export async function toPod(
  asking: Asking,
  { pod: name, protocol, port }: Extract<Question, { kind: "to-pod" }>,
): Promise<readonly Target[]> {
  const other = await lookForPod(asking.api, name);
  const what = {
    asked: "to-pod",
    title: `to pod ${nameOf(other)}:${port}${protocol === "udp" ? "/udp" : ""}`,
    protocol,
    port,
  } as const;
  const why = notThere(other);
  if (why !== undefined) return [settled(what, "does not reach", why)];
  const family = familyBetween(asking, other);
  if (family === undefined)
    return [settled(what, "cannot say", `it and ${nameOf(other)} have no addresses of one family`)];
  return [wanted(what, asking.subject, partyOf(other), { family })];
}

/** `--from-pod`. */
export async function fromPod(
  asking: Asking,
  { pod: name, at }: Extract<Question, { kind: "from-pod" }>,
): Promise<readonly Target[]> {
  const other = await lookForPod(asking.api, name);
  const why = notThere(other);
  const family = familyBetween(asking, other);
  return portsOf(asking.facts.pod, at).map(({ protocol, port }) => {
    const what = {
      asked: "from-pod",
      title: `from pod ${nameOf(other)} to ${protocol} ${port}`,
      protocol,
      port,
    } as const;
    if (why !== undefined) return settled(what, "does not reach", why);
    if (family === undefined)
      return settled(what, "cannot say", `it and ${nameOf(other)} have no addresses of one family`);
    return wanted(what, partyOf(other), asking.subject, { family });
  });
}

/** `--from-node`. */
export function fromNode(
  { facts: { pod }, subject }: Asking,
  { at }: Extract<Question, { kind: "from-node" }>,
): readonly Wanted[] {
  const [family = 4] = familiesOf(pod);
  return portsOf(pod, at).map(({ protocol, port }) =>
    wanted(
      { asked: "from-node", title: `from node ${pod.node} to ${protocol} ${port}`, protocol, port },
      { kind: "node", name: pod.node },
      subject,
      { family },
    ),
  );
}

/** kubelet's, which are all by tcp. */
export function probes({ facts: { pod }, subject }: Asking): Targets {
  const [family = 4] = familiesOf(pod);
  const ports = [...new Set(pod.allProbes.flatMap(({ port }) => port ?? []))].toSorted((a, b) => a - b);
  const nameless = pod.allProbes.filter(({ port }) => port === undefined);
  return {
    targets: ports.map((port) => {
      const kinds = [...new Set(pod.allProbes.filter((one) => one.port === port).map(({ kind }) => kind))];
      return wanted(
        {
          asked: "probe",
          title: `kubelet's ${kinds.join(" and ")} probe to tcp ${port}`,
          protocol: "tcp",
          port,
        },
        { kind: "node", name: pod.node },
        subject,
        { family },
      );
    }),
    notes: [
      ...(ports.length === 0 ? ["probes: it has none over the network"] : []),
      ...nameless.map(({ kind }) => `probes: the ${kind} probe names a port that no container has`),
    ],
  };
}

/** What was asked, or what the pod says it has. */
function portsOf({ allPorts, allProbes }: ExplainedPod, at: Port | undefined): readonly Port[] {
  if (at !== undefined) return [at];
  const declared = allPorts.flatMap(({ protocol, port }): Port[] =>
    protocol === "TCP" || protocol === "UDP" ? [{ protocol: protocol === "UDP" ? "udp" : "tcp", port }] : [],
  );
  const probed = allProbes.flatMap(({ port }): Port[] =>
    port === undefined ? [] : [{ protocol: "tcp", port }],
  );
  const all = [...declared, ...probed];
  if (all.length === 0) throw new UsageError("the pod declares no port: give one with --port");
  return all.filter(
    (one, i) => all.findIndex(({ protocol, port }) => protocol === one.protocol && port === one.port) === i,
  );
}

function notThere(pod: ExplainedPod): string | undefined {
  if (isFinished(pod)) return `pod ${nameOf(pod)} has ended`;
  if (pod.usesHostNetwork && pod.node !== "") return undefined;
  return familiesOf(pod).length === 0 ? `pod ${nameOf(pod)} has no address yet` : undefined;
}

function familyBetween({ facts: { pod } }: Asking, other: ExplainedPod): 4 | 6 | undefined {
  if (other.usesHostNetwork || pod.usesHostNetwork)
    return familiesOf(pod.usesHostNetwork ? other : pod)[0] ?? 4;
  return commonFamily(pod, other);
}
