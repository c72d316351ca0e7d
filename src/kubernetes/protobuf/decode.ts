import type { Field, Kind, Message, Value } from "./message.ts";
import { ProtobufError, Wire, WireReader } from "./wire.ts";

/** From bytes to an object as JSON has it. What JSON leaves out, as empty texts, is left out here too. */

type Fields = Record<string, unknown>;

/** Throws ProtobufError. */
export function decode(bytes: Buffer, fields: Message, at = 0, end = bytes.length): Fields {
  return messageOf(new WireReader(bytes, at, end), fields, {});
}

/** Reads up to the reader's end. */
function messageOf(reader: WireReader, fields: Message, into: Fields): Fields {
  while (reader.at < reader.end) {
    const tag = reader.varint();
    const type = tag & 7;
    const field = fields[tag >>> 3];
    if (field === undefined) reader.skip(type);
    else readField(reader, type, field, into);
  }
  return into;
}

function readField(reader: WireReader, type: number, field: Field, into: Fields): void {
  const { name, value, form } = field;
  if (form === "map") {
    expectType(type, Wire.BYTES, name);
    const end = reader.enter();
    readEntry(reader, field, (into[name] ??= Object.create(null)) as Fields);
    reader.leave(end);
    return;
  }
  const read = valueOf(reader, type, value, name);
  if (form === "list") ((into[name] ??= []) as unknown[]).push(read);
  else if (!isOmitted(read)) into[name] = read;
}

/** As of Go's `omitempty`, which nearly every field of the API has. */
function isOmitted(value: unknown): boolean {
  return value === "" || value === false || value === undefined;
}

/** An entry of a map: field 1 is the key, field 2 the value. Either may be absent, and is then empty. */
function readEntry(reader: WireReader, { value, only }: Field, into: Fields): void {
  let key = "";
  let read: unknown = "";
  while (reader.at < reader.end) {
    const tag = reader.varint();
    if (tag >>> 3 === KEY) key = valueOf(reader, tag & 7, "text", "a key") as string;
    // The key comes first.
    else if (tag >>> 3 !== VALUE || only?.includes(key) === false) reader.skip(tag & 7);
    else read = valueOf(reader, tag & 7, value, "a value");
  }
  if (only?.includes(key) !== false) into[key] = read;
}

const KEY = 1;
const VALUE = 2;

function valueOf(reader: WireReader, type: number, value: Value, name: string): unknown {
  if (typeof value === "string") {
    expectType(type, value === "bool" || value === "number" ? Wire.VARINT : Wire.BYTES, name);
    return READ[value](reader);
  }
  expectType(type, Wire.BYTES, name);
  return partOf(reader, value);
}

/** A message that is a field. */
function partOf(reader: WireReader, fields: Message): Fields {
  const end = reader.enter();
  const part = messageOf(reader, fields, {});
  reader.leave(end);
  return part;
}

const TIME: Message = [undefined, { name: "seconds", value: "number", form: "single" }];
const QUANTITY: Message = [undefined, { name: "text", value: "text", form: "single" }];
/** The year 10000: what is later is negative, as Go's zero time. */
const LATEST_S = 253_402_300_800;

const READ: Readonly<Record<Kind, (reader: WireReader) => unknown>> = {
  text: (reader) => reader.text(),
  bool: (reader) => reader.varint() !== 0,
  number: (reader) => reader.varint(),
  time(reader) {
    const at = instantOf(reader);
    return at === undefined ? undefined : `${new Date(at).toISOString().slice(0, -5)}Z`;
  },
  instant: instantOf,
  quantity: (reader) => partOf(reader, QUANTITY)["text"] ?? "0",
};

function instantOf(reader: WireReader): number | undefined {
  const { seconds } = partOf(reader, TIME);
  return typeof seconds === "number" && seconds < LATEST_S ? seconds * 1000 : undefined;
}

function expectType(type: number, expected: number, name: string): void {
  if (type !== expected) throw new ProtobufError(`field ${name} has type ${type} instead of ${expected}`);
}
