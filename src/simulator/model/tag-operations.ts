import { filtered, page } from "./describe.ts";
import { Ec2Error, missing } from "./error.ts";
import { kindOf, notFoundCode } from "./ids.ts";
import { DESCRIBE, DONE } from "./operation.ts";
import type { Operations } from "./operation.ts";
import type { Params } from "./params.ts";
import { checkCount, readTags, resourceType, tagged } from "./tags.ts";
import type { Tagged } from "./tags.ts";
import type { Answer, Context } from "./types.ts";

export const TAG_OPERATIONS: Operations = {
  CreateTags: { parameters: ["ResourceId", "Tag"], required: ["ResourceId", "Tag"], run: createTags },
  DeleteTags: { parameters: ["ResourceId", "Tag"], required: ["ResourceId"], run: deleteTags },
  DescribeTags: { parameters: [...DESCRIBE], run: describeTags },
};

function resources(params: Params, { world, account }: Context): Tagged[] {
  const ids = params.list("ResourceId");
  if (ids.length === 0) throw missing("ResourceId");
  const all = new Map([...tagged(world)].map((thing) => [thing.id, thing]));
  return ids.map((id) => {
    const kind = kindOf(id);
    if (kind === undefined || resourceType(kind) === undefined)
      throw new Ec2Error("InvalidID", `The ID '${id}' is not valid`);
    const found = all.get(id);
    if (found?.owner !== account) throw new Ec2Error(notFoundCode(kind), `The ID '${id}' does not exist`);
    return found;
  });
}

function createTags(params: Params, context: Context): Answer {
  const things = resources(params, context);
  const tags = readTags(params);
  const keys = new Set(tags.map(({ key }) => key));
  const after = things.map((thing) => [...thing.tags.filter(({ key }) => !keys.has(key)), ...tags]);
  for (const list of after) checkCount(list);
  for (const [i, thing] of things.entries()) thing.tags = after[i] ?? [];
  return DONE;
}

/** Without tags, all of them; a tag with a value goes only when it has that value. */
function deleteTags(params: Params, context: Context): Answer {
  const things = resources(params, context);
  const named = params
    .structures("Tag")
    .map((tag) => ({ key: tag.required("Key"), value: tag.text("Value") }));
  for (const thing of things) {
    thing.tags = thing.tags.filter(({ key, value }) =>
      named.length === 0
        ? false
        : !named.some((one) => one.key === key && (one.value === undefined || one.value === value)),
    );
  }
  return DONE;
}

function describeTags(params: Params, { world, account }: Context): Answer {
  const all = [...tagged(world)]
    .filter(({ owner }) => owner === account)
    .flatMap(({ id, tags }) =>
      tags.map(({ key, value }) => ({
        // Of a page, not of a resource: a resource has several.
        id: `${id}/${encodeURIComponent(key)}`,
        resource: id,
        type: resourceType(kindOf(id)),
        key,
        value,
        tags: [{ key, value }],
      })),
    );
  const found = filtered(all, params, {
    "resource-id": ({ resource }) => [resource],
    "resource-type": ({ type }) => [type],
    key: ({ key }) => [key],
    value: ({ value }) => [value],
  });
  const { page: shown, next } = page(found, params, { min: 5, max: 1000 });
  return {
    tagSet: shown.map(({ resource, type, key, value }) => ({
      resourceId: resource,
      resourceType: type,
      key,
      value,
    })),
    ...next,
  };
}
