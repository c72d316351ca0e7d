import { kernelFor } from "../../attachment/node.ts";
import { localRulesMissing } from "../../datapath/local-rule.ts";
import { connectToAgent } from "../../state/exchange.ts";
import { AttachmentStore } from "../../state/store.ts";
import { readTrunkMac } from "../../state/trunk.ts";
import { systemClock } from "../../sys/clock.ts";
import { isOwnDirectory } from "../../sys/files.ts";
import { readSysctl } from "../../sys/sysctl.ts";
import { messageOf } from "../../text/error-words.ts";
import type { LocalFacts, TrunkFact } from "../facts.ts";
import { readAttachments } from "./attachments.ts";
import { readLists } from "./lists.ts";
import { look } from "./look.ts";
import { askStatus, readPlugin } from "./plugin.ts";
import { readAwsNode, readNetworkd } from "./processes.ts";

/** Where things are on a node. */
export interface Place {
  readonly stateDirectory: string;
  /** /opt/cni/bin. */
  readonly pluginDirectory: string;
  /** /etc/cni/net.d. */
  readonly listDirectory: string;
  readonly proc: string;
  readonly etc: string;
}

/** Strict mode's, and those that decide whether packets are forwarded at all. */
const SYSCTLS = ["ipv4/tcp_early_demux", "ipv4/ip_forward", "ipv4/conf/all/rp_filter"];

/** What a node shows without any credentials. `ours`: the version that looks. */
export function readNode(place: Place, ours: string): LocalFacts {
  const { stateDirectory, pluginDirectory, listDirectory, proc, etc } = place;
  const path = `${pluginDirectory}/branchline`;
  const store = new AttachmentStore(stateDirectory, systemClock);
  const lists = look("CNI lists", () => readLists(listDirectory));
  return {
    lists,
    plugin: look("plugin", () => readPlugin(path, ours)),
    stateProblem: look(stateDirectory, () => stateProblemOf(stateDirectory)),
    socketProblem: look("agent's socket", () => socketProblemOf(stateDirectory)),
    trunk: look("trunk", () => readTrunk(stateDirectory)),
    status: look("STATUS", () => {
      if ("missing" in lists) throw new Error(lists.missing);
      return askStatus(path, lists.value);
    }),
    sysctls: look("sysctls", () => Object.fromEntries(SYSCTLS.map((key) => [`net/${key}`, readSysctl(key)]))),
    attachments: look("records", () => readAttachments(store)),
    awsNode: look("aws-node's environment", () => readAwsNode(proc)),
    localRulesMissing: look("rules", () => {
      using kernel = kernelFor({ store, clock: systemClock }, undefined);
      return localRulesMissing(kernel).map(({ family }) => family);
    }),
    networkd: look("systemd-networkd", () => readNetworkd(proc, etc)),
  };
}

/** What is wrong with the state directory; undefined for nothing. */
export function stateProblemOf(directory: string): string | undefined {
  try {
    if (!isOwnDirectory(directory))
      return `${directory} is not there: neither agent nor plugin has run since boot`;
    isOwnDirectory(`${directory}/attachments`);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Why the agent's socket does not answer; undefined when it does. */
export function socketProblemOf(directory: string): string | undefined {
  try {
    connectToAgent(directory)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** What is known of the trunk, and the devices that may be it. Throws what reading either says. */
export function readTrunk(stateDirectory: string): TrunkFact {
  using kernel = kernelFor(
    { store: new AttachmentStore(stateDirectory, systemClock), clock: systemClock },
    undefined,
  );
  const mac = readTrunkMac(stateDirectory);
  // Pods' ends are veths, and so is the trunk of a simulated instance.
  const links = kernel
    .allLinks("node")
    .filter((link) => link.kind !== "vlan" && (link.kind !== "veth" || link.mac === mac));
  return {
    mac,
    devices: links.flatMap(({ name, mac: its, up }) =>
      its === undefined || its === "00:00:00:00:00:00" ? [] : [{ name, mac: its, isUp: up }],
    ),
  };
}
