// A cluster in which people explain pods: the chart's, with a kubelet that is played and what makes Services work.

import path from "node:path";
import { ApiClient } from "../../ground/kubernetes/client.ts";
import { run } from "../../ground/run.ts";
import { AdmittedCluster, SERVICES } from "./admitted.ts";
import { LEAST, valuesOf } from "./chart.ts";
import { type AnnotatedBranch, CLUSTER, type ControlledCluster } from "./controlled-cluster.ts";
import type { Step } from "./transcript.ts";

const DIST = path.resolve(import.meta.dirname, "../../../dist");
const PODS = "/api/v1/namespaces";

export interface Told {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly step: Step;
}

export interface WantedPod {
  readonly node: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly account?: string;
  /** Of its container, besides name and image. */
  readonly container?: object;
  readonly spec?: object;
}

export class ToldCluster implements AsyncDisposable {
  readonly admitted: AdmittedCluster;

  private constructor(admitted: AdmittedCluster) {
    this.admitted = admitted;
  }

  /** `entry`: of the plugin. */
  static async start(nodes: number, entry: object, hear?: (line: string) => void): Promise<ToldCluster> {
    const values = valuesOf({
      ...LEAST,
      entry: { serviceCIDRs: [SERVICES], ...entry },
      crds: { install: true },
      controller: { enabled: true, mode: "standalone", clusterName: CLUSTER },
    });
    return new ToldCluster(
      await AdmittedCluster.start({ nodes, values, ...(hear !== undefined && { hear }) }),
    );
  }

  get cluster(): ControlledCluster {
    return this.admitted.cluster;
  }

  get admin(): ApiClient {
    return this.cluster.admin;
  }

  /** The entry as helm upgrade would leave it. */
  async setEntry(entry: object): Promise<void> {
    const data = { "entry.json": JSON.stringify({ serviceCIDRs: [SERVICES], ...entry }) };
    await this.admin.patch("/api/v1/namespaces/kube-system/configmaps/branchline-agent", "merge", { data });
  }

  /** A Node of an instance, with the address that this has. */
  async addNode(name: string, instance: string, type = "m5.large"): Promise<void> {
    const answer = await this.cluster.callEc2("DescribeInstances", { "InstanceId.1": instance });
    const address = /<privateIpAddress>(.*?)</.exec(answer)?.[1] ?? "";
    await this.admin.create("/api/v1/nodes", {
      metadata: {
        name,
        labels: {
          "kubernetes.io/os": "linux",
          "node.kubernetes.io/instance-type": type,
          "topology.kubernetes.io/region": "us-east-1",
        },
      },
      spec: { providerID: `aws:///us-east-1a/${instance}` },
    });
    await this.admin.patch(`/api/v1/nodes/${name}/status`, "merge", {
      status: { addresses: [{ type: "InternalIP", address }], capacity: { pods: "110" } },
    });
  }

  /** An address more for the node's primary interface, as aws-node takes one for a pod. */
  async takeAddress(instance: string): Promise<string> {
    const { interfaces } = await this.cluster.dump();
    const eni = interfaces.find(
      ({ type, attachment }) => type !== "trunk" && attachment?.instance === instance,
    );
    const answer = await this.cluster.callEc2("AssignPrivateIpAddresses", {
      NetworkInterfaceId: eni?.id ?? "",
      SecondaryPrivateIpAddressCount: "1",
    });
    return /<privateIpAddress>(.*?)</.exec(answer)?.[1] ?? "";
  }

  async createPod(name: string, wanted: WantedPod): Promise<string> {
    const {
      node,
      namespace = "shop",
      labels = { app: "web" },
      account = "default",
      container,
      spec,
    } = wanted;
    const { metadata } = await this.admin.create(`${PODS}/${namespace}/pods`, {
      metadata: {
        name,
        labels,
        ownerReferences: [
          {
            apiVersion: "apps/v1",
            kind: "StatefulSet",
            name: name.replace(/-\d+$/, ""),
            uid: "s",
            controller: true,
          },
        ],
      },
      spec: {
        nodeName: node,
        serviceAccountName: account,
        terminationGracePeriodSeconds: 0,
        containers: [{ name: "c", image: "i", ...container }],
        ...spec,
      },
    });
    return metadata.uid ?? "";
  }

