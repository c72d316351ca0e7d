import { FEATURE } from "../../src/agent/feature.ts";
import { POD_ENI_ANNOTATION } from "../../src/ipam/annotation.ts";
import { POD_ENI } from "../../src/kubernetes/objects.ts";
import { BEGINNING, type ApiObject, type ModelApiServer } from "./api-server.ts";
import type { Circumstances } from "./circumstances.ts";
import type { Judge } from "./judge.ts";
import type { Kubelet } from "./kubelet.ts";
import { NODE, type ModelNode } from "./node.ts";

const NAMESPACE = "shop";
/** ServiceAccounts with their labels. */
const ACCOUNTS = { cashier: { team: "till" }, clerk: { team: "other" } } as const;
/** Either selects the pods with the label app=web, whose ServiceAccount is cashier. */
const SELECTORS = {
  pod: { podSelector: { matchLabels: { app: "web" } } },
  account: { serviceAccountSelector: { matchLabels: ACCOUNTS.cashier } },
} as const;
/** Between two things that a person does. */
const PERSON_MS = 300;
/** EKS: from the feature to the trunk, and from a pod's binding to its annotation. */
const TRUNK_MS = 2_000;
const BRANCH_MS = 1_500;

/** Who makes what in the API server: persons, the webhook, the scheduler, EKS' controller. */
export class Cluster {
  private readonly api: ModelApiServer;
  private readonly node: ModelNode;
  private readonly kubelet: Kubelet;
  private readonly judge: Judge;
  private readonly circumstances: Circumstances;
  /** When the policy was made. */
  private policySince: number | undefined;
  private hasTrunkStarted = false;
  private isTrunkUnderWay = false;
  private hasCapacity = false;
  /** UIDs of the pods that have a branch, or will have one in a moment. */
  private readonly served = new Set<string>();
  private branches = 0;
  /** What persons do once the API server is there. */
  private readonly toDo: (() => void)[] = [];
  private isSyncDue = false;

  constructor(
    api: ModelApiServer,
    { node, kubelet, judge }: { node: ModelNode; kubelet: Kubelet; judge: Judge },
    circumstances: Circumstances,
  ) {
    this.api = api;
    this.node = node;
    this.kubelet = kubelet;
    this.judge = judge;
    this.circumstances = circumstances;
    for (const [name, labels] of Object.entries(ACCOUNTS))
      api.put("serviceaccounts", { metadata: { namespace: NAMESPACE, name, labels } });
  }

  /** Something has changed: everybody looks at it a moment later. */
  notice(): void {
    if (this.isSyncDue) return;
    this.isSyncDue = true;
    this.node.clock.after(this.circumstances.reaction, () => {
      this.isSyncDue = false;
      this.sync();
    });
  }

  makePolicy(): void {
    this.byHand(() => {
      this.node.trace(() => "the policy is made");
      this.policySince = this.node.clock.now;
      for (const story of this.judge.stories) story.isOfOneSecond ||= this.isSameSecond(story.uid);
      this.api.put("securitygrouppolicies", {
        metadata: { namespace: NAMESPACE, name: "web" },
        spec: { ...SELECTORS[this.circumstances.selector], securityGroups: { groupIds: ["sg-1"] } },
      });
    });
  }

  /** One that the webhook sees, one that it does not (failurePolicy is Ignore), and one that no policy selects. */
  makePods(): void {
    this.byHand(() => {
      this.makePod("web", "web", true);
      this.makePod("till", "web", false);
      this.makePod("plain", "plain", true);
    });
  }

  startTrunk(): void {
    this.hasTrunkStarted = true;
    if (this.circumstances.trunk !== "asked") this.node.trunkSince = this.node.clock.now;
    this.notice();
  }

  /** A person does as the reasons say: what is refused or has escaped is deleted, and its owner makes another. */
  replaceUnprotected(names: ReadonlySet<string>): void {
    this.byHand(() => {
      const replaced = this.judge.stories.filter(({ name }) => names.has(name));
      for (const story of replaced) {
        story.isDeleted = true;
        this.api.delete("pods", story.name, NAMESPACE);
        this.makePod(`${story.name}-again`, "web", true, 0);
      }
      this.makePod("late", "web", true, 0);
    });
  }

