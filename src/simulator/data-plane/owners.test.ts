import { expect, test } from "vitest";
import type { Port } from "./network.ts";
import { Owners } from "./owners.ts";

const port = (eni: string, ...addresses: readonly string[]): Port => ({
  eni,
  device: eni,
  mac: "02:00:00:00:00:01",
  addresses,
  groups: [],
  isChecked: true,
  cable: { kind: "branch", trunk: "trunk", vlanId: 7 },
});
const network = (...ports: readonly Port[]) => ({ ports: new Map(ports.map((one) => [one.device, one])) });

/** Each step's network, and what it takes from others. */
test.each<[string, [readonly Port[], readonly string[]][]]>([
  [
    "an address of another, also after that is unplugged",
    [
      [[port("a", "10.0.0.4")], []],
      [[], []],
      [[port("b", "10.0.0.4")], ["10.0.0.4"]],
      [[port("b", "10.0.0.4")], []],
    ],
  ],
  [
    "its own address again: nothing",
    [
      [[port("a", "10.0.0.4")], []],
      [[], []],
      [[port("a", "10.0.0.4")], []],
    ],
  ],
  [
    "an address of another's prefix: the prefix, once",
    [
      [[port("a", "10.0.0.16/28", "2001:db8:0:0:7::/80")], []],
      [[port("b", "10.0.0.17", "2001:db8:0:0:7::1")], ["10.0.0.16/28", "2001:db8:0:0:7::/80"]],
      [[port("b", "10.0.0.17", "2001:db8:0:0:7::1"), port("c", "10.0.0.18")], []],
    ],
  ],
  [
    "a prefix around others' addresses: these",
    [
      [[port("a", "10.0.0.17", "10.0.0.33"), port("b", "10.0.0.18")], []],
      [[port("b", "10.0.0.16/28")], ["10.0.0.17"]],
      [[port("c", "10.0.0.18")], ["10.0.0.18", "10.0.0.16/28"]],
    ],
  ],
])("%s", (_, steps) => {
  const owners = new Owners();
  for (const [ports, taken] of steps) expect(owners.take(network(...ports))).toEqual(taken);
});