  /** What its kubelet says once the pod has its network and runs. */
  async runs(name: string, address: string, namespace = "shop"): Promise<void> {
    const at = new Date().toISOString().replace(/\.\d+Z/, "Z");
    const conditions = ["PodScheduled", "PodReadyToStartContainers", "Ready"].map((type) => ({
      type,
      status: "True",
      lastTransitionTime: at,
    }));
    await this.admin.patch(`${PODS}/${namespace}/pods/${name}/status`, "merge", {
      status: { phase: "Running", conditions, podIP: address, podIPs: [{ ip: address }] },
    });
  }

  /** A pod with its branch, which runs. */
  async createRunning(name: string, wanted: WantedPod): Promise<AnnotatedBranch> {
    await this.createPod(name, wanted);
    const branch = await this.cluster.annotated(name, wanted.namespace ?? "shop");
    await this.runs(name, branch.privateIp, wanted.namespace);
    return branch;
  }

  /** A Service with these endpoints, as the controller manager would find them. */
  async createService(
    namespace: string,
    name: string,
    clusterIP: string,
    ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[],
    endpoints: readonly { readonly pod: string; readonly address: string }[],
  ): Promise<void> {
    await this.admin.create(`${PODS}/${namespace}/services`, {
      metadata: { name },
      spec: { clusterIP, ports },
    });
    await this.admin.create(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, {
      metadata: { name: `${name}-1`, labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports,
      endpoints: endpoints.map(({ pod, address }) => ({
        addresses: [address],
        conditions: { ready: true },
        targetRef: { kind: "Pod", namespace, name: pod },
      })),
    });
  }

  async createGroup(name: string, vpc: string): Promise<string> {
    const answer = await this.cluster.callEc2("CreateSecurityGroup", {
      GroupName: name,
      GroupDescription: name,
      VpcId: vpc,
    });
    return /<groupId>(.*?)</.exec(answer)?.[1] ?? "";
  }

  /** As somebody types it, with the kubeconfig and the credentials of the environment. */
  async tell(command: string, kubeconfig = this.cluster.server.adminKubeconfig, env = {}): Promise<Told> {
    const { status, stdout, stderr } = await run(["sh", "-c", command], {
      env: {
        PATH: `${DIST}:${process.env["PATH"] ?? ""}`,
        KUBECONFIG: kubeconfig,
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "AKIAPERSON",
        AWS_SECRET_ACCESS_KEY: "secret",
        AWS_ENDPOINT_URL_EC2: this.cluster.ec2,
        AWS_EC2_METADATA_DISABLED: "true",
        ...env,
      },
    });
    return { status, stdout, stderr, step: { command, printed: stdout } };
  }

  /** Does what a command of the AWS CLI says that was printed. */
  async obey(line: string): Promise<void> {
    const [, direction = "", group = "", text = ""] =
      /^aws ec2 authorize-security-group-(ingress|egress) --group-id (sg-\w+) --ip-permissions '(.*)'$/.exec(
        line.trim(),
      ) ?? [];
    const [, protocol = "", from = "", to = "", peer = ""] =
      /^IpProtocol=(\w+),FromPort=(\d+),ToPort=(\d+),UserIdGroupPairs=\[\{GroupId=(sg-\w+)\}\]$/.exec(text) ??
      [];
    if (peer === "") throw new Error(`not such a command: ${line}`);
    const action = direction === "ingress" ? "Ingress" : "Egress";
    await this.cluster.callEc2(`AuthorizeSecurityGroup${action}`, {
      GroupId: group,
      "IpPermissions.1.IpProtocol": protocol,
      "IpPermissions.1.FromPort": from,
      "IpPermissions.1.ToPort": to,
      "IpPermissions.1.Groups.1.GroupId": peer,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.admitted[Symbol.asyncDispose]();
  }
}
