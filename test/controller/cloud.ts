import { Ec2CallError, kindOf } from "../../src/ec2/error.ts";
import type { Instance, NetworkInterface, NewInterface, TrunkAssociation } from "../../src/ec2/types.ts";
import type { Subnet } from "../../src/controller/ledger.ts";
import type { Ports } from "../../src/controller/ports.ts";
import { Ec2Error } from "../../src/simulator/model/error.ts";
import type { ParamTree } from "../../src/simulator/model/params.ts";
import { Simulator } from "../../src/simulator/model/simulator.ts";
import type { Answer, AnswerValue } from "../../src/simulator/model/types.ts";
import { emptyWorld } from "../../src/simulator/model/world.ts";

/** The simulator's model as a port, without a wire: every call is one request of the model at the moment it is carried out. */
export class Cloud {
  readonly simulator: Simulator;
  readonly instance: string;
  readonly vpc: string;
  readonly subnet: string;
  readonly groups: readonly string[];
  private readonly now: () => number;

  constructor(seed: number, instanceType: string, now: () => number) {
    this.now = now;
    this.simulator = new Simulator(emptyWorld(seed));
    const { settings } = this.simulator.world;
    settings.throttling = false;
    ({ vpc: this.vpc, subnet: this.subnet } = this.anotherVpc());
    this.groups = ["a", "b", "c"].map((name) =>
      textOf(
        this.ask("CreateSecurityGroup", { VpcId: this.vpc, GroupName: name, GroupDescription: name })[
          "groupId"
        ],
      ),
    );
    const run = this.ask("RunInstances", {
      ImageId: "ami-0123456789abcdef0",
      InstanceType: instanceType,
      SubnetId: this.subnet,
      MinCount: "1",
      MaxCount: "1",
    });
    this.instance = textOf(items(run, "instancesSet")[0]?.["instanceId"]);
  }

  anotherVpc(): { readonly vpc: string; readonly subnet: string } {
    const vpc = idIn(this.ask("CreateVpc", { CidrBlock: "10.0.0.0/16" }), "vpc", "vpcId");
    const range = { CidrBlock: "10.0.0.0/20", AvailabilityZone: "us-east-1a" };
    return { vpc, subnet: idIn(this.ask("CreateSubnet", { VpcId: vpc, ...range }), "subnet", "subnetId") };
  }

  ask(action: string, tree: ParamTree): Answer {
    try {
      return this.simulator.execute(action, { Action: action, Version: "2016-11-15", ...tree }, this.now());
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      throw new Ec2CallError(kindOf(error.code, error.status), action, error.code, error.message);
    }
  }

  /** Each method as the port's, carried out at once. */
  port(): Ports["ec2"] {
    const ask = (action: string, tree: ParamTree) => this.ask(action, tree);
    return {
      createTrunk: async (wanted) =>
        created(ask("CreateNetworkInterface", { ...treeOf(wanted), InterfaceType: "trunk" })),
      createBranch: async (wanted) => created(ask("CreateNetworkInterface", treeOf(wanted))),
      attach: async (id, instance, deviceIndex) =>
        textOf(
          ask("AttachNetworkInterface", {
            NetworkInterfaceId: id,
            InstanceId: instance,
            DeviceIndex: String(deviceIndex),
          })["attachmentId"],
        ),
      deleteOnTermination: async (id, attachment) =>
        void ask("ModifyNetworkInterfaceAttribute", {
          NetworkInterfaceId: id,
          Attachment: { AttachmentId: attachment, DeleteOnTermination: "true" },
        }),
      setGroups: async (id, groups) =>
        void ask("ModifyNetworkInterfaceAttribute", {
          NetworkInterfaceId: id,
          SecurityGroupId: listOf(groups),
        }),
      tag: async (id, tags) => {
        const list = Object.entries(tags).map(([Key, Value], i) => [String(i + 1), { Key, Value }]);
        ask("CreateTags", { ResourceId: listOf([id]), Tag: Object.fromEntries(list) });
      },
      associate: async ({ branch, trunk, vlan, token }) =>
        association(
          fields(
            ask("AssociateTrunkInterface", {
              BranchInterfaceId: branch,
              TrunkInterfaceId: trunk,
              VlanId: String(vlan),
              ClientToken: token,
            })["interfaceAssociation"],
          ),
        ),
      disassociate: async (id, token) =>
        void ask("DisassociateTrunkInterface", { AssociationId: id, ClientToken: token }),
      deleteInterface: async (id) => void ask("DeleteNetworkInterface", { NetworkInterfaceId: id }),
      interfaces: async (filters) =>
        items(
          ask("DescribeNetworkInterfaces", {
            Filter: Object.fromEntries(
              Object.entries(filters).map(([name, values], i) => [
                String(i + 1),
                { Name: name, Value: listOf(values) },
              ]),
            ),
          }),
          "networkInterfaceSet",
        ).map(readInterface),
      instances: async (ids) =>
        items(ask("DescribeInstances", { InstanceId: listOf(ids) }), "reservationSet").flatMap(
          (reservation) => items(reservation, "instancesSet").map(readInstance),
        ),
      associations: async () =>
        items(ask("DescribeTrunkInterfaceAssociations", {}), "interfaceAssociationSet").map(association),
    };
  }