  private makePod(
    name: string,
    app: string,
    isWebhookUp: boolean,
    webhookLag = this.circumstances.webhookLag,
  ): void {
    const { clock } = this.node;
    const isSelected = app === "web" && this.policySince !== undefined;
    const policyAge = clock.now - (this.policySince ?? 0);
    const hasLimit = isSelected && isWebhookUp && policyAge >= webhookLag;
    this.node.trace(
      () => `pod ${name} is made${isSelected ? ", selected" : ""}${hasLimit ? ", with the limit" : ""}`,
    );
    const { metadata } = this.api.put("pods", {
      metadata: { namespace: NAMESPACE, name, labels: { app } },
      spec: {
        serviceAccountName: app === "web" ? "cashier" : "clerk",
        containers: [{ name: "app", resources: hasLimit ? { limits: { [POD_ENI]: "1" } } : {} }],
      },
      status: { phase: "Pending" },
    });
    this.judge.stories.push({
      name,
      uid: metadata.uid ?? "",
      isSelected,
      isOfOneSecond: false,
      hasLimit,
      eniId: undefined,
      runs: undefined,
      failure: undefined,
      refusal: undefined,
      reportedAt: undefined,
      isDeleted: false,
    });
  }

  private isSameSecond(uid: string): boolean {
    const pod = this.api.list("pods").find(({ metadata }) => metadata.uid === uid);
    const now = new Date(BEGINNING + this.node.clock.now).toISOString().slice(0, 19);
    return pod?.metadata.creationTimestamp === `${now}Z`;
  }

  private byHand(act: () => void): void {
    this.toDo.push(act);
    if (this.toDo.length === 1) this.doNext();
  }

  private doNext(): void {
    const act = this.toDo[0];
    if (act === undefined) return;
    if (this.api.isUp) {
      act();
      this.toDo.shift();
    }
    if (this.toDo.length > 0) this.node.clock.after(PERSON_MS, () => this.doNext());
  }

  private sync(): void {
    this.kubelet.sync();
    if (!this.api.isUp) return;
    this.keepCniNode();
    this.keepTrunk();
    for (const pod of this.api.list("pods")) this.schedule(pod);
  }

  private keepCniNode(): void {
    const { api } = this;
    if (api.get("cninodes", NODE) !== undefined || api.get("nodes", NODE) === undefined) return;
    const isLeft = this.circumstances.trunk === "left";
    api.put("cninodes", { metadata: { name: NODE }, spec: isLeft ? { features: [{ name: FEATURE }] } : {} });
  }

  private keepTrunk(): void {
    const { api, node } = this;
    const cniNode = api.get("cninodes", NODE);
    if (cniNode === undefined || !this.hasTrunkStarted) return;
    if (node.trunkSince === undefined) {
      if (this.isTrunkUnderWay || !hasFeature(cniNode)) return;
      this.isTrunkUnderWay = true;
      node.clock.after(TRUNK_MS, () => {
        node.trace(() => "EC2 attaches the trunk");
        node.trunkSince = node.clock.now;
        this.notice();
      });
      return;
    }
    this.hasCapacity = true;
    if (this.circumstances.trunkSaidBy === "CNINode" && cniNode["status"] === undefined)
      api.put("cninodes", { ...cniNode, status: { trunkInterface: node.trunkStatus } });
  }

  private schedule(pod: ApiObject): void {
    const story = this.judge.stories.find(({ uid }) => uid === pod.metadata.uid);
    if (story === undefined) return;
    const spec = pod["spec"] as { readonly nodeName?: string };
    if (spec.nodeName === undefined) {
      if (!this.kubelet.isReady || (story.hasLimit && !this.hasCapacity)) return;
      this.api.put("pods", { ...pod, spec: { ...spec, nodeName: NODE } });
    } else if (story.hasLimit && this.hasCapacity && !this.served.has(story.uid)) {
      this.served.add(story.uid);
      this.node.clock.after(BRANCH_MS, () => this.annotate(story.name, story.uid));
    }
  }

  private annotate(name: string, uid: string): void {
    const pod = this.api.get("pods", name, NAMESPACE);
    const story = this.judge.stories.find((one) => one.uid === uid);
    if (pod?.metadata.uid !== uid || story === undefined) return;
    if (!this.api.isUp) {
      this.served.delete(uid);
      return;
    }
    this.branches += 1;
    const vlanId = this.branches;
    const eniId = `eni-0b${String(vlanId).padStart(15, "0")}`;
    story.eniId = eniId;
    const ifAddress = `02:b1:00:00:00:${vlanId.toString(16).padStart(2, "0")}`;
    const branch = { eniId, ifAddress, privateIp: `10.0.0.${vlanId}`, vlanId, subnetCidr: "10.0.0.0/24" };
    this.node.trace(() => `EKS gives pod ${name} ${eniId}`);
    this.api.put("pods", {
      ...pod,
      metadata: { ...pod.metadata, annotations: { [POD_ENI_ANNOTATION]: JSON.stringify([branch]) } },
    });
  }
}

function hasFeature(cniNode: ApiObject): boolean {
  const { features = [] } = cniNode["spec"] as { readonly features?: readonly { readonly name: string }[] };
  return features.some(({ name }) => name === FEATURE);
}
