import { formatIp, ipBytes } from "../values/ip.ts";
import { prefixOf } from "./model/addresses.ts";
import { Ec2Error } from "./model/error.ts";
import type { ParamTree } from "./model/params.ts";
import { Simulator } from "./model/simulator.ts";
import type { Answer, World } from "./model/types.ts";

export class Maker {
  private readonly simulator: Simulator;
  private readonly now: number;

  constructor(world: World, now: number) {
    this.simulator = new Simulator(world);
    this.now = now;
  }

  /** Does what is due by now. */
  settle(): void {
    this.simulator.advance(this.now);
  }

  /** The block of the VPC's next subnet: the first /64 that none has. */
  nextIpv6(vpc: string): string {
    const { vpcs, subnets } = this.simulator.world;
    const block = vpcs.get(vpc)?.ipv6Cidr;
    if (block === undefined) throw new TypeError(`a subnet has "ipv6: true", and its VPC has not`);
    const bytes = ipBytes(prefixOf(block).address);
    const taken = new Set([...subnets.values()].map(({ ipv6Cidr }) => ipv6Cidr));
    for (;;) {
      const cidr = `${formatIp(bytes)}/64`;
      if (!taken.has(cidr)) return cidr;
      bytes[7] = (bytes[7] ?? 0) + 1;
    }
  }

  /** By which a subnet has the VPC's ACL. */
  aclAssociation(subnet: string): string {
    return this.simulator.world.subnets.get(subnet)?.acl.association ?? "";
  }

  call(action: string, what: string, tree: ParamTree): Answer {
    try {
      return this.simulator.execute(action, { Version: "2016-11-15", ...tree }, this.now);
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      throw new TypeError(`${what}: ${error.code}: ${error.message}`, { cause: error });
    }
  }
}