  subnetFacts(id: string): Subnet {
    const [found] = items(this.ask("DescribeSubnets", { SubnetId: { "1": id } }), "subnetSet");
    return { id, cidr: textOf(found?.["cidrBlock"]), ipv6Cidr: undefined };
  }
}

function treeOf({ subnet, groups, description, tags, token }: NewInterface): ParamTree {
  const list = Object.entries(tags).map(([Key, Value], i) => [String(i + 1), { Key, Value }]);
  return {
    SubnetId: subnet,
    Description: description,
    ClientToken: token,
    ...(groups.length > 0 && { SecurityGroupId: listOf(groups) }),
    TagSpecification: { "1": { ResourceType: "network-interface", Tag: Object.fromEntries(list) } },
  };
}

function listOf(values: readonly string[]): ParamTree {
  return Object.fromEntries(values.map((value, i) => [String(i + 1), value]));
}

/** Of a member that is a text; empty without it. */
function textOf(value: AnswerValue): string {
  return typeof value === "string" ? value : "";
}

function fields(value: AnswerValue): Answer {
  return typeof value === "object" && !Array.isArray(value) ? (value as Answer) : {};
}

function items(answer: Answer, name: string): readonly Answer[] {
  const list = answer[name];
  return Array.isArray(list) ? (list as readonly Answer[]) : [];
}

function idIn(answer: Answer, member: string, name: string): string {
  return textOf(fields(answer[member])[name]);
}

function created(answer: Answer): NetworkInterface {
  return readInterface(fields(answer["networkInterface"]));
}

function readInterface(eni: Answer): NetworkInterface {
  const attachment = fields(eni["attachment"]);
  const instance = attachment["instanceId"];
  return {
    id: textOf(eni["networkInterfaceId"]),
    type: textOf(eni["interfaceType"]),
    status: textOf(eni["status"]),
    mac: textOf(eni["macAddress"]),
    ipv4: [textOf(eni["privateIpAddress"])],
    ipv6: [],
    groups: items(eni, "groupSet").map(({ groupId }) => textOf(groupId)),
    subnet: textOf(eni["subnetId"]),
    vpc: textOf(eni["vpcId"]),
    zone: textOf(eni["availabilityZone"]),
    ...(instance !== undefined && {
      attachment: {
        id: textOf(attachment["attachmentId"]),
        instance: textOf(instance),
        deviceIndex: Number(attachment["deviceIndex"]),
        status: textOf(attachment["status"]),
        attachedAt: undefined,
        deleteOnTermination: attachment["deleteOnTermination"] === true,
      },
    }),
    tags: Object.fromEntries(items(eni, "tagSet").map(({ key, value }) => [textOf(key), textOf(value)])),
  };
}

function readInstance(instance: Answer): Instance {
  return {
    id: textOf(instance["instanceId"]),
    type: textOf(instance["instanceType"]),
    state: textOf(fields(instance["instanceState"])["name"]),
    subnet: textOf(instance["subnetId"]),
    vpc: textOf(instance["vpcId"]),
    zone: "us-east-1a",
    interfaces: items(instance, "networkInterfaceSet").map((eni) => ({
      ...readInterface(eni),
      deviceIndex: Number(fields(eni["attachment"])["deviceIndex"]),
    })),
  };
}

function association(one: Answer): TrunkAssociation {
  return {
    id: textOf(one["associationId"]),
    branch: textOf(one["branchInterfaceId"]),
    trunk: textOf(one["trunkInterfaceId"]),
    vlan: Number(one["vlanId"]),
  };
}
