/** What a kubelet reports of a node that has run for a while: most of it are the names of images. */
export function nodeStatusOf(index: number): object {
  const at = "2026-11-28T12:00:00Z";
  const condition = (type: string, status: string) => ({
    type,
    status,
    reason: `Kubelet${type}`,
    message: `kubelet says ${status} of ${type}`,
    lastHeartbeatTime: at,
    lastTransitionTime: at,
  });
  return {
    conditions: [
      condition("MemoryPressure", "False"),
      condition("DiskPressure", "False"),
      condition("PIDPressure", "False"),
      condition("Ready", "True"),
    ],
    nodeInfo: {
      kernelVersion: "6.12.40-amzn",
      osImage: "Amazon Linux 2023.8",
      containerRuntimeVersion: "containerd://2.1.4",
      kubeletVersion: "v1.36.3",
      kubeProxyVersion: "",
      operatingSystem: "linux",
      architecture: "amd64",
      bootID: `boot-${index}`,
      machineID: `machine-${index}`,
      systemUUID: `system-${index}`,
    },
    images: Array.from({ length: 40 }, (_, i) => ({
      names: [
        `registry.example/shop/image-${i}@sha256:${"ab".repeat(32)}`,
        `registry.example/shop/image-${i}:2026.11.20-1`,
      ],
      sizeBytes: 100_000_000 + i,
    })),
  };
}
