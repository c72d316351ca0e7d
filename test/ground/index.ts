// The test ground: a VPC, a node, primaries, pods and cnitool. One import for tests and for the demo.
export { capture, type Capture } from "./capture.ts";
export {
  cnitool,
  containerIdOf,
  type CniAnswer,
  type CniCall,
  type CniResult,
  type Verb,
} from "./cnitool.ts";
export {
  addressDirOf,
  conflistOf,
  debianPlugins,
  podAnnotations,
  ptpPrefixes,
  writeConflist,
} from "./conflist.ts";
export type { ConflistOptions, Network } from "./conflist.ts";
export { distDirectory } from "./executable.ts";
export * from "./netns.ts";
export { createPod, podEni, Pod, type PodOptions } from "./pods.ts";
export { eventually, must, run, sleep, type Outcome, type RunOptions } from "./run.ts";
export type { FlowFilter, Seen } from "../../src/simulator/data-plane/counters.ts";
export type { Port } from "../../src/simulator/data-plane/network.ts";
export { diffSnapshots, settled, snapshot, type Snapshot } from "./snapshot.ts";
export { connect, ping, serve } from "./traffic.ts";
export type { Attempt, ConnectOptions, Reach, ServeOptions, Server } from "./traffic.ts";
export { createVpc, gatewayV6, nodeGroup, Vpc, vpcMtu } from "./vpc.ts";
export type {
  Branch,
  BranchOptions,
  GroupRule,
  Host,
  HostOptions,
  NodeEni,
  OtherNode,
  OtherNodeOptions,
  Subnet,
  VpcOptions,
} from "./vpc.ts";
