import { formatPrefix } from "../../values/ip.ts";
import { readCidr } from "./addresses.ts";
import { filtered, page } from "./describe.ts";
import { Ec2Error, invalidValue } from "./error.ts";
import { born, find, namedOrOwned, newId } from "./ids.ts";
import { DESCRIBE, textAt } from "./operation.ts";
import type { Operations } from "./operation.ts";
import type { Params } from "./params.ts";
import { tagSet, tagsFor } from "./tags.ts";
import type { Answer, Context, PrefixList, PrefixListEntry, Rule, World } from "./types.ts";

const PAGE = { min: 1, max: 100 };
/** Entries that one request may add, and remove. */
const MAX_CHANGES = 100;
/** Versions that are kept: the oldest goes first. */
const MAX_VERSIONS = 1000;
const MAX_DESCRIPTION = 255;
const FAMILIES = { IPv4: 4, IPv6: 6 } as const;

export const PREFIX_LIST_OPERATIONS: Operations = {
  CreateManagedPrefixList: {
    parameters: ["PrefixListName", "Entry", "MaxEntries", "AddressFamily", "TagSpecification", "ClientToken"],
    required: ["PrefixListName", "MaxEntries", "AddressFamily"],
    idempotent: true,
    run: createList,
    made: (answer) => textAt(answer, "prefixList", "prefixListId"),
  },
  DeleteManagedPrefixList: { parameters: ["PrefixListId"], required: ["PrefixListId"], run: deleteList },
  DescribeManagedPrefixLists: { parameters: [...DESCRIBE, "PrefixListId"], run: describeLists },
  GetManagedPrefixListEntries: {
    parameters: ["PrefixListId", "TargetVersion", "MaxResults", "NextToken"],
    required: ["PrefixListId"],
    run: describeEntries,
  },
  ModifyManagedPrefixList: {
    parameters: ["PrefixListId", "CurrentVersion", "PrefixListName", "AddEntry", "RemoveEntry", "MaxEntries"],
    required: ["PrefixListId"],
    run: modifyList,
  },
};

/** Of its newest version. */
export function entriesOf({ versions, version }: PrefixList): readonly PrefixListEntry[] {
  return versions.get(version) ?? [];
}

function createList(params: Params, context: Context): Answer {
  const { world, account, effect } = context;
  const name = readName(params.required("PrefixListName"));
  const familyName = params.required("AddressFamily");
  const family = Object.hasOwn(FAMILIES, familyName)
    ? FAMILIES[familyName as keyof typeof FAMILIES]
    : undefined;
  if (family === undefined) throw invalidValue(familyName, "AddressFamily", "It is IPv4 or IPv6.");
  const maxEntries = readSize(params, world) ?? 0;
  const entries = changesIn(params, "Entry").map((entry) => readEntry(entry, family));
  checkUnique(entries, "Entries");
  checkSize(entries.length, maxEntries);
  const tags = tagsFor(params, "prefix-list");
  const owned = [...world.prefixLists.values()].filter(({ owner }) => owner === account).length;
  if (owned >= world.settings.quotas.prefixLists) {
    throw new Ec2Error("PrefixListLimitExceeded", "The maximum number of prefix lists has been reached.");
  }
  const list: PrefixList = {
    id: newId(world, "pl"),
    owner: account,
    ...born(context),
    tags,
    name,
    family,
    maxEntries,
    state: "create-complete",
    version: 1,
    versions: new Map([[1, entries]]),
  };
  world.prefixLists.set(list.id, list);
  effect("prefix-list-created", list.id);
  return {
    prefixList: listView(world, list, "create-in-progress"),
  };
}

function readName(name: string): string {
  if (name.length > 255 || name.startsWith("com.amazonaws")) {
    throw invalidValue(
      name,
      "PrefixListName",
      "A name has up to 255 characters and does not begin with com.amazonaws.",
    );
  }
  return name;
}

function readSize(params: Params, world: World): number | undefined {
  const size = params.integer("MaxEntries");
  const most = world.settings.quotas.entriesPerPrefixList;
  if (size !== undefined && (size < 1 || size > most))
    throw invalidValue(size, "MaxEntries", `It is a number from 1 to ${most}.`);
  return size;
}

