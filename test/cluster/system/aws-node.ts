// The DaemonSet kube-system/aws-node, by its real names, with a stand-in in it.
import { readFileSync } from "node:fs";
import path from "node:path";
import { toolsImage } from "../images/images.ts";

const text = (file: string) => readFileSync(path.join(import.meta.dirname, file), "utf8");

/** As aws-node 1.23 writes it, less egress-cni. */
const LIST = {
  cniVersion: "1.0.0",
  name: "aws-cni",
  disableCheck: true,
  plugins: [
    {
      name: "aws-cni",
      type: "aws-cni",
      vethPrefix: "eni",
      mtu: "9001",
      // The stand-in's own.
      addressDir: "/run/aws-node",
      leaveVeth: "true",
      capabilities: { "io.kubernetes.cri.pod-annotations": true },
    },
    { type: "portmap", capabilities: { portMappings: true }, snat: true },
  ],
};

const DIRECTORIES = {
  bin: "/opt/cni/bin",
  lists: "/etc/cni/net.d",
  run: "/run/aws-node",
  prefixes: "/etc/aws-node",
};

export function awsNode(): object[] {
  const metadata = { name: "aws-node", namespace: "kube-system" };
  const labels = { "k8s-app": "aws-node" };
  return [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: {
        "aws-node": text("aws-node.sh"),
        "aws-cni": text("../../ground/primary-aws"),
        "10-aws.conflist": `${JSON.stringify(LIST, undefined, 2)}\n`,
      },
    },
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { ...metadata, labels },
      spec: {
        selector: { matchLabels: labels },
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "10%" } },
        template: {
          metadata: { labels },
          spec: {
            hostNetwork: true,
            dnsPolicy: "Default",
            enableServiceLinks: false,
            automountServiceAccountToken: false,
            priorityClassName: "system-node-critical",
            tolerations: [{ operator: "Exists" }],
            terminationGracePeriodSeconds: 10,
            containers: [
              {
                name: "aws-node",
                image: toolsImage,
                imagePullPolicy: "Never",
                command: ["sh", "/scripts/aws-node"],
                env: [{ name: "ENABLE_POD_ENI", value: "false" }],
                volumeMounts: [
                  { name: "scripts", mountPath: "/scripts" },
                  ...Object.entries(DIRECTORIES).map(([name, directory]) => ({
                    name,
                    mountPath: `/host${directory}`,
                  })),
                ],
              },
            ],
            volumes: [
              { name: "scripts", configMap: { name: metadata.name } },
              ...Object.entries(DIRECTORIES).map(([name, directory]) => ({
                name,
                hostPath: { path: directory, type: "DirectoryOrCreate" },
              })),
            ],
          },
        },
      },
    },
  ];
}
