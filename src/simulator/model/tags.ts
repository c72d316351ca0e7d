import { Ec2Error, invalidValue } from "./error.ts";
import type { Kind } from "./ids.ts";
import type { Params } from "./params.ts";
import type { Answer, Tag, World } from "./types.ts";

const MAX_TAGS = 50;
const MAX_KEY = 128;
const MAX_VALUE = 256;

/** What has tags, as `TagSpecification.N.ResourceType` and DescribeTags call it. */
const TYPES: Readonly<Partial<Record<Kind, string>>> = {
  vpc: "vpc",
  subnet: "subnet",
  group: "security-group",
  rule: "security-group-rule",
  interface: "network-interface",
  instance: "instance",
  association: "trunk-interface-association",
  prefixList: "prefix-list",
  networkAcl: "network-acl",
  routeTable: "route-table",
};

/** Of the kind of thing that an id is of. */
export function resourceType(kind: Kind | undefined): string | undefined {
  return kind === undefined ? undefined : TYPES[kind];
}

export function readTags(params: Params, name = "Tag"): Tag[] {
  const tags = params.structures(name).map((tag) => {
    const key = tag.required("Key");
    const value = tag.text("Value") ?? "";
    if (key.length > MAX_KEY) throw invalidValue(key, "tag key", `At most ${MAX_KEY} characters are taken.`);
    if (value.length > MAX_VALUE)
      throw invalidValue(value, "tag value", `At most ${MAX_VALUE} characters are taken.`);
    if (key.toLowerCase().startsWith("aws:")) {
      throw invalidValue(key, "tag key", "Tag keys starting with 'aws:' are reserved for internal use");
    }
    return { key, value };
  });
  const keys = new Set(tags.map(({ key }) => key));
  if (keys.size < tags.length)
    throw new Ec2Error("InvalidParameterValue", "Duplicate tag keys found in the request");
  checkCount(tags);
  return tags;
}

/** The tags that `TagSpecification` has for this type; another type than those that the call makes is refused. */
export function tagsFor(params: Params, type: string, also: readonly string[] = []): Tag[] {
  return params.structures("TagSpecification").flatMap((specification) => {
    const named = specification.required("ResourceType");
    if (named !== type && !also.includes(named)) {
      throw new Ec2Error(
        "InvalidParameterValue",
        `'${named}' is not a valid taggable resource type for this operation.`,
      );
    }
    return named === type ? readTags(specification) : [];
  });
}

export function checkCount(tags: readonly Tag[]): void {
  if (tags.length > MAX_TAGS) {
    throw new Ec2Error("TagLimitExceeded", `More than ${MAX_TAGS} tags for one resource: ${tags.length}`);
  }
}

export function tagSet(tags: readonly Tag[]): Answer[] {
  return tags.map(({ key, value }) => ({ key, value }));
}

export interface Tagged {
  readonly id: string;
  readonly owner: string;
  tags: Tag[];
}

/** Everything that has tags. */
export function* tagged(world: World): Generator<Tagged> {
  for (const map of [
    world.vpcs,
    world.subnets,
    world.groups,
    world.interfaces,
    world.instances,
    world.associations,
    world.prefixLists,
    world.networkAcls,
    world.routeTables,
  ]) {
    yield* map.values();
  }
  for (const { rules, owner } of world.groups.values()) {
    for (const rule of rules) yield new OwnedRule(rule, owner);
  }
}

/** A rule has its group's owner. */
class OwnedRule implements Tagged {
  readonly id: string;
  readonly owner: string;
  private readonly rule: { readonly id: string; tags: Tag[] };

  constructor(rule: { readonly id: string; tags: Tag[] }, owner: string) {
    this.id = rule.id;
    this.owner = owner;
    this.rule = rule;
  }

  get tags(): Tag[] {
    return this.rule.tags;
  }

  set tags(tags: Tag[]) {
    this.rule.tags = tags;
  }
}
