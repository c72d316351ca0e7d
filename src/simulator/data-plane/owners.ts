import { contains, parsePrefix } from "../../values/ip.ts";
import type { IpPrefix } from "../../values/ip.ts";
import type { Network } from "./network.ts";

/** Which interface had an address or prefix last: its connections are tracked on after it is unplugged. */
export class Owners {
  readonly #last = new Map<string, string>();
  readonly #prefixes = new Map<string, IpPrefix>();

  /** What other interfaces had before, in whole or in part, of all that the network's have now; forgotten here. */
  take({ ports }: Pick<Network, "ports">): string[] {
    const taken = new Set<string>();
    for (const { eni, addresses } of ports.values()) {
      for (const address of addresses) {
        if (this.#last.get(address) === eni) continue;
        for (const old of this.#overlapping(address)) {
          if (this.#last.get(old) === eni) continue;
          taken.add(old);
          this.#last.delete(old);
          this.#prefixes.delete(old);
        }
        this.#last.set(address, eni);
        if (address.includes("/")) this.#prefixes.set(address, read(address));
      }
    }
    return [...taken];
  }

  #overlapping(address: string): string[] {
    if (!address.includes("/")) {
      const around = [...this.#prefixes].filter(([, prefix]) => contains(prefix, address));
      return [...(this.#last.has(address) ? [address] : []), ...around.map(([text]) => text)];
    }
    const prefix = read(address);
    return [...this.#last.keys()].filter((old) => {
      const other = read(old);
      return contains(prefix, other.address) || contains(other, prefix.address);
    });
  }
}

function read(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new TypeError(`Cannot read prefix "${text}"`);
  return prefix;
}
