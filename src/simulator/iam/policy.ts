import { type Condition, readCondition } from "./condition.ts";

/** A statement of an IAM policy. */
export interface Statement {
  /** Its Sid, or `statement 1`. */
  readonly name: string;
  readonly effect: "Allow" | "Deny";
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions: readonly Condition[];
}

/**
 * Reads an IAM policy (JSON). Strict: what the simulator cannot evaluate, or what IAM would refuse, is a TypeError in one
 * line, since a statement that is left out would let a test say too much.
 */
export function readPolicy(text: string): readonly Statement[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TypeError("it is no JSON");
  }
  const policy = fieldsAt(value, "the policy", ["Version", "Id", "Statement"]);
  if (policy["Version"] !== "2012-10-17") throw new TypeError('"Version" is "2012-10-17"');
  const list = Array.isArray(policy["Statement"]) ? policy["Statement"] : [policy["Statement"]];
  const statements = list.map(readStatement);
  const twice = statements.find(({ name }, i) => statements.findIndex((one) => one.name === name) !== i);
  if (twice !== undefined) throw new TypeError(`the Sid "${twice.name}" is there twice`);
  return statements;
}

function readStatement(value: unknown, index: number): Statement {
  const place = `statement ${index + 1}`;
  const fields = fieldsAt(value, place, ["Sid", "Effect", "Action", "Resource", "Condition"]);
  const { Sid: sid = place, Effect: effect } = fields;
  if (typeof sid !== "string" || !/^[A-Za-z0-9]+$|^statement \d+$/.test(sid))
    throw new TypeError(`the Sid of ${place} has letters and digits only`);
  if (effect !== "Allow" && effect !== "Deny") throw new TypeError(`"Effect" of ${sid} is Allow or Deny`);
  const actions = textsAt(fields["Action"], `"Action" of ${sid}`);
  const foreign = actions.find((action) => action !== "*" && !/^ec2:[A-Za-z*?]+$/i.test(action));
  if (foreign !== undefined) throw new TypeError(`"${foreign}" in ${sid} is no action of EC2's`);
  const resources = textsAt(fields["Resource"], `"Resource" of ${sid}`);
  const odd = resources.find(
    (resource) => resource !== "*" && !/^arn:[^:]+:ec2:[^:]*:[^:]*:.+$/.test(resource),
  );
  if (odd !== undefined) throw new TypeError(`"${odd}" in ${sid} is no ARN of EC2's`);
  return {
    name: sid,
    effect,
    actions,
    resources,
    conditions: readConditions(fields["Condition"] ?? {}, sid),
  };
}

function readConditions(value: unknown, sid: string): Condition[] {
  return Object.entries(fieldsAt(value, `"Condition" of ${sid}`)).flatMap(([operator, keys]) =>
    Object.entries(fieldsAt(keys, `"${operator}" of ${sid}`)).map(([key, wanted]) => {
      try {
        return readCondition(operator, key, textsAt(wanted, `"${key}"`));
      } catch (error) {
        throw new TypeError(`${sid}: ${(error as Error).message}`, { cause: error });
      }
    }),
  );
}

function fieldsAt(
  value: unknown,
  place: string,
  known?: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`${place} is an object`);
  const odd = known === undefined ? undefined : Object.keys(value).find((name) => !known.includes(name));
  if (odd !== undefined) throw new TypeError(`the simulator knows no "${odd}" in ${place}`);
  return value as Readonly<Record<string, unknown>>;
}

function textsAt(value: unknown, place: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = list.flatMap((one) =>
    typeof one === "string" ? one : typeof one === "boolean" ? String(one) : [],
  );
  if (texts.length < list.length || texts.length === 0)
    throw new TypeError(`${place} is a text, or a list of them`);
  return texts;
}
