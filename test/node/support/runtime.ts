// A runtime as far as the network goes: it calls the plugins of the first list of the configuration directory.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  cnitool,
  containerIdOf,
  debianPlugins,
  ipJson,
  netnsPath,
  type CniCall,
  type CniResult,
  type Network,
} from "../../ground/index.ts";
import { annotationOf } from "../../kernel/support/sandbox.ts";
import type { Place } from "./place.ts";

const GROUND = path.resolve(import.meta.dirname, "../../ground");

/** A pod that is to be started in a namespace that is there. */
export interface StartedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly netns: string;
}

/** A list as a runtime has read it. */
export interface ReadList {
  /** The file's name. */
  readonly name: string;
  readonly text: string;
}

/** The first file by name, of those that a runtime reads; undefined while there is none. */
export function firstList(place: Place): ReadList | undefined {
  const directory = place.at("net.d");
  const names = readdirSync(directory).filter((file) => /\.(conflist|conf|json)$/.test(file));
  const [name] = names.sort();
  return name === undefined ? undefined : { name, text: readFileSync(path.join(directory, name), "utf8") };
}

/** One ADD, and the DEL that goes with it. */
export class Attached implements AsyncDisposable {
  /** Of the ADD; undefined if it failed. */
  readonly result: CniResult | undefined;
  /** Why it failed. */
  readonly error: string | undefined;
  readonly #call: CniCall;

  private constructor(call: CniCall, result: CniResult | undefined, error: string | undefined) {
    this.#call = call;
    this.result = result;
    this.error = error;
  }

  /** Calls ADD by a list, which is kept for the DEL as it was. A list that is no JSON fails it. */
  static async add(place: Place, pod: StartedPod, list: ReadList): Promise<Attached> {
    const configDir = place.at(`runtime-${pod.namespace}-${pod.name}`);
    mkdirSync(configDir, { recursive: true });
    writeFileSync(path.join(configDir, list.name), list.text);
    const network: Network = {
      name: "pod-network",
      primary: "aws",
      configDir,
      pluginPath: [place.at("bin"), GROUND, debianPlugins].join(path.delimiter),
      addressDir: place.at("addresses"),
      conflist: {},
    };
    const netns = netnsPath(pod.netns);
    const call: CniCall = {
      network,
      netns,
      // What containerd passes for a pod that had none when its sandbox was made.
      annotations: null,
      args: {
        IgnoreUnknown: "1",
        K8S_POD_NAMESPACE: pod.namespace,
        K8S_POD_NAME: pod.name,
        K8S_POD_INFRA_CONTAINER_ID: containerIdOf(netns),
        K8S_POD_UID: pod.uid,
      },
    };
    const { result, error } = await cnitool("add", call);
    return new Attached(call, result, error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await cnitool("del", this.#call);
    rmSync(this.#call.network.configDir, { recursive: true, force: true });
  }
}

/** Of VLAN ids and addresses: a pod has gone when its number's turn comes again. */
const BRANCHES = 200;

function branchOf(number: number) {
  const n = (number % BRANCHES) + 1;
  const mac = `02:b1:00:00:01:${n.toString(16).padStart(2, "0")}`;
  return { vlanId: n, ipv4: `10.0.0.${n + 20}`, mac };
}

/** The annotation of the branch that a number stands for. */
export function annotationFor(number: number): string {
  return annotationOf(branchOf(number));
}

interface Link {
  readonly address: string;
  readonly addr_info: readonly { readonly local: string }[];
}

/** What a pod has instead of the branch of a number, in its result or in its namespace; undefined if it has it. */
export async function insteadOfBranch(
  number: number,
  netns: string,
  { ips = [] }: CniResult,
): Promise<string | undefined> {
  const { ipv4, mac } = branchOf(number);
  if (!ips.some(({ address }) => address.startsWith(`${ipv4}/`))) return JSON.stringify(ips);
  const [link] = await ipJson<Link>(netns, "addr", "show", "eth0");
  const has = link?.address === mac && link.addr_info.some(({ local }) => local === ipv4);
  return has ? undefined : JSON.stringify(link);
}
