/**
 * Which fields of a protobuf message are read, and how, so that the object is as its JSON would be. Objects of the API server
 * have many more; they are skipped unread. Field numbers never change their meaning (k8s.io/api, generated.proto).
 */

export type Kind =
  | "text"
  | "bool"
  /** int32 or int64, of which the API server's fit a number. */
  | "number"
  /** meta.v1.Time: RFC 3339, to the second. */
  | "time"
  /** The same in milliseconds since 1970, where there are too many for texts. */
  | "instant"
  /** api.resource.Quantity: a text. */
  | "quantity";

export type Value = Kind | Message;

export interface Field {
  /** As in JSON. */
  readonly name: string;
  readonly value: Value;
  readonly form: "single" | "list" | "map";
  /** Of a map: only these keys. */
  readonly only?: readonly string[];
}

/** By field number. */
export type Message = readonly (Field | undefined)[];

type Given = Readonly<
  Record<string, readonly [number: number, value: Value, form?: Field["form"], only?: readonly string[]]>
>;

export function message(given: Given): Message {
  const fields: (Field | undefined)[] = [];
  for (const [name, [number, value, form = "single", only]] of Object.entries(given)) {
    fields[number] = { name, value, form, ...(only !== undefined && { only }) };
  }
  return fields;
}
