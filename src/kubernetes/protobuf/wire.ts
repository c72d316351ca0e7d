/** The wire format of protobuf: a field is a tag, and a value whose type the tag says. */

/** The bytes are not what they should be. */
export class ProtobufError extends Error {
  override name = "ProtobufError";
}

/** Types of values; those of groups are no longer used by anybody. */
export const Wire = { VARINT: 0, FIXED64: 1, BYTES: 2, FIXED32: 5 } as const;

/** Longer than a varint of 64 bits is no number. */
const MOST_VARINT = 10;

/** Reads on from `at`; never beyond `end`. */
export class WireReader {
  readonly bytes: Buffer;
  at: number;
  end: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** A varint. Exact up to 2^53; of a negative int64 only that it is not small. */
  varint(): number {
    const value = this.tryVarint();
    if (value === undefined) throw new ProtobufError("the message ends within a number");
    return value;
  }

  /** The same; undefined when it is not all there. */
  tryVarint(): number | undefined {
    const { bytes, end, at } = this;
    let value = 0;
    let scale = 1;
    for (let read = 0; read < MOST_VARINT; read += 1) {
      if (at + read >= end) return undefined;
      const byte = bytes[at + read] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.at = at + read + 1;
        return value;
      }
      scale *= 128;
    }
    throw new ProtobufError("a number has more than 64 bits");
  }

  /** The end of the bytes that begin after their length, which is read. */
  endOfBytes(): number {
    const length = this.varint();
    const end = this.at + length;
    if (end > this.end) throw new ProtobufError("the message ends within a field");
    return end;
  }

  /** Goes into bytes whose length is read; gives the end of what is around them, for `leave`. */
  enter(): number {
    const { end } = this;
    this.end = this.endOfBytes();
    return end;
  }

  /** Goes on after the bytes. */
  leave(end: number): void {
    this.at = this.end;
    this.end = end;
  }

  text(): string {
    const end = this.endOfBytes();
    const text = this.bytes.toString("utf8", this.at, end);
    this.at = end;
    return text;
  }

  /** Past a value of this type. */
  skip(type: number): void {
    if (type === Wire.BYTES) this.at = this.endOfBytes();
    else if (!this.trySkip(type)) throw new ProtobufError("the message ends within a field");
  }

  /** Past a number of this type; false when it is not all there. */
  trySkip(type: number): boolean {
    switch (type) {
      case Wire.VARINT:
        return this.tryVarint() !== undefined;
      case Wire.FIXED64:
        this.at += 8;
        return this.at <= this.end;
      case Wire.FIXED32:
        this.at += 4;
        return this.at <= this.end;
      default:
        throw new ProtobufError(`a value of type ${type} is none of protobuf's`);
    }
  }
}
