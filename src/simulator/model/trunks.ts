import { filtered, page } from "./describe.ts";
import { Ec2Error, invalidValue, missing } from "./error.ts";
import { born, find, namedOrOwned, newId } from "./ids.ts";
import { instanceTypes } from "./instance-types.ts";
import { findInterface } from "./interfaces.ts";
import { associationsOf, changed, removeAssociation, schedule } from "./later.ts";
import { DESCRIBE, textAt } from "./operation.ts";
import type { Operations } from "./operation.ts";
import type { Params } from "./params.ts";
import { tagSet } from "./tags.ts";
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
  const vlan = readVlan(params, world);
  checkBranch(world, branch);
  checkTrunk(trunk, branch);
  const others = associationsOf(world, trunk);
  if (others.some((one) => one.vlan === vlan)) {
    throw new Ec2Error(world.settings.vlanInUseCode, `VLAN id ${vlan} is in use on trunk '${trunk.id}'.`);
  }
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
    vlan,
    owner: account,
    ...born({ world, now }),
    carries: false,
    tags: [],
  };
  changed(context, branch);
  branch.association = id;
  world.associations.set(id, association);
  effect("branch-associated", branch.id, trunk.id);
  schedule(world, { at: now + wait, what: "carries", id });
  return association;
}

function readVlan(params: Params, world: World): number {
  if (params.has("GreKey")) {
    if (params.has("VlanId")) {
      throw new Ec2Error("InvalidParameterCombination", "VlanId and GreKey cannot be used together");
    }
    throw new Ec2Error("UnsupportedOperation", "Associations by GRE key are not simulated");
  }
  const vlan = params.integer("VlanId");
  if (vlan === undefined) throw missing("VlanId");
  const [low, high] = world.settings.vlanIds;
  if (vlan < low || vlan > high) throw invalidValue(vlan, "vlanId", `It is from ${low} to ${high}.`);
  return vlan;
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
  return instance === undefined
    ? MAX_BRANCHES
    : (instanceTypes().get(instance.type)?.branches ?? MAX_BRANCHES);
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
    "gre-key": () => [],
    "interface-protocol": () => ["VLAN"],
  });
  const { page: shown, next } = page(found, params, { ...PAGE, notWithIds: "AssociationId" });
  return { interfaceAssociationSet: shown.map(associationView), ...next };
}

function associationView({ id, branch, trunk, vlan, tags }: Association): Answer {
  return {
    associationId: id,
    branchInterfaceId: branch,
    trunkInterfaceId: trunk,
    interfaceProtocol: "VLAN",
    vlanId: vlan,
    tagSet: tagSet(tags),
  };
}
