import { statSync } from "node:fs";
import { kernelFor, type Node, reopen } from "../../attachment/node.ts";
import { localRulePlace } from "../../datapath/local-rule.ts";
import { differences, lasting } from "../../datapath/verify.ts";
import { readTrunk, socketProblemOf, stateProblemOf } from "../../doctor/local/read.ts";
import { look } from "../../doctor/local/look.ts";
import type { AttachmentRecord } from "../../state/record.ts";
import { type AttachmentKey, AttachmentStore } from "../../state/store.ts";
import { systemClock } from "../../sys/clock.ts";
import type { IpFamily } from "../../values/ip.ts";
import { messageOf } from "../../text/error-words.ts";
import type { DeviceFact, FoundInKernel, KeptRecord, LocalRuleFact, NodeFacts, RecordFact } from "./facts.ts";

const FAMILIES: readonly IpFamily[] = [4, 6];

/** Takes no lock, so an ADD or DEL may be under way meanwhile. Changes nothing. */
export function readNode(stateDirectory: string, now: number): NodeFacts {
  const node: Node = { store: new AttachmentStore(stateDirectory, systemClock), clock: systemClock };
  return {
    now,
    stateProblem: look(stateDirectory, () => stateProblemOf(stateDirectory)),
    socketProblem: look("agent's socket", () => socketProblemOf(stateDirectory)),
    trunk: look("trunk", () => readTrunk(stateDirectory)),
    records: look("records", () => readRecords(node)),
    devices: look("devices", () => readDevices(node)),
    localRules: look("rules", () => readLocalRules(node)),
  };
}

function readRecords(node: Node): readonly RecordFact[] {
  const { store } = node;
  return store.keys().flatMap((key) => store.vlanIdsOf(key).flatMap((vlan) => readRecord(node, key, vlan)));
}

/** None when a DEL has removed it since. */
function readRecord(node: Node, key: AttachmentKey, vlan: number): readonly RecordFact[] {
  const { store } = node;
  const file = `${vlan}:${key.containerId}:${key.ifName}.json`;
  const path = `${store.stateDirectory}/attachments/${file}`;
  const writtenAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (writtenAt === undefined) return [];
  try {
    const record = store.find(key);
    if (record === undefined) return [];
    return [{ file, vlan, writtenAt, record: kept(record), found: inKernel(node, record) }];
  } catch (error) {
    return [{ file, vlan, writtenAt, record: { why: messageOf(error) }, found: undefined }];
  }
}

function kept({
  containerId,
  ifName,
  pod,
  eniId,
  vlanId,
  addresses,
  datapath,
  mode,
  trunk,
}: AttachmentRecord): KeptRecord {
  return { containerId, ifName, pod, eniId, vlanId, addresses, datapath, mode, trunk };
}

function inKernel(node: Node, record: AttachmentRecord): FoundInKernel | undefined {
  using namespace = reopen(node, record);
  if (namespace === undefined) return undefined;
  using kernel = kernelFor(node, namespace);
  const found = differences(kernel, record.steps);
  const rules = lasting(record.steps).filter(({ kind }) => kind === "rule").length;
  const without = found.filter(({ operation }) => operation.kind === "rule").length;
  return {
    differences: [...new Set(found.map(({ text }) => text))],
    rules: { wanted: rules, found: rules - without },
  };
}

function readDevices(node: Node): readonly DeviceFact[] {
  using kernel = kernelFor(node, undefined);
  return kernel
    .allLinks("node", { kind: "vlan" })
    .flatMap(({ name, vlan, up }) => (vlan === undefined ? [] : [{ name, vlan: vlan.id, isUp: up }]));
}

function readLocalRules(node: Node): readonly LocalRuleFact[] {
  using kernel = kernelFor(node, undefined);
  return FAMILIES.flatMap((family) => {
    const place = localRulePlace(kernel, family);
    return place === undefined ? [] : [{ family, place }];
  });
}