function changesIn(params: Params, name: string): Params[] {
  const changes = params.structures(name);
  if (changes.length > MAX_CHANGES) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `The request cannot contain more than ${MAX_CHANGES} entry additions or removals.`,
    );
  }
  return changes;
}

function readEntry(params: Params, family: 4 | 6): PrefixListEntry {
  const cidr = formatPrefix(readCidr(params.required("Cidr"), "Cidr", family));
  const description = params.text("Description") ?? "";
  if (description.length > MAX_DESCRIPTION)
    throw invalidValue(description, "Description", `At most ${MAX_DESCRIPTION} characters are taken.`);
  return { cidr, ...(description === "" ? {} : { description }) };
}

function checkUnique(entries: readonly { readonly cidr: string }[], what: string): void {
  const twice = entries.find(({ cidr }, i) => entries.findIndex((one) => one.cidr === cidr) !== i);
  if (twice !== undefined)
    throw new Ec2Error("InvalidParameterValue", `${what} cannot contain ${twice.cidr} more than once.`);
}

function checkSize(count: number, maxEntries: number): void {
  if (count > maxEntries) {
    throw new Ec2Error(
      "PrefixListMaxEntriesExceeded",
      `The prefix list would have ${count} entries; its maximum is ${maxEntries}.`,
    );
  }
}

function modifyList(params: Params, context: Context): Answer {
  const { world, effect } = context;
  const list = find(world.prefixLists, "prefixList", params.required("PrefixListId"), context);
  const name = params.text("PrefixListName");
  if (name !== undefined) readName(name);
  const size = readSize(params, world);
  const added = changesIn(params, "AddEntry").map((entry) => readEntry(entry, list.family));
  const removed = changesIn(params, "RemoveEntry").map((entry) => readEntry(entry, list.family).cidr);
  const changesEntries = added.length + removed.length > 0;
  if (changesEntries && size !== undefined) {
    throw new Ec2Error(
      "InvalidParameterCombination",
      "You cannot modify the entries and the maximum entries for the prefix list in the same request.",
    );
  }
  if (name === undefined && size === undefined && !changesEntries)
    throw new Ec2Error("InvalidRequest", "The request received was invalid.");
  const current = params.integer("CurrentVersion");
  if (current !== undefined && current !== list.version) {
    throw new Ec2Error(
      "PrefixListVersionMismatch",
      `The prefix list has the incorrect version number: it is ${list.version}, not ${current}.`,
    );
  }
  const entries = changesEntries ? changedEntries(list, added, removed) : undefined;
  if (size !== undefined && size < entriesOf(list).length)
    throw invalidValue(size, "MaxEntries", `The prefix list has ${entriesOf(list).length} entries.`);
  const tooLarge = size === undefined ? [] : groupsWithoutRoom(world, list, size);
  if (entries !== undefined) addVersion(list, entries);
  list.name = name ?? list.name;
  list.state = tooLarge.length === 0 ? "modify-complete" : "modify-failed";
  if (tooLarge.length === 0) {
    delete list.stateMessage;
    list.maxEntries = size ?? list.maxEntries;
  } else {
    // EC2 takes the request, and says by the state that it came to nothing.
    list.stateMessage = `The following resources do not support the new maximum size: ${tooLarge.slice(0, 10).join(", ")}`;
  }
  effect("prefix-list-changed", list.id);
  return { prefixList: listView(world, list, "modify-in-progress") };
}

function changedEntries(
  list: PrefixList,
  added: readonly PrefixListEntry[],
  removed: readonly string[],
): PrefixListEntry[] {
  checkUnique(added, "AddEntries");
  checkUnique(
    removed.map((cidr) => ({ cidr })),
    "RemoveEntries",
  );
  const both = added.find(({ cidr }) => removed.includes(cidr));
  if (both !== undefined) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `Request cannot contain Cidr ${both.cidr} in both AddPrefixListEntries and RemovePrefixListEntries`,
    );
  }
  const now = new Map(entriesOf(list).map((entry) => [entry.cidr, entry]));
  for (const cidr of removed) {
    if (!now.delete(cidr))
      throw new Ec2Error(
        "InvalidPrefixListModification",
        `The entry with the CIDR (${cidr}) does not exist.`,
      );
  }
  for (const entry of added) {
    const same = now.get(entry.cidr);
    if (same !== undefined) {
      throw new Ec2Error(
        "InvalidPrefixListModification",
        `An entry with the CIDR (${entry.cidr}) and description (${same.description ?? ""}) already exists.`,
      );
    }
    now.set(entry.cidr, entry);
  }
  checkSize(now.size, list.maxEntries);
  return [...now.values()];
}

