import { type Add, type Call, type Kill, type Operation, callsOf, isAccident } from "./operation.ts";
import { type Sandbox, podName, vlanIdOf } from "./pool.ts";

/** A round in words, for a person who reads a sequence. */
export function describe(operation: Operation): string {
  if (!isAccident(operation)) return callsOf(operation).map(describeCall).join(" | at the same time ");
  switch (operation.op) {
    case "destroy":
      return `the namespace of sandbox ${operation.sandbox} is deleted`;
    case "replace":
      return `the namespace of sandbox ${operation.sandbox} is deleted, ${sandbox(operation.by)} gets its path`;
    case "unplug":
      return `the veth pair of sandbox ${operation.sandbox} is deleted`;
    case "trunk":
      return `the trunk is set ${operation.up ? "up" : "down"}`;
    case "neighbour":
      return `another maker's strict pod ${operation.strict ? "comes" : "goes"}`;
  }
}

function describeCall(call: Call): string {
  switch (call.op) {
    case "add":
      return describeAdd(call);
    case "check":
      return `CHECK of sandbox ${call.sandbox}`;
    case "del": {
      const without = {
        path: " without path and prevResult",
        all: " without path, prevResult and annotation",
      };
      const how = call.forgotten === undefined ? "" : without[call.forgotten];
      return `DEL of sandbox ${call.sandbox}${how}${call.bury === true ? ", and its end" : ""}${killed(call.kill)}`;
    }
    case "gc": {
      const { valid } = call;
      const list = Array.isArray(valid) ? `[${valid.join(", ")}]` : String(valid);
      return `GC of network ${call.network}, valid: ${list}${call.draft === true ? " (draft)" : ""}${killed(call.kill)}`;
    }
    case "status":
      return "STATUS";
  }
}

function describeAdd({ sandbox: spec, eni, mode, network, earlyDemux, broken, kill }: Add): string {
  const branch = eni === undefined ? "no branch" : `branch ${eni} (VLAN ${vlanIdOf(eni)})`;
  return [
    `ADD of ${sandbox(spec)}, ${branch}, ${mode}`,
    ...(earlyDemux === true ? [", manageEarlyDemux"] : []),
    ...(network === "chaos" ? [] : [`, network ${network}`]),
    ...(broken === true ? [", broken annotation"] : []),
    killed(kill),
  ].join("");
}

function sandbox({ id, pod, incarnation, netns, families, withoutIpv6 }: Sandbox): string {
  const path = netns === `sb-${id}` ? "" : ` at ${netns}`;
  const off = withoutIpv6 === true ? ", IPv6 off" : "";
  return `sandbox ${id}${path} of ${podName(pod)} (pod ${incarnation} of the name, IPv${families.join("+")}${off})`;
}

function killed(kill: Kill | undefined): string {
  if (kill === undefined) return "";
  switch (kill.by) {
    case "gate":
      return `, dead before change ${kill.change}`;
    case "strace":
      return `, killed at ${kill.syscall} ${kill.when}`;
    case "delay":
      return `, killed after ${kill.milliseconds} ms`;
  }
}
