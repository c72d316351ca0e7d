import type { Action } from "../../action.ts";
import type { InstanceFacts } from "../../ledger.ts";
import { TRUNK_DESCRIPTION, tokenOf, trunkTags } from "../../tags.ts";
import type { View } from "../../view.ts";
import { trunkAct } from "./trunk-act.ts";

/** EC2 CreateNetworkInterface of type trunk, in the node's subnet with its groups, or where its ENIConfig says. */
export function createTrunk({ settings, ledger, cniNode, eniConfig }: View, facts: InstanceFacts): Action {
  const { instance, trunkAttempt } = ledger;
  const place = typeof eniConfig === "object" ? eniConfig : undefined;
  const groups = place === undefined || place.groups.length === 0 ? facts.groups : place.groups;
  const wanted = {
    subnet: place?.subnet ?? facts.subnet.id,
    groups,
    description: TRUNK_DESCRIPTION,
    tags: trunkTags(settings.cluster, instance, cniNode?.tags ?? {}),
    token: tokenOf("trunk", settings.cluster, instance, trunkAttempt),
  };
  return trunkAct(
    { kind: "CreateTrunk", fields: { instance, subnet: wanted.subnet } },
    async (ports, call) => {
      await ports.trunksAllowed(wanted, call);
      const { id, mac, subnet } = await ports.ec2.createTrunk(wanted, call);
      return (now, moment) =>
        now.trunk.state === "absent"
          ? {
              ...now,
              trunk: { state: "created", facts, id, mac, subnet, deviceIndex: undefined, since: moment.now },
            }
          : now;
    },
    // One that was made under the token is found by its tags.
    (now, { kind }) =>
      kind === "unknown" || kind === "throttled" ? now : { ...now, trunkAttempt: now.trunkAttempt + 1 },
  );
}
