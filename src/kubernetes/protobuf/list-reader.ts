import { LIST_ITEMS, LIST_META, MAGIC, META, RAW } from "./answer.ts";
import { decode } from "./decode.ts";
import type { Message } from "./message.ts";
import { ProtobufError, Wire, WireReader } from "./wire.ts";

/** What a list says of itself; it comes before the items. */
export interface ListHead {
  readonly resourceVersion: string;
  /** Empty on the last page. */
  readonly continue: string;
}

/**
 * Reads a list as its bytes arrive: a page of thousands of objects has megabytes, and its head says how to ask for the next
 * one. ProtobufError.
 */
export class ListReader {
  /** Undefined until it has arrived. */
  head: ListHead | undefined;
  private readonly item: Message;
  /** What is not read yet. */
  private rest: Buffer = Buffer.alloc(0);
  /** Bytes of the list that are still to come; undefined before it begins. */
  private left: number | undefined;

  constructor(item: Message) {
    this.item = item;
  }

  /** Objects that are whole by now, each as its JSON would be, as far as the message has its fields. */
  *read(piece: Uint8Array): Generator<unknown, void, undefined> {
    this.rest = this.rest.length === 0 ? asBuffer(piece) : Buffer.concat([this.rest, piece]);
    const reader = new WireReader(this.rest);
    if (this.left === undefined && !this.begin(reader)) return;
    while (this.left !== undefined && this.left > 0) {
      const before = reader.at;
      const field = nextField(reader);
      if (field === undefined) break;
      this.left -= reader.at - before;
      const { number, at, end } = field;
      if (number === LIST_META) this.head = headOf(decode(this.rest, META, at, end));
      else if (number === LIST_ITEMS) yield decode(this.rest, this.item, at, end);
    }
    this.rest = this.rest.subarray(reader.at);
  }

  /** After the last piece. */
  end(): ListHead {
    if (this.left !== 0) throw new ProtobufError("the list is not whole");
    return this.head ?? { resourceVersion: "", continue: "" };
  }

  /** Up to the list itself: the magic, and the fields of Unknown before it. False: not enough has arrived. */
  private begin(reader: WireReader): boolean {
    if (this.rest.length < MAGIC.length) return false;
    if (!this.rest.subarray(0, MAGIC.length).equals(MAGIC))
      throw new ProtobufError("the answer does not begin as protobuf of the API server does");
    reader.at = MAGIC.length;
    let field = nextField(reader, RAW);
    while (field !== undefined && field.number !== RAW) field = nextField(reader, RAW);
    if (field === undefined) return false;
    this.left = field.end - field.at;
    return true;
  }
}

interface Found {
  readonly number: number;
  readonly at: number;
  readonly end: number;
}

/** The next field, whole; undefined while it is not. Of the field `open` only its head has to be there. */
function nextField(reader: WireReader, open?: number): Found | undefined {
  const start = reader.at;
  const tag = reader.tryVarint();
  if (tag !== undefined) {
    const number = tag >>> 3;
    if ((tag & 7) !== Wire.BYTES) {
      const before = reader.at;
      if (reader.trySkip(tag & 7)) return { number: -1, at: before, end: reader.at };
    } else {
      const length = reader.tryVarint();
      if (length !== undefined) {
        const { at } = reader;
        if (number === open) return { number, at, end: at + length };
        if (at + length <= reader.end) {
          reader.at = at + length;
          return { number, at, end: reader.at };
        }
      }
    }
  }
  reader.at = start;
  return undefined;
}

function headOf({ resourceVersion, continue: next }: Readonly<Record<string, unknown>>): ListHead {
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  return { resourceVersion: text(resourceVersion), continue: text(next) };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
