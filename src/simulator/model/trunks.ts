import { filtered, page } from "./describe.ts";
import { Ec2Error, invalidValue, missing } from "./error.ts";
import { born, find, namedOrOwned, newId } from "./ids.ts";
import { findInterface } from "./interfaces.ts";
import { associationsOf, changed, removeAssociation, schedule } from "./later.ts";
import { DESCRIBE, textAt } from "./operation.ts";
import type { Operations } from "./operation.ts";
import type { Params } from "./params.ts";
import { tagSet } from "./tags.ts";
import { typeOf } from "./type-of.ts";
import type { Answer, Association, Context, Interface, World } from "./types.ts";

const PAGE = { min: 5, max: 255 };
/** Of an unattached trunk, whose instance nobody knows yet: no type has more. */
const MAX_BRANCHES = 120;

export const TRUNK_OPERATIONS: Operations = {
  AssociateTrunkInterface: {
    parameters: ["BranchInterfaceId", "TrunkInterfaceId", "VlanId", "GreKey", "ClientToken"],
    required: ["BranchInterfaceId", "TrunkInterfaceId"],
    idempotent: true,
    run: (params, context) => ({
      interfaceAssociation: associationView(associate(params, context)),
      clientToken: params.text("ClientToken"),
    }),
    made: (answer) => textAt(answer, "interfaceAssociation", "associationId"),
  },
  DisassociateTrunkInterface: {
    parameters: ["AssociationId", "ClientToken"],
    required: ["AssociationId"],
    idempotent: true,
    run: disassociate,
  },
  DescribeTrunkInterfaceAssociations: { parameters: [...DESCRIBE, "AssociationId"], run: describe },
};

function associate(params: Params, context: Context): Association {
  const { world, now, account, effect } = context;
  const branch = findInterface(context, params.required("BranchInterfaceId"), true);
  const trunk = findInterface(context, params.required("TrunkInterfaceId"), true);
  const label = readLabel(params, world);
  checkBranch(world, branch);
  checkTrunk(trunk, branch);
  const others = associationsOf(world, trunk);
  checkFree(world, trunk, others, label);
  const most = branchLimit(world, trunk);
  if (others.length >= most) {
    throw new Ec2Error(world.settings.trunkFullCode, `Trunk '${trunk.id}' has ${most} branches already.`);
  }
  const [low, high] = world.settings.carriesAfterSeconds;
  const wait = world.random.between(low, high) * 1000;
  const id = newId(world, "trunk-assoc");
  const association: Association = {
    id,
    branch: branch.id,
    trunk: trunk.id,
    ...label,
    owner: account,
    ...born({ world, now }),
    carries: false,
    tags: [],
  };
  changed(context, branch);
  branch.association = id;
  world.associations.set(id, association);
  effect("branch-associated", branch.id, trunk.id, association.vlan);
  schedule(world, { at: now + wait, what: "carries", id });
  return association;
}

/** What tells a branch's packets on its trunk from those of others. */
type Label = { readonly vlan: number } | { readonly greKey: number };

function readLabel(params: Params, { settings }: World): Label {
  const [vlan, greKey] = [params.integer("VlanId"), params.integer("GreKey")];
  if (greKey === undefined) {
    if (vlan === undefined) throw missing("VlanId");
    return { vlan: inRange(vlan, "vlanId", settings.vlanIds) };
  }
  if (vlan !== undefined) {
    throw new Ec2Error("InvalidParameterCombination", "VlanId and GreKey cannot be used together");
  }
  return { greKey: inRange(greKey, "greKey", settings.greKeys) };
}

function inRange(value: number, name: string, [low, high]: readonly [number, number]): number {
  if (value < low || value > high) throw invalidValue(value, name, `It is from ${low} to ${high}.`);
  return value;
}

/** The same number may be a VLAN id and a GRE key of one trunk. */
function checkFree(
  { settings }: World,
  trunk: Interface,
  others: readonly Association[],
  label: Label,
): void {
  if ("vlan" in label) {
    if (!others.some(({ vlan }) => vlan === label.vlan)) return;
    throw new Ec2Error(settings.vlanInUseCode, `VLAN id ${label.vlan} is in use on trunk '${trunk.id}'.`);
  }
  if (!others.some(({ greKey }) => greKey === label.greKey)) return;
  throw new Ec2Error(settings.greKeyInUseCode, `GRE key ${label.greKey} is in use on trunk '${trunk.id}'.`);
}

function checkBranch({ settings }: World, branch: Interface): void {
  if (branch.type !== "interface") {
    throw new Ec2Error(
      "InvalidParameterValue",
      `Network interface '${branch.id}' of type ${branch.type} cannot be a branch.`,
    );
  }
  if (branch.association !== undefined || branch.attachment !== undefined) {
    throw new Ec2Error(settings.branchInUseCode, `Network interface '${branch.id}' is currently in use.`);
  }
}

function checkTrunk(trunk: Interface, branch: Interface): void {
  if (trunk.type !== "trunk") {
    throw new Ec2Error("InvalidParameterValue", `Network interface '${trunk.id}' is not of type trunk.`);
  }
  if (trunk.vpc !== branch.vpc || trunk.zone !== branch.zone) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `Branch '${branch.id}' and trunk '${trunk.id}' are not in the same availability zone and VPC.`,
    );
  }
}

function branchLimit(world: World, trunk: Interface): number {
  const instance = world.instances.get(trunk.attachment?.instance ?? "");
  return instance === undefined ? MAX_BRANCHES : (typeOf(world, instance.type)?.branches ?? MAX_BRANCHES);
}

function disassociate(params: Params, context: Context): Answer {
  const { world } = context;
  const association = find(world.associations, "association", params.required("AssociationId"), context);
  removeAssociation(context, association);
  return { return: true, clientToken: params.text("ClientToken") };
}

function describe(params: Params, context: Context): Answer {
  const { world } = context;
  const all = namedOrOwned(world.associations, "association", params.list("AssociationId"), context);
  const found = filtered(all, params, {
    "gre-key": ({ greKey }) => [greKey === undefined ? undefined : String(greKey)],
    "interface-protocol": (association) => [protocolOf(association)],
  });
  const { page: shown, next } = page(found, params, { ...PAGE, notWithIds: "AssociationId" });
  return { interfaceAssociationSet: shown.map(associationView), ...next };
}

function protocolOf({ greKey }: Association): "VLAN" | "GRE" {
  return greKey === undefined ? "VLAN" : "GRE";
}

function associationView(association: Association): Answer {
  const { id, branch, trunk, vlan, greKey, tags } = association;
  return {
    associationId: id,
    branchInterfaceId: branch,
    trunkInterfaceId: trunk,
    interfaceProtocol: protocolOf(association),
    vlanId: vlan,
    greKey,
    tagSet: tagSet(tags),
  };
}