function addVersion(list: PrefixList, entries: readonly PrefixListEntry[]): void {
  list.version += 1;
  list.versions.set(list.version, entries);
  const [oldest] = list.versions.size > MAX_VERSIONS ? list.versions.keys() : [];
  if (oldest !== undefined) list.versions.delete(oldest);
}

/** Ids of the groups whose rules would be more than the quota if the list had this size. */
function groupsWithoutRoom(world: World, list: PrefixList, size: number): string[] {
  const resized = { ...world, prefixLists: new Map(world.prefixLists) };
  resized.prefixLists.set(list.id, { ...list, maxEntries: size });
  return [...world.groups.values()]
    .filter((group) => group.rules.some(({ prefixList }) => prefixList === list.id))
    .filter((group) =>
      [true, false].some(
        (egress) => rulesCounted(group.rules, egress, resized) > world.settings.quotas.rulesPerGroup,
      ),
    )
    .map(({ id }) => id);
}

/** A rule for a prefix list counts as many as the list may have entries. */
export function rulesCounted(
  rules: readonly Omit<Rule, "id" | "tags">[],
  egress: boolean,
  { prefixLists }: Pick<World, "prefixLists">,
): number {
  return rules
    .filter((rule) => rule.egress === egress)
    .reduce((sum, { prefixList = "" }) => sum + (prefixLists.get(prefixList)?.maxEntries ?? 1), 0);
}

function deleteList(params: Params, context: Context): Answer {
  const { world, effect } = context;
  const list = find(world.prefixLists, "prefixList", params.required("PrefixListId"), context);
  const users = [
    ...[...world.groups.values()]
      .filter(({ rules }) => rules.some(({ prefixList }) => prefixList === list.id))
      .map(({ id }) => id),
    ...[...world.routeTables.values()]
      .filter(({ routes }) => routes.some(({ destination }) => destination === list.id))
      .map(({ id }) => id),
  ];
  if (users.length > 0) {
    throw new Ec2Error(
      world.settings.prefixListInUseCode,
      `The prefix list '${list.id}' is in use by ${users.slice(0, 10).join(", ")} and cannot be deleted.`,
    );
  }
  world.prefixLists.delete(list.id);
  effect("prefix-list-deleted", list.id);
  return { prefixList: listView(world, list, "delete-in-progress") };
}

function describeLists(params: Params, context: Context): Answer {
  const { world } = context;
  const all = namedOrOwned(world.prefixLists, "prefixList", params.list("PrefixListId"), context);
  const found = filtered(all, params, {
    "owner-id": ({ owner }) => [owner],
    "prefix-list-id": ({ id }) => [id],
    "prefix-list-name": ({ name }) => [name],
  });
  const { page: shown, next } = page(found, params, PAGE);
  return { prefixListSet: shown.map((list) => listView(world, list, list.state)), ...next };
}

function describeEntries(params: Params, context: Context): Answer {
  const { world } = context;
  const list = find(world.prefixLists, "prefixList", params.required("PrefixListId"), context);
  const version = params.integer("TargetVersion") ?? list.version;
  const entries = list.versions.get(version);
  if (entries === undefined)
    throw invalidValue(version, "TargetVersion", `The prefix list has version ${list.version}.`);
  const { page: shown, next } = page(
    entries.map((entry) => ({ ...entry, id: entry.cidr })),
    params,
    PAGE,
  );
  return { entrySet: shown.map(({ cidr, description }) => ({ cidr, description })), ...next };
}

function listView(world: World, list: PrefixList, state: string): Answer {
  return {
    prefixListId: list.id,
    addressFamily: `IPv${list.family}`,
    state,
    stateMessage: list.stateMessage,
    prefixListArn: `arn:aws:ec2:${world.region}:${list.owner}:prefix-list/${list.id}`,
    prefixListName: list.name,
    maxEntries: list.maxEntries,
    version: list.version,
    ownerId: list.owner,
    tagSet: tagSet(list.tags),
  };
}
