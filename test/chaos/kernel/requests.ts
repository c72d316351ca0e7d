import { netnsPath } from "../../ground/netns.ts";
import { podAnnotations } from "../../ground/conflist.ts";
import type { CniResult } from "../../ground/cnitool.ts";
import { podEni } from "../../ground/pods.ts";
import type { Add, Call, Gc } from "../model/operation.ts";
import {
  type Sandbox,
  addressesOf,
  annotationOf,
  containerOf,
  eniOf,
  podName,
  primaryOf,
  services,
  uidOf,
} from "../model/pool.ts";

/** What a runtime remembers of a sandbox. */
export interface Memory {
  readonly spec: Sandbox;
  /** Its last ADD: the configuration and the annotations of later calls are that one's. */
  readonly add?: Add;
  /** What the last ADD that succeeded answered. */
  readonly result?: CniResult;
}

/** A call as the plugin gets it. */
export interface Request {
  readonly env: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, unknown>>;
}

export function requestOf(call: Call, recall: (sandbox: number) => Memory, logFile: string): Request {
  const general = { type: "branchline", pluginLogFile: logFile };
  switch (call.op) {
    case "add":
      return {
        env: environment("ADD", call.sandbox),
        config: {
          ...general,
          ...entryOf(call),
          prevResult: primaryResult(call.sandbox),
          runtimeConfig: annotationsOf(call),
        },
      };
    case "check": {
      const { spec, ...memory } = recall(call.sandbox);
      return { env: environment("CHECK", spec), config: { ...general, ...later(spec, memory) } };
    }
    case "del": {
      const { spec, ...memory } = recall(call.sandbox);
      const { prevResult, runtimeConfig, ...rest } = later(spec, memory);
      const env = environment("DEL", spec);
      if (call.forgotten === undefined)
        return { env, config: { ...general, ...rest, prevResult, runtimeConfig } };
      return {
        env: { ...env, CNI_NETNS: "" },
        config: { ...general, ...rest, ...(call.forgotten === "path" && { runtimeConfig }) },
      };
    }
    case "gc":
      return {
        env: { CNI_COMMAND: "GC", CNI_PATH: "/usr/lib/cni" },
        config: { ...general, cniVersion: "1.1.0", name: call.network, enablePodENI: true, ...validOf(call) },
      };
    case "status":
      return {
        env: { CNI_COMMAND: "STATUS", CNI_PATH: "/usr/lib/cni" },
        config: {
          ...general,
          cniVersion: "1.1.0",
          name: "chaos",
          enablePodENI: true,
          serviceCIDRs: services,
          trunk: { interface: "eth1" },
        },
      };
  }
}

function environment(verb: string, spec: Sandbox): Record<string, string> {
  const args = [
    "IgnoreUnknown=1",
    "K8S_POD_NAMESPACE=default",
    `K8S_POD_NAME=${podName(spec.pod)}`,
    `K8S_POD_INFRA_CONTAINER_ID=${containerOf(spec.id)}`,
    `K8S_POD_UID=${uidOf(spec)}`,
  ];
  return {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerOf(spec.id),
    CNI_NETNS: netnsPath(spec.netns),
    CNI_IFNAME: "eth0",
    CNI_PATH: "/usr/lib/cni",
    CNI_ARGS: args.join(";"),
  };
}

function entryOf({ network, mode, earlyDemux, eni }: Pick<Add, "network" | "mode" | "earlyDemux" | "eni">) {
  return {
    cniVersion: "1.0.0",
    name: network,
    enablePodENI: true,
    // There is no agent here, and nothing answers for the gateway.
    missingAnnotation: "pass",
    gatewayTimeout: 0,
    serviceCIDRs: services,
    trunk: { interface: "eth1" },
    ...(mode === "direct" ? { datapath: mode } : { datapath: "routed", podSGEnforcingMode: mode }),
    ...(earlyDemux === true && { manageEarlyDemux: true }),
    // A sandbox gets any ENI, also one of other families than its primary's.
    ...(eni !== undefined && { families: addressesOf(eniOf(eni)).map(({ family }) => String(family)) }),
  };
}

/** The entry of a later call, with what the runtime kept of the ADD. */
function later(spec: Sandbox, { add, result }: Omit<Memory, "spec">) {
  return {
    ...entryOf(add ?? { network: "chaos", mode: "direct" }),
    prevResult: result ?? primaryResult(spec),
    runtimeConfig: add === undefined ? { [podAnnotations]: {} } : annotationsOf(add),
  };
}

function annotationsOf({ eni, broken }: Add) {
  if (eni === undefined) return { [podAnnotations]: {} };
  const branch = eniOf(eni);
  return { [podAnnotations]: { [podEni]: annotationOf(broken === true ? { ...branch, mac: "" } : branch) } };
}

/** As aws-cni answers: a table's number for a MAC. */
function primaryResult(spec: Sandbox): CniResult {
  const primary = primaryOf(spec);
  return {
    cniVersion: "1.0.0",
    interfaces: [{ name: primary.veth }, { name: "eth0", mac: "1", sandbox: netnsPath(spec.netns) }],
    ips: addressesOf(primary).map(({ family, address }) => ({
      interface: 1,
      address: `${address}/${family === 4 ? 32 : 128}`,
    })),
  };
}

function validOf({ valid, draft }: Gc): Record<string, unknown> {
  if (valid === "absent") return {};
  const key = draft === true ? "cni.dev/attachments" : "cni.dev/valid-attachments";
  const list = valid?.map((id) => ({ containerID: containerOf(id), ifname: "eth0" }));
  return { [key]: list ?? null };
}
