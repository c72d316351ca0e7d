import { fieldsOf, textOf } from "../kubernetes/fields.ts";
import { EVENTS } from "../kubernetes/events.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { type Api, listFact } from "./api.ts";
import { type Fact, known } from "./fact.ts";

/** Events about pods, nodes and policies. */

export interface EventFact {
  /** What it is about. */
  readonly about: {
    readonly kind: string;
    /** Empty for what has none. */
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  };
  /** Normal or Warning. */
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  /** Who says it, such as branchline-controller, vpc-resource-controller or kubelet. */
  readonly component: string;
  /** RFC 3339; events of the newer kind have fractions of a second. */
  readonly at: string;
}

/** Who says something of branches. */
const SOURCES = ["branchline-controller", "branchline-agent", "vpc-resource-controller"];
/** kubelet's, when a plugin has failed. */
const NO_SANDBOX = "FailedCreatePodSandBox";

/** What was said about branches, in a namespace or everywhere, the newest last. */
export async function readBranchEvents(api: Api, namespace?: string): Promise<Fact<readonly EventFact[]>> {
  const scope = namespace === undefined ? {} : { namespace };
  const selectors = [...SOURCES.map((source) => `source=${source}`), `reason=${NO_SANDBOX}`];
  const lists = await Promise.all(
    selectors.map((fieldSelector) => listFact(api, EVENT_FACTS, { ...scope, fieldSelector })),
  );
  const events: EventFact[] = [];
  for (const list of lists) {
    if (!list.known) return list;
    events.push(...list.value);
  }
  return known(sorted(events));
}

/** What anybody said about one object, the newest last. */
export async function readEventsOf(
  api: Api,
  { kind, namespace, name }: Pick<EventFact["about"], "kind" | "namespace" | "name">,
): Promise<Fact<readonly EventFact[]>> {
  const fieldSelector = `involvedObject.kind=${kind},involvedObject.name=${name}`;
  // Those of nodes are in the namespace default.
  const list = await listFact(api, EVENT_FACTS, {
    namespace: namespace === "" ? "default" : namespace,
    fieldSelector,
  });
  return list.known ? known(sorted(list.value)) : list;
}

function sorted(events: readonly EventFact[]): readonly EventFact[] {
  // Texts of one form are in the order of their times, but for fractions of a second.
  return events.toSorted((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)));
}

export const EVENT_FACTS: Resource<EventFact> = {
  ...EVENTS,
  read(object) {
    const event = fieldsOf(object);
    const about = fieldsOf(event["involvedObject"]);
    const component = textOf(fieldsOf(event["source"])["component"]) ?? "";
    return {
      about: {
        kind: textOf(about["kind"]) ?? "",
        namespace: textOf(about["namespace"]) ?? "",
        name: textOf(about["name"]) ?? "",
        uid: textOf(about["uid"]) ?? "",
      },
      type: textOf(event["type"]) ?? "",
      reason: textOf(event["reason"]) ?? "",
      message: textOf(event["message"]) ?? "",
      component: component === "" ? (textOf(event["reportingComponent"]) ?? "") : component,
      at: textOf(event["lastTimestamp"]) ?? textOf(event["eventTime"]) ?? "",
    };
  },
};
