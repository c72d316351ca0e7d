// branchline in the cluster, as people install it: by helm.
import { helm } from "../../ground/kubernetes/tools.ts";
import { CHART, valuesOf } from "../../api/support/chart.ts";
import { branchlineImage } from "../images/images.ts";
import { SERVICE_CIDR } from "../node/files.ts";

export const CLUSTER_NAME = "shop";
export const RELEASE = { name: "branchline", namespace: "kube-system" } as const;

/** The least cooldown that the controller takes. */
const COOLDOWN = "30s";

/** Values of the chart that go with this cluster. `ec2` is the simulator's URL as nodes reach it. */
export function chartValues(ec2: string, entry: object = {}): Record<string, unknown> {
  return {
    image: { ...branchlineImage, pullPolicy: "Never" },
    entry: { serviceCIDRs: [SERVICE_CIDR], ...entry },
    crds: { install: true },
    controller: {
      enabled: true,
      mode: "standalone",
      clusterName: CLUSTER_NAME,
      // A second one would wait for a second node.
      replicas: 1,
      region: "us-east-1",
      cooldown: COOLDOWN,
      // What a pod has left goes back to EC2, as tests and the demo say; test/controlled/warm.test.ts has those that stay.
      warm: { target: 0 },
      env: [
        { name: "AWS_ENDPOINT_URL_EC2", value: ec2 },
        { name: "AWS_REGION", value: "us-east-1" },
        { name: "AWS_ACCESS_KEY_ID", value: "AKIACONTROLLER" },
        { name: "AWS_SECRET_ACCESS_KEY", value: "secret" },
        { name: "AWS_EC2_METADATA_DISABLED", value: "true" },
      ],
    },
  };
}

/** `helm COMMAND branchline …`; throws in helm's words. */
export async function helmBranchline(
  kubeconfig: string,
  command: "install" | "upgrade" | "uninstall",
  values: object = {},
): Promise<void> {
  const { name, namespace } = RELEASE;
  const chart = command === "uninstall" ? [] : [CHART, ...valuesOf(values)];
  const { status, stderr } = await helm([command, name, ...chart, "--namespace", namespace], {
    kubeconfig,
    timeout: 300_000,
  });
  if (status !== 0) throw new Error(`helm ${command}: ${stderr.trim()}`);
}
