import type { KubernetesClient, PatchStep } from "../kubernetes/client.ts";
import { fieldsOf, itemsOf } from "../kubernetes/fields.ts";
import { KubernetesError } from "../kubernetes/error.ts";
import { CNI_NODES, INSTANCE_ANNOTATION, NODES, POD_ENI, TRUNK_ANNOTATION } from "../kubernetes/objects.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { type Conditions, timesOf, withTimes } from "./conditions.ts";
import { AGENT_TAINT, SEEN_CNI_NODES } from "./objects.ts";
import type { NodePort } from "./ports.ts";

const QUANTITY = POD_ENI.replaceAll("/", "~1");

/** An object as the API server has it. */
const RAW_NODES: Resource<unknown> = { ...NODES, read: (object) => object };
const RAW_CNI_NODES: Resource<unknown> = { ...CNI_NODES, read: (object) => object };

/** Nodes and CNINodes through the API server. Each write is for the object of one UID and no other. */
export function nodePort(client: KubernetesClient, wallClock: () => number): NodePort {
  return {
    async createCniNode({ name, uid, instance }, signal) {
      await client.create(CNI_NODES, undefined, cniNodeOf(name, uid, instance), signal);
    },
    async deleteCniNode({ name, uid }, signal) {
      await client.delete(CNI_NODES, { name }, uid, signal);
    },
    async setCniStatus({ name, uid }, status, signal) {
      const before = fieldsOf(fieldsOf(await client.get(RAW_CNI_NODES, { name }, signal))["status"]);
      const value = withTimes(JSON.parse(status) as Conditions, timesOf(before), wallClock());
      const steps: readonly PatchStep[] = [isSame(uid), { op: "add", path: "/status", value }];
      const after = await client.patch(SEEN_CNI_NODES, { name }, steps, signal, "status");
      // What it does not keep would be written again with each decision.
      if (after.status === status) return;
      const words = "the API server keeps another status than was written: its CRD may be older";
      throw new KubernetesError("invalid", `PATCH cninodes/status ${name}`, words);
    },
    async setCapacity({ name, uid }, capacity, alsoAllocatable, signal) {
      const fields = alsoAllocatable ? ["capacity", "allocatable"] : ["capacity"];
      const steps = fields.map((field): PatchStep => {
        return { op: "add", path: `/status/${field}/${QUANTITY}`, value: String(capacity) };
      });
      await client.patch(RAW_NODES, { name }, [isSame(uid), ...steps], signal, "status");
    },
    async removeTaint({ name, uid }, signal) {
      const node = fieldsOf(await client.get(RAW_NODES, { name }, signal));
      const taints = itemsOf(fieldsOf(node["spec"])["taints"]);
      const value = taints.filter((taint) => fieldsOf(taint)["key"] !== AGENT_TAINT);
      if (value.length === taints.length) return;
      await client.patch(
        RAW_NODES,
        { name },
        [
          isSame(uid),
          { op: "test", path: "/spec/taints", value: taints },
          { op: "replace", path: "/spec/taints", value },
        ],
        signal,
      );
    },
    async annotateTrunk({ name, uid }, text, signal) {
      const node = await client.get(NODES, { name }, signal);
      if (node.metadata.uid !== uid)
        throw new KubernetesError("conflict", `GET node ${name}`, "another Node has its name");
      // kubelet and others always annotate a Node, so the map is there.
      const path = `/metadata/annotations/${TRUNK_ANNOTATION.replaceAll("/", "~1")}`;
      await client.patch(NODES, { name }, [isSame(uid), { op: "add", path, value: text }], signal);
    },
  };
}

function isSame(uid: string): PatchStep {
  return { op: "test", path: "/metadata/uid", value: uid };
}

function cniNodeOf(name: string, uid: string, instance: string): object {
  return {
    apiVersion: `${CNI_NODES.group}/${CNI_NODES.version}`,
    kind: CNI_NODES.kind,
    metadata: {
      name,
      annotations: { [INSTANCE_ANNOTATION]: instance },
      ownerReferences: [{ apiVersion: "v1", kind: "Node", name, uid }],
    },
    spec: { managedBy: "branchline" },
  };
}
