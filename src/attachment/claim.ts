import { DatapathError } from "../datapath/error.ts";
import { type Node, reopen } from "./node.ts";
import { type AttachmentRecord, type PodIdentity, podName } from "../state/record.ts";

/**
 * Who may have a VLAN id. EC2 has one branch per VLAN id of a trunk, but an annotation is only a claim: it may be stale
 * or forged. So nothing is taken from a living pod unless the API server says that it is gone.
 */

/** Which pod asks for a VLAN id, and with which branch. */
export type Claim = Pick<
  AttachmentRecord,
  "containerId" | "ifName" | "pod" | "eniId" | "vlanId" | "mac" | "addresses"
>;

/** What judging a claim needs besides the records. */
export interface Witness {
  /** Whether the API server says that this pod is gone; only a yes counts. */
  readonly podIsGone?: (pod: PodIdentity) => boolean;
  readonly warn?: (message: string) => void;
}

export function isSameSandbox(record: AttachmentRecord, claim: Claim): boolean {
  return record.containerId === claim.containerId && record.ifName === claim.ifName;
}

/**
 * A container has one branch. For a sandbox's second interface (multus, or several configuration lists) the runtime
 * passes the same annotations. DatapathError `config` when one of the records is of another interface of the container.
 */
export function requireOnlyInterface(
  node: Node,
  records: readonly AttachmentRecord[],
  { containerId, ifName, pod, vlanId, eniId }: Claim,
): void {
  const other = records.find(
    (record) => record.containerId === containerId && record.ifName !== ifName && lives(node, record),
  );
  if (other === undefined) return;
  throw new DatapathError(
    "config",
    `the branch of ${podName(pod)} is held by ${other.ifName} of this container ${containerId} already (VLAN id ${other.vlanId}, ${other.eniId}): ${ifName} cannot have VLAN id ${vlanId} (${eniId}); a sandbox has only one branch`,
  );
}

/**
 * DatapathError `held` when the record of the claim's VLAN id is of another living pod that the API server still has.
 */
export function requireFree(node: Node, record: AttachmentRecord, claim: Claim, witness: Witness): void {
  if (isRetry(record, claim) || !lives(node, record)) return;
  const shared = sharedWith(record, claim);
  const { podIsGone = () => false, warn = () => undefined } = witness;
  // A pod that claims the other's own ENI, MAC or address is no successor. Without a name the API server cannot be
  // asked.
  const hasGone = shared === undefined && record.pod.name !== undefined && podIsGone(record.pod);
  if (!hasGone) throw held(record, claim, shared);
  warn(
    `VLAN id ${record.vlanId} is taken from ${holderOf(record)}, which the API server no longer has, and given to ${claimantOf(claim)}`,
  );
}

/**
 * DatapathError `held` when a living pod has the claim's ENI, MAC or address under another VLAN id, `config` when
 * another interface of the container has a branch. Only records whose text contains one of these are parsed, which is
 * hardly ever any. Calls under different VLAN ids share no lock: what is returned, called once the claim's own record is
 * written, throws the same for what has been recorded since. So of two that claim the same, one sees the other.
 */
export function requireUnshared(node: Node, claim: Claim): () => void {
  const { containerId, eniId, mac, addresses } = claim;
  const texts = [containerId, eniId, mac, ...addresses].map((text) => JSON.stringify(text));
  const seen = new Set<string>();
  requireNoneShares(node, node.store.mentioning(texts, seen), claim);
  return () => requireNoneShares(node, node.store.since(seen, claim), claim);
}

function requireNoneShares(node: Node, records: readonly AttachmentRecord[], claim: Claim): void {
  requireOnlyInterface(node, records, claim);
  for (const record of records) {
    if (record.vlanId === claim.vlanId || isRetry(record, claim)) continue;
    const shared = sharedWith(record, claim);
    if (shared !== undefined && lives(node, record)) throw held(record, claim, shared);
  }
}

/**
 * The same sandbox's interface, or the same pod's earlier sandbox: successive pods of a StatefulSet differ only in
 * their UID.
 */
function isRetry(record: AttachmentRecord, claim: Claim): boolean {
  if (record.containerId === claim.containerId) return record.ifName === claim.ifName;
  return record.pod.uid !== undefined && record.pod.uid === claim.pod.uid;
}

/** What both have although only one branch can have it. */
function sharedWith(record: AttachmentRecord, claim: Claim): string | undefined {
  if (record.eniId === claim.eniId) return claim.eniId;
  if (record.mac === claim.mac) return `MAC ${claim.mac}`;
  const address = claim.addresses.find((one) => record.addresses.includes(one));
  return address === undefined ? undefined : `address ${address}`;
}

function lives(node: Node, record: AttachmentRecord): boolean {
  using namespace = reopen(node, record);
  return namespace !== undefined;
}

/** Names both pods, so that a forged annotation can be traced. */
function held(record: AttachmentRecord, claim: Claim, shared: string | undefined): DatapathError {
  const what = shared === undefined || shared === record.eniId ? "" : ` with ${shared}`;
  return new DatapathError(
    "held",
    `VLAN id ${record.vlanId} (${record.eniId})${what} is held by ${holderOf(record)}, which is alive in namespace ${record.namespace.path}; asked for by ${claimantOf(claim)}`,
  );
}

function holderOf({ pod, containerId }: AttachmentRecord): string {
  return `${podName(pod)}, container ${containerId}`;
}

/** For messages: the pod that asks. */
export function claimantOf({ pod, containerId, vlanId, eniId }: Claim): string {
  return `${podName(pod)}, container ${containerId}, with VLAN id ${vlanId} (${eniId})`;
}
