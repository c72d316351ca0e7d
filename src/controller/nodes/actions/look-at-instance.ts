import type { CallOptions } from "../../../ec2/port.ts";
import { type Instance, primaryOf } from "../../../ec2/types.ts";
import type { Action } from "../../action.ts";
import type { InstanceFacts, Trunk } from "../../ledger.ts";
import type { Ports } from "../../ports.ts";
import type { View } from "../../view.ts";
import { attachedAs } from "./look-for-attachment.ts";
import { lookAgain, trunkAct } from "./trunk-act.ts";

const AGAIN_MS = 5_000;

/** EC2 DescribeInstances: the instance's interfaces, and its trunk if it has one, whoever has made it. */
export function lookAtInstance({ ledger: { instance } }: View): Action {
  return trunkAct({ kind: "LookAtInstance", fields: { instance } }, async (ports, call) => {
    const [found] = await ports.ec2.instances([instance], call);
    const trunk = await trunkOf(ports, found, call);
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
  call: CallOptions,
): Promise<Trunk | undefined> {
  if (instance === undefined) return undefined;
  const primary = primaryOf(instance);
  const facts: InstanceFacts = {
    type: instance.type,
    subnet: await ports.subnet(instance.subnet, call),
    groups: primary?.groups ?? [],
    tracking: primary?.tracking,
    deviceIndexes: instance.interfaces.map(({ deviceIndex }) => deviceIndex),
  };
  const shown = instance.interfaces.find(({ type }) => type === "trunk");
  if (shown === undefined) return { state: "absent", facts };
  const [trunk] = await ports.ec2.interfaces({ "network-interface-id": [shown.id] }, call);
  const attached = trunk && attachedAs(trunk, instance.id);
  // One that is being attached is looked for until it is, or is not.
  return attached && { ...attached, facts };
}
