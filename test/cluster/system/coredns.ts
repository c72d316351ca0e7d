// The cluster's DNS, by its usual names.
import { corednsImage } from "../images/images.ts";
import { DNS_ADDRESS } from "../node/files.ts";

const NAMESPACE = "kube-system";
const LABELS = { "k8s-app": "kube-dns" };
const ACCOUNT = "coredns";
const ROLE = "system:coredns";

/** `hosts`: addresses of names outside of the cluster. */
export function coredns(hosts: Readonly<Record<string, string>> = {}): object[] {
  const entries = Object.entries(hosts).map(([name, address]) => `    ${address} ${name}`);
  const corefile = `.:53 {
  errors
  health {
    lameduck 1s
  }
  ready
  hosts {
${[...entries, "    fallthrough"].join("\n")}
  }
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    ttl 5
  }
  cache 5
}
`;
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: ACCOUNT, namespace: NAMESPACE },
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: ROLE },
      rules: [
        { apiGroups: [""], resources: ["services", "namespaces"], verbs: ["list", "watch"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: ROLE },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: ROLE },
      subjects: [{ kind: "ServiceAccount", name: ACCOUNT, namespace: NAMESPACE }],
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: ACCOUNT, namespace: NAMESPACE },
      data: { Corefile: corefile },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "kube-dns", namespace: NAMESPACE, labels: LABELS },
      spec: {
        selector: LABELS,
        clusterIP: DNS_ADDRESS,
        ports: [
          { name: "dns", port: 53, protocol: "UDP" },
          { name: "dns-tcp", port: 53, protocol: "TCP" },
        ],
      },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: ACCOUNT, namespace: NAMESPACE, labels: LABELS },
      spec: {
        selector: { matchLabels: LABELS },
        template: {
          metadata: { labels: LABELS },
          spec: {
            serviceAccountName: ACCOUNT,
            priorityClassName: "system-cluster-critical",
            dnsPolicy: "Default",
            enableServiceLinks: false,
            terminationGracePeriodSeconds: 5,
            containers: [
              {
                name: "coredns",
                image: corednsImage,
                imagePullPolicy: "Never",
                args: ["-conf", "/etc/coredns/Corefile"],
                volumeMounts: [{ name: "config", mountPath: "/etc/coredns", readOnly: true }],
                readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 2 },
              },
            ],
            volumes: [{ name: "config", configMap: { name: ACCOUNT } }],
          },
        },
      },
    },
  ];
}
