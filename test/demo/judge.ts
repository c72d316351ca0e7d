// From what commands printed to the words of a row. Nothing else is known here, so that the files which the demo keeps are
// enough to judge it again.
import { words } from "./expectations.ts";

/** A pod, as far as judges look, out of `kubectl get pod -o json`. */
interface PodJson {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status: {
    readonly podIP?: string;
    readonly containerStatuses?: readonly {
      readonly started?: boolean;
      readonly restartCount: number;
      readonly state: { readonly waiting?: object };
    }[];
  };
}

interface BranchJson {
  readonly eniId: string;
  readonly privateIp: string;
}

/** What psql printed, as the container's log or a command's output has it; `pod` is the pod in JSON. */
export function query(printed: string, pod: string): string {
  if (/timeout expired/.test(printed)) return words.timedOut;
  const count = /\((\d+) rows?\)/.exec(printed)?.[1];
  if (count === undefined) return lastLine(printed);
  const seenAs = /seen as\s+-+\s+(\S+)/.exec(printed)?.[1];
  const { status, ...rest } = JSON.parse(pod) as PodJson;
  if (seenAs !== undefined && seenAs === branchOf(rest)?.privateIp)
    return words.rows(Number(count), "its branch");
  const isPod = seenAs !== undefined && seenAs === status.podIP;
  return words.rows(Number(count), isPod ? "its address on the node" : "somebody else");
}

/** The last line of `branchline explain`, without addresses and with groups by the names that it has said before. */
export function explained(printed: string): string {
  const names = new Map(
    [...printed.matchAll(/(sg-\w+) \(([a-z][\w-]*)\)/g)].map(([, id, name]) => [id, name]),
  );
  return lastLine(printed)
    .replace(/ \([\d.]+\)$/, "")
    .replace(/sg-\w+/g, (id) => names.get(id) ?? id);
}

/**
 * A pod that had to wait. `meanwhile` is the pod in JSON while EC2 held its branch back, `log` the plugin's log after it had
 * started, `events` the pod's events.
 */
export function late(meanwhile: string, events: string, log: string): string {
  const pod = JSON.parse(meanwhile) as PodJson;
  if (hasStarted(pod)) return "starts without its branch";
  const adds = log
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { verb?: string; podUid?: string; outcome?: string })
    .filter(({ verb, podUid }) => verb === "ADD" && podUid === pod.metadata.uid);
  const outcomes = adds.map(({ outcome = "refused" }) => outcome);
  if (outcomes.join() !== "attached") return `waits, but its ADDs were: ${outcomes.join(", ") || "none"}`;
  return events.includes("BranchLate") ? words.late : "waits, but no event says so";
}

/** The interface that a pod's annotation names. `interfaces` is DescribeNetworkInterfaces' answer. */
export function branch(pod: string, interfaces: string): string {
  const eni = branchOf(JSON.parse(pod) as PodJson)?.eniId;
  if (eni === undefined) return "no branch";
  const item = itemOf(eni, interfaces);
  if (item === undefined) return `EC2 does not know ${eni}`;
  const type = /<interfaceType>(.*?)</.exec(item)?.[1];
  if (type !== "branch") return `an interface of type ${type}`;
  return words.branch(groupsOf(item, "groupName"));
}

/** The ids of the groups that the interface of the pod's annotation has. */
export function groupIds(pod: string, interfaces: string): readonly string[] {
  const eni = branchOf(JSON.parse(pod) as PodJson)?.eniId;
  const item = eni === undefined ? undefined : itemOf(eni, interfaces);
  return item === undefined ? [] : groupsOf(item, "groupId");
}

export function annotation(pod: string, interfaces: string): string {
  const { metadata, status } = JSON.parse(pod) as PodJson;
  const named = branchOf({ metadata });
  if (named === undefined) return "none";
  const item = itemOf(named.eniId, interfaces);
  const address = /<privateIpAddress>(.*?)</.exec(item ?? "")?.[1];
  if (named.privateIp !== address)
    return `names ${named.privateIp}, EC2 has ${address ?? "no such interface"}`;
  return status.podIP === address ? words.annotated : `the pod has ${status.podIP ?? "no address"}`;
}

/** Whether a new pod has started, from the pod in JSON. */
export function started(pod: string): string {
  return hasStarted(JSON.parse(pod) as PodJson) ? "has started" : words.waits;
}

/** The same pod, without a restart in between: the words for its query, or what happened to it. */
export function samePod(before: string, after: string, printed: string): string {
  const [then, now] = [before, after].map((text) => JSON.parse(text) as PodJson);
  if (then?.metadata.uid !== now?.metadata.uid) return "it is another pod";
  if (restartsOf(then) !== restartsOf(now)) return "it was restarted";
  return query(printed, after);
}

/** What is left on a node. `records` is a listing of its attachments, `links` is `ip -d -o link`. */
export function leftOnNode(records: string, links: string): string {
  const files = records.split("\n").filter((line) => line.endsWith(".json")).length;
  const devices = links.split("\n").filter((line) => /\b(vlan|macvlan)\b/.test(line)).length;
  return files + devices === 0 ? words.onNode : `${files} records, ${devices} devices`;
}

/** What is left in EC2. */
export function leftInEc2(interfaces: string): string {
  const types = interfaceItems(interfaces).map((item) => /<interfaceType>(.*?)</.exec(item)?.[1]);
  const count = (wanted: string) => types.filter((type) => type === wanted).length;
  return words.inEc2(count("trunk"), count("branch"));
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}

function branchOf({ metadata }: Pick<PodJson, "metadata">): BranchJson | undefined {
  const text = metadata.annotations?.["vpc.amazonaws.com/pod-eni"];
  return text === undefined ? undefined : (JSON.parse(text) as [BranchJson])[0];
}

function hasStarted({ status: { podIP, containerStatuses = [] } }: PodJson): boolean {
  return (
    podIP !== undefined ||
    containerStatuses.some(({ state, restartCount }) => restartCount > 0 || state.waiting === undefined)
  );
}

function restartsOf(pod: PodJson | undefined): number | undefined {
  return pod?.status.containerStatuses?.[0]?.restartCount;
}

function itemOf(eni: string, interfaces: string): string | undefined {
  return interfaceItems(interfaces).find((text) => text.includes(`<networkInterfaceId>${eni}<`));
}

function groupsOf(item: string, field: "groupId" | "groupName"): readonly string[] {
  const set = /<groupSet>(.*?)<\/groupSet>/s.exec(item)?.[1] ?? "";
  return [...set.matchAll(new RegExp(`<${field}>(.*?)<`, "g"))].map(([, text = ""]) => text);
}

/** Each interface of an answer, but for what is nested in it: an item that has an id of its own. */
function interfaceItems(xml: string): string[] {
  return xml
    .split("<networkInterfaceId>")
    .slice(1)
    .map((rest) => `<networkInterfaceId>${rest}`);
}
