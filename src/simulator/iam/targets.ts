import type { Params } from "../model/params.ts";
import type { Tag, World } from "../model/types.ts";
import { type Facts, factKey } from "./condition.ts";
import { networkResources } from "./network-targets.ts";

/** What a request has to be allowed for: one action on one resource, with what is known of both. */
export interface Target {
  /** Such as `ec2:CreateTags`. */
  readonly action: string;
  /** An ARN, or `*` where EC2 knows no resource for the action. */
  readonly resource: string;
  readonly facts: Facts;
}

/** Tags and network of a resource; undefined when it is not there. */
interface Known {
  readonly tags: readonly Tag[];
  readonly vpc?: string;
  readonly subnet?: string;
}

/**
 * All that has to be allowed, as the Service Authorization Reference has it: each resource that a call names, by itself. A
 * tag in the request is known for what the call makes and tags, not for the subnet or the groups beside it.
 * AssociateTrunkInterface and DisassociateTrunkInterface have no resources there, so they can be allowed for `*` only. What
 * does not exist is left to the operation, which says so.
 */
export function targetsOf(action: string, params: Params, world: World, account: string): readonly Target[] {
  const name = `ec2:${action}`;
  const base = new Map([
    ["aws:requestedregion", world.region],
    ["ec2:region", world.region],
  ]);
  const arn = (type: string, id: string) => `arn:aws:ec2:${world.region}:${account}:${type}/${id}`;
  const on = (type: string, id: string, known: Known | undefined): Target[] =>
    known === undefined
      ? []
      : [{ action: name, resource: arn(type, id), facts: new Map([...base, ...factsOf(known, arn)]) }];
  const interfaces = (...ids: readonly string[]) =>
    ids.flatMap((id) => on("network-interface", id, world.interfaces.get(id)));
  const instances = (...ids: readonly string[]) =>
    ids.flatMap((id) => on("instance", id, world.instances.get(id)));
  const taggedAt = (id: string) => [
    ...interfaces(id),
    ...instances(id),
    ...on("prefix-list", id, world.prefixLists.get(id)),
    ...on("network-acl", id, world.networkAcls.get(id)),
    ...on("route-table", id, world.routeTables.get(id)),
  ];
  const groups = () =>
    params.list("SecurityGroupId").flatMap((id) => on("security-group", id, world.groups.get(id)));
  /** What the call makes, and its tags. */
  const making = (type: string, place: readonly Fact[] = []): Target[] => {
    const tags = params.structures("TagSpecification").flatMap((one) => tagsIn(one));
    const made = [...base, ...requestFacts(tags)] as const;
    const resource = arn(type, "*");
    const tagging = { action: "ec2:CreateTags", resource };
    return [
      { action: name, resource, facts: new Map([...made, ...place]) },
      ...(tags.length === 0 ? [] : [{ ...tagging, facts: new Map([...made, ["ec2:createaction", action]]) }]),
    ];
  };
  const network = (): Target[] | undefined => {
    const resources = networkResources(action, params, world);
    if (resources === undefined) return undefined;
    const { makes, names } = resources;
    return [
      ...(makes === undefined ? [] : making(makes)),
      ...names.flatMap(({ type, id, known }) => on(type, id, known)),
    ];
  };
  const found = (): Target[] | undefined => {
    switch (action) {
      case "CreateNetworkInterface": {
        const subnet = world.subnets.get(params.text("SubnetId") ?? "");
        const place =
          subnet === undefined ? [] : factsOf({ tags: [], vpc: subnet.vpc, subnet: subnet.id }, arn);
        return [
          ...making("network-interface", place),
          ...on("subnet", subnet?.id ?? "", subnet),
          ...groups(),
        ];
      }
      case "DeleteNetworkInterface":
      case "CreateNetworkInterfacePermission":
        return interfaces(params.text("NetworkInterfaceId") ?? "");
      case "ModifyNetworkInterfaceAttribute":
        return [...interfaces(params.text("NetworkInterfaceId") ?? ""), ...groups()];
      case "AttachNetworkInterface":
        return [
          ...interfaces(params.text("NetworkInterfaceId") ?? ""),
          ...instances(params.text("InstanceId") ?? ""),
        ];
      case "DetachNetworkInterface": {
        const id = params.text("AttachmentId");
        const eni = [...world.interfaces.values()].find(({ attachment }) => attachment?.id === id);
        return eni === undefined ? [] : [...interfaces(eni.id), ...instances(eni.attachment?.instance ?? "")];
      }
      case "TerminateInstances":
      case "StopInstances":
      case "StartInstances":
        return instances(...params.list("InstanceId"));
      case "CreateTags":
      case "DeleteTags": {
        const request = requestFacts(tagsIn(params));
        return params.list("ResourceId").flatMap((id) =>
          taggedAt(id).map((target) => ({
            ...target,
            facts: new Map([...target.facts, ...request]),
          })),
        );
      }
      default:
        return network();
    }
  };
  return found() ?? [{ action: name, resource: "*", facts: base }];
}

type Fact = readonly [key: string, value: string | readonly string[]];

function factsOf({ tags, vpc, subnet }: Known, arn: (type: string, id: string) => string): Fact[] {
  return [
    ...tags.flatMap(({ key, value }): Fact[] => [
      [factKey(`aws:ResourceTag/${key}`), value],
      [factKey(`ec2:ResourceTag/${key}`), value],
    ]),
    ...(vpc === undefined ? [] : [["ec2:vpc", arn("vpc", vpc)] as const]),
    ...(subnet === undefined ? [] : [["ec2:subnet", arn("subnet", subnet)] as const]),
  ];
}

function requestFacts(tags: readonly Tag[]): Fact[] {
  if (tags.length === 0) return [];
  return [
    ...tags.map(({ key, value }): Fact => [factKey(`aws:RequestTag/${key}`), value]),
    ["aws:tagkeys", tags.map(({ key }) => key)],
  ];
}

function tagsIn(params: Params): Tag[] {
  return params
    .structures("Tag")
    .map((tag) => ({ key: tag.text("Key") ?? "", value: tag.text("Value") ?? "" }));
}
