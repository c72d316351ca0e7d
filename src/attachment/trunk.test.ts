import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useScratch } from "../../test/unit/scratch.ts";
import { DatapathError } from "../datapath/error.ts";
import type { Kernel } from "../datapath/kernel.ts";
import type { Link } from "../netlink/route/link.ts";
import { type TrunkSelector, findTrunk } from "./trunk.ts";

const scratch = useScratch();
const trunkFile = () => join(scratch.path, "trunk.json");

const MAC = "02:ab:00:00:00:11";
const eth1 = { name: "eth1", index: 3, mac: MAC } as Link;
const eth2 = { name: "eth2", index: 4, mac: "02:00:00:00:00:12" } as Link;
/** A VLAN device that nobody gave a MAC of its own. */
const vlan = { name: "vlan.eth.7", index: 5, mac: MAC, vlan: { id: 7 } } as Link;

function find(selector: TrunkSelector, links: readonly Link[] = [eth2, vlan, eth1]): string {
  const kernel = {
    link: (_at: string, name: string) => links.find((link) => link.name === name),
    allLinks: () => links,
  } as unknown as Kernel;
  return findTrunk(kernel, selector, scratch.path).name;
}

describe("findTrunk", () => {
  it("is what the configuration says, whatever the file says", () => {
    writeFileSync(trunkFile(), "{");
    expect(find({ interface: "eth2" })).toBe("eth2");
    expect(find({ mac: MAC })).toBe("eth1");
  });

  it("is what the agent's file says otherwise, the MAC as the kernel writes it", () => {
    writeFileSync(trunkFile(), JSON.stringify({ eniId: "eni-0a", mac: "02:AB:00:00:00:11", more: true }));
    expect(find({})).toBe("eth1");
  });

  it.each<[string, TrunkSelector, readonly Link[], string]>([
    ["the name is no device's", { interface: "eth9" }, [eth1], 'there is no interface "eth9" on this node'],
    [
      "only a VLAN device has the MAC",
      { mac: MAC },
      [vlan, eth2],
      `no interface on this node has MAC ${MAC}`,
    ],
    [
      "two devices have the MAC",
      { mac: MAC },
      [eth1, { ...eth2, mac: MAC }],
      `MAC ${MAC} is on more than one interface: eth1, eth2`,
    ],
  ])("fails when %s", (_what, selector, links, message) => {
    expect(() => find(selector, links)).toThrow(new DatapathError("trunk", `trunk: ${message}`));
  });

  it("is unknown when neither says: the error names both that were tried", () => {
    const error = new DatapathError(
      "trunk",
      `trunk not known: the configuration has neither trunk.interface nor trunk.mac, and there is no ${trunkFile()}`,
    );
    expect(() => find({})).toThrow(error);
    expect(() => find({})).toThrow(expect.objectContaining({ failure: "trunk" }));
  });
});
