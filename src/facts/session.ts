import { Budgets } from "../ec2/budget.ts";
import { Ec2Port } from "../ec2/port.ts";
import { RegionError, saidRegion } from "../ec2/region.ts";
import { KubernetesClient } from "../kubernetes/client.ts";
import { connectTo } from "../kubernetes/connect.ts";
import { loadKubeconfig } from "../kubernetes/kubeconfig.ts";
import { UsageError } from "../sys/command-line.ts";
import { systemTimer } from "../sys/timer.ts";
import type { Api } from "./api.ts";
import type { Around, CommonFlags } from "./around.ts";
import type { Ec2 } from "./ec2.ts";
import { type Fact, known, skipped, unknown } from "./fact.ts";

/** The API server and EC2 of one command. */
export interface Session extends Disposable {
  readonly api: Api;
  /** Of the flags, else of the kubeconfig's context, else `default`; undefined: all. */
  readonly namespace: string | undefined;
  /** Where EC2 is asked. `region` is what the nodes say, for when nobody says anything else. */
  ec2(region: string | undefined): Fact<Ec2>;
  /** The cluster's name in EC2's tags, of the flags, else of an EKS kubeconfig. */
  readonly clusterName: string | undefined;
}

/** KubeconfigError when no API server is named, UsageError when the Region that is given is none. Asks nobody anything. */
export function openSession(flags: CommonFlags, { env, version, signal }: Around): Session {
  const config = loadKubeconfig({ path: flags.kubeconfig, context: flags.context }, env);
  const eks = eksCluster(config.getCurrentCluster()?.name ?? "");
  const ownNamespace = config.getContextObject(config.getCurrentContext())?.namespace;
  const connection = connectTo(config, `branchline/${version}`);
  const api = { client: new KubernetesClient(connection, { compressed: true }), signal };
  const said = flags.ec2 ? regionSaid(flags.region, env) : undefined;
  let port: Ec2Port | undefined;
  return {
    api,
    namespace: flags.allNamespaces ? undefined : (flags.namespace ?? (ownNamespace || "default")),
    clusterName: flags.clusterName ?? eks?.name,
    ec2(ofNodes) {
      if (!flags.ec2) return skipped("EC2", "--no-ec2 was given");
      const region = said ?? eks?.region ?? ofNodes;
      const message = "the Region is not known: give --region or AWS_REGION";
      if (region === undefined) return unknown({ what: "EC2", reason: "failed", message });
      port ??= new Ec2Port({ budgets: new Budgets(systemTimer), region });
      return known({ port, region, signal });
    },
    [Symbol.dispose]: () => port?.close(),
  };
}

/** As `aws eks update-kubeconfig` names a cluster: arn:aws:eks:REGION:ACCOUNT:cluster/NAME. */
export function eksCluster(name: string): { readonly region: string; readonly name: string } | undefined {
  const [, region, cluster] =
    /^arn:aws[a-z-]*:eks:([a-z0-9-]+):\d{12}:cluster\/([A-Za-z0-9._-]{1,100})$/.exec(name) ?? [];
  return region === undefined || cluster === undefined ? undefined : { region, name: cluster };
}

function regionSaid(given: string | undefined, env: Around["env"]): string | undefined {
  try {
    return saidRegion(given, env);
  } catch (error) {
    if (error instanceof RegionError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
