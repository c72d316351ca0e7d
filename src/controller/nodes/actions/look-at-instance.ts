import type { Instance } from "../../../ec2/types.ts";
import type { Action } from "../../action.ts";
import type { InstanceFacts, Trunk } from "../../ledger.ts";
import type { Ports } from "../../ports.ts";
import type { View } from "../../view.ts";
import { attachedAs } from "./look-for-attachment.ts";
import { lookAgain, trunkAct } from "./trunk-act.ts";

const AGAIN_MS = 5_000;

/** EC2 DescribeInstances: the instance's interfaces, and its trunk if it has one, whoever has made it. */
export function lookAtInstance({ ledger: { instance } }: View): Action {
  return trunkAct({ kind: "LookAtInstance", fields: { instance } }, async (ports, signal) => {
    const [found] = await ports.ec2.instances([instance], signal);
    const trunk = await trunkOf(ports, found, signal);
    return (ledger, { now }) => {
      const isOpen = ledger.trunk.state === "unknown" || ledger.trunk.state === "absent";
      if (!isOpen) return ledger;
      return trunk === undefined ? lookAgain(ledger, now + AGAIN_MS) : { ...ledger, trunk, lookedAt: now };
    };
  });
}

async function trunkOf(
  ports: Ports,
  instance: Instance | undefined,
  signal: AbortSignal,
): Promise<Trunk | undefined> {
  if (instance === undefined) return undefined;
  const shown = instance.interfaces.map(({ id }) => id);
  const enis =
    shown.length === 0 ? [] : await ports.ec2.interfaces({ "network-interface-id": shown }, signal);
  const primary = enis.find(({ attachment }) => attachment?.deviceIndex === 0);
  const facts: InstanceFacts = {
    type: instance.type,
    subnet: await ports.subnet(instance.subnet, signal),
    groups: primary?.groups ?? [],
    deviceIndexes: instance.interfaces.map(({ deviceIndex }) => deviceIndex),
  };
  const trunk = enis.find(({ type }) => type === "trunk");
  const attached = trunk && attachedAs(trunk, instance.id);
  if (attached !== undefined) return { ...attached, facts };
  // One that is being attached is looked for until it is, or is not.
  if (trunk !== undefined) return undefined;
  return { state: "absent", facts };
}
