// What the verdict is told of a world: the cast's places, and what EC2's API says of the rest.
import { Ec2CallError } from "../../src/ec2/error.ts";
import type { CallOptions } from "../../src/ec2/port.ts";
import type { NetworkInterface } from "../../src/ec2/types.ts";
import type { End, Filters, Interface, Known } from "../../src/verdict/facts.ts";
import type { AddressPlace, NodePlace, Place, PodPlace, Source } from "../../src/verdict/places.ts";
import type { Path } from "../../src/verdict/verdict.ts";
import {
  actorOf,
  agents,
  isOutside,
  nodes,
  pods,
  type Actor,
  type NodeActor,
  type PodActor,
} from "./cast.ts";
import type { Cluster } from "./cluster.ts";
import type { Call, World } from "./world.ts";

const asked: CallOptions = { signal: new AbortController().signal, priority: "waiting" };

const ATTEMPTS = 3;

export interface Facts {
  readonly filters: Filters;
  readonly interfaces: readonly NetworkInterface[];
}

/** As clients of EC2 do, it asks again: this process, which is EC2 too, lets connections lie while it sends packets. */
export async function readFacts(cluster: Cluster, world: World): Promise<Facts> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readOnce(cluster, world);
    } catch (error) {
      const isLost = error instanceof Ec2CallError && error.kind === "retry";
      if (!isLost || attempt === ATTEMPTS) throw error;
    }
  }
}

async function readOnce({ cloud }: Cluster, world: World): Promise<Facts> {
  const { port, vpc } = cloud;
  const ofVpc = { "vpc-id": [vpc] };
  const [rules, acls, routeTables, interfaces, lists] = await Promise.all([
    port.rules({ "group-id": [...cloud.groups.values()] }, asked),
    port.networkAcls(ofVpc, asked),
    port.routeTables(ofVpc, asked),
    port.interfaces(ofVpc, asked),
    Promise.all(
      [...cloud.lists.values()].map(
        async (id) => [id, known(await port.prefixListEntries(id, asked))] as const,
      ),
    ),
  ]);
  const namespaces = new Map(
    [...new Set(pods.map(({ namespace }) => namespace))].map((name) => [name, { name }]),
  );
  return {
    interfaces,
    filters: {
      rules: known(rules),
      prefixLists: new Map(lists),
      acls: known(acls),
      routeTables: known(routeTables),
      policies: known({ policies: world.policies, namespaces }),
    },
  };
}

export function pathOf(cluster: Cluster, facts: Facts, world: World, call: Call): Path {
  const places = new Places(cluster, facts, world, call.family);
  const { protocol, port, by } = call;
  const isService = by === "service";
  const { ipv4, ipv6 } = isService ? cluster.serviceOf(call.to) : { ipv4: "", ipv6: "" };
  return {
    from: places.source(actorOf(call.from)),
    to: by === "agent" ? agentOf(call.to) : places.source(actorOf(call.to)),
    protocol,
    port,
    throughService: isService,
    ...(isService && { serviceAddress: call.family === 4 ? ipv4 : ipv6 }),
  };
}

function agentOf(name: string): Place {
  return { kind: "node-local", name, address: agents[name] ?? "" };
}

class Places {
  readonly #cluster: Cluster;
  readonly #facts: Facts;
  readonly #world: World;
  readonly #family: "ipv4" | "ipv6";

  constructor(cluster: Cluster, facts: Facts, world: World, family: 4 | 6) {
    this.#cluster = cluster;
    this.#facts = facts;
    this.#world = world;
    this.#family = family === 4 ? "ipv4" : "ipv6";
  }

  source(actor: Actor): Source {
    if (actor.kind === "node") return this.#node(actor);
    if (actor.kind === "pod") return this.#pod(actor);
    const address = this.#cluster.addressesOf(actor.name)[this.#family];
    const isInVpc = !isOutside(actor);
    const place: AddressPlace = {
      kind: "address",
      name: actor.name,
      end: isInVpc ? this.#end(address) : { address, interface: known(undefined) },
      isInVpc,
    };
    return place;
  }

  #node({ name, doesNat }: NodeActor): NodePlace {
    const { tcp = false, udp = false } = this.#world.demux[name] ?? {};
    const end = this.#end(this.#cluster.addressesOf(name)[this.#family]);
    return { kind: "node", name, end, doesNat, earlyDemux: known({ tcp, udp }) };
  }

  #pod({ name, node, attachment, labels, namespace }: PodActor): PodPlace {
    const own = nodes.find((one) => one.name === node);
    if (own === undefined) throw new Error(`no node ${node}`);
    const primary = this.#cluster.cloud.secondaries.get(name)?.[this.#family] ?? "";
    return {
      kind: "pod",
      name: `${namespace}/${name}`,
      attachment,
      end: this.#end(this.#cluster.addressesOf(name)[this.#family]),
      host0: attachment === "direct" ? this.#end(primary) : undefined,
      node: this.#node(own),
      labels,
      namedPorts: [],
    };
  }

  /** By what EC2 says of who has the address. */
  #end(address: string): End {
    const found = this.#facts.interfaces.find(
      ({ ipv4, ipv6 }) => ipv4.includes(address) || ipv6.includes(address),
    );
    if (found === undefined) throw new Error(`nobody has ${address}`);
    const { id, groups, subnet, vpc } = found;
    const own: Interface = { id, groups, subnet, vpc };
    return { address, interface: known(own) };
  }
}

function known<T>(value: T): Known<T> & { readonly known: true } {
  return { known: true, value };
}
