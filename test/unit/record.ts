import { type AttachmentRecord, RECORD_VERSION } from "../../src/state/record.ts";

/** A pod's record, with these fields in place of the usual ones. Its namespace is nowhere. */
export function recordOf(fields: Partial<AttachmentRecord> = {}): AttachmentRecord {
  return {
    version: RECORD_VERSION,
    containerId: "c1",
    ifName: "eth0",
    network: "aws-cni",
    pod: { uid: "u1", namespace: "default", name: "web-0" },
    eniId: "eni-1",
    mac: "02:b1:00:00:00:07",
    vlanId: 7,
    addresses: ["10.0.0.20"],
    namespace: { path: "/run/netns/x", identity: "4:1" },
    datapath: "direct",
    mode: "standard",
    trunk: { name: "eth1", index: 3, mac: "02:00:00:00:00:11" },
    hostInterfaceName: "host0",
    steps: [],
    ...fields,
  };
}
