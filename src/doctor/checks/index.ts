import type { Check } from "../check.ts";
import { instanceType } from "./bl001-instance-type.ts";
import { trunkSlot } from "./bl002-trunk-slot.ts";
import { feature } from "./bl003-feature.ts";
import { trunk } from "./bl004-trunk.ts";
import { agent } from "./bl005-agent.ts";
import { listRepairs } from "./bl006-list-repairs.ts";
import { webhook } from "./bl007-webhook.ts";
import { guards } from "./bl008-guards.ts";
import { uninstallGuard } from "./bl009-uninstall-guard.ts";
import { groupsExist } from "./bl010-groups-exist.ts";
import { groupQuota } from "./bl011-group-quota.ts";
import { dns } from "./bl012-dns.ts";
import { probes } from "./bl013-probes.ts";
import { nodeAgents } from "./bl014-node-agents.ts";
import { ipvs } from "./bl015-ipvs.ts";
import { networkPolicies } from "./bl016-network-policies.ts";
import { nat } from "./bl017-nat.ts";
import { freeAddresses } from "./bl018-free-addresses.ts";
import { leaked } from "./bl019-leaked.ts";
import { vlanTwice } from "./bl020-vlan-twice.ts";
import { versions } from "./bl021-versions.ts";
import { unprotected } from "./bl022-unprotected.ts";
import { otherGroups } from "./bl023-other-groups.ts";
import { awsCni } from "./bl024-aws-cni.ts";
import { controller } from "./bl025-controller.ts";
import { waiting } from "./bl026-waiting.ts";
import { policiesDecide } from "./bl027-policies.ts";
import { platform } from "./bl028-platform.ts";
import { list } from "./bl029-list.ts";
import { plugin } from "./bl030-plugin.ts";
import { state } from "./bl031-state.ts";
import { socket } from "./bl032-socket.ts";
import { trunkDevice } from "./bl033-trunk-device.ts";
import { status } from "./bl034-status.ts";
import { earlyDemux } from "./bl035-early-demux.ts";
import { localRule } from "./bl036-local-rule.ts";
import { awsNodeHere } from "./bl037-aws-node-here.ts";
import { records } from "./bl038-records.ts";

/** All checks, in the order of their codes. A test compares them with this folder and with docs/doctor.md. */
export const CHECKS: readonly Check[] = [
  instanceType,
  trunkSlot,
  feature,
  trunk,
  agent,
  listRepairs,
  webhook,
  guards,
  uninstallGuard,
  groupsExist,
  groupQuota,
  dns,
  probes,
  nodeAgents,
  ipvs,
  networkPolicies,
  nat,
  freeAddresses,
  leaked,
  vlanTwice,
  versions,
  unprotected,
  otherGroups,
  awsCni,
  controller,
  waiting,
  policiesDecide,
  platform,
  list,
  plugin,
  state,
  socket,
  trunkDevice,
  status,
  earlyDemux,
  localRule,
  awsNodeHere,
  records,
];
