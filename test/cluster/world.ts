// What the cluster's account has in EC2: a VPC with the control plane's machine, the nodes, and whatever a test adds.

/** A rule of a group, as in a world file. */
export interface WorldRule {
  readonly protocol: "tcp" | "udp" | "icmp" | "-1";
  readonly ports?: readonly [number, number];
  readonly cidr?: string;
  readonly group?: string;
}

export interface WorldGroup {
  readonly name: string;
  readonly ingress?: readonly WorldRule[];
}

export interface WorldInstance {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface WorldOptions {
  /** Names of the nodes. */
  readonly nodes: readonly string[];
  readonly groups?: readonly WorldGroup[];
  /** More rules of the group of nodes and control plane: EKS's cluster security group. */
  readonly clusterIngress?: readonly WorldRule[];
  /** Other machines of the VPC. */
  readonly machines?: readonly WorldInstance[];
  readonly settings?: object;
}

export const VPC_CIDR = "10.0.0.0/16";
/** Four interfaces, 38 branches. */
export const NODE_TYPE = "m5.2xlarge";
/** The instance that the control plane is reached by. */
export const CONTROL_PLANE = "control-plane";
/** As EKS has one: of the control plane's interfaces and of the nodes; its members reach each other. */
export const CLUSTER_GROUP = "cluster";
export const ZONE = "us-east-1a";

/** The text of a world file. */
export function worldText(options: WorldOptions): string {
  const { nodes, groups = [], clusterIngress = [], machines = [], settings = {} } = options;
  const instance = (name: string, its: readonly string[]) => ({
    name,
    type: NODE_TYPE,
    subnet: "nodes",
    groups: its,
  });
  // JSON is YAML.
  return JSON.stringify({
    region: ZONE.slice(0, -1),
    settings: { attachSeconds: 0.5, detachSeconds: 0.5, instanceSeconds: 0.5, ...settings },
    vpcs: [
      {
        name: "main",
        cidr: VPC_CIDR,
        subnets: [{ name: "nodes", cidr: "10.0.0.0/20", zone: ZONE }],
        groups: [
          { name: CLUSTER_GROUP, ingress: [{ protocol: "-1", group: CLUSTER_GROUP }, ...clusterIngress] },
          ...groups,
        ],
        instances: [
          instance(CONTROL_PLANE, [CLUSTER_GROUP]),
          ...nodes.map((name) => instance(name, [CLUSTER_GROUP])),
          ...machines.map((one) => instance(one.name, one.groups)),
        ],
      },
    ],
  });
}
