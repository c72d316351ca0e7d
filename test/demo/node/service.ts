// A Service as kube-proxy makes one on a node: a destination rewritten before routing.
import { must } from "../../ground/index.ts";

export interface Service {
  readonly address: string;
  readonly port: number;
  readonly backend: string;
  readonly backendPort: number;
}

const table = "ip branchline-demo";

export async function createService({ address, port, backend, backendPort }: Service): Promise<void> {
  const rule = `ip daddr ${address} tcp dport ${port} dnat to ${backend}:${backendPort}`;
  await must(["nft", "-f", "-"], {
    input: `table ${table} {
  chain prerouting { type nat hook prerouting priority dstnat; ${rule}; }
  chain output { type nat hook output priority -100; ${rule}; }
}
`,
  });
}

export async function removeService(): Promise<void> {
  await must(["nft", "delete", "table", ...table.split(" ")]);
}
