/** Writes protobuf, for tests of its reader: fields are pairs of number and value, in the order in which they are to come. */

export type Part = number | bigint | string | boolean | Uint8Array | readonly Pair[];
export type Pair = readonly [field: number, value: Part];

export function encoded(pairs: readonly Pair[]): Buffer {
  return Buffer.concat(pairs.flatMap(([field, value]) => fieldOf(field, value)));
}

function fieldOf(field: number, value: Part): Buffer[] {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return [varint(field * 8), varint(value)];
  const bytes =
    typeof value === "string"
      ? Buffer.from(value)
      : value instanceof Uint8Array
        ? Buffer.from(value)
        : encoded(value);
  return [varint(field * 8 + 2), varint(bytes.length), bytes];
}

/** Negative ones as int64 has them, in ten bytes. */
export function varint(value: number | bigint | boolean): Buffer {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const more = rest > 0x7fn;
    bytes.push(Number(rest & 0x7fn) | (more ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** An answer of the API server: its magic, and an Unknown around the object. */
export function answer(kind: string, object: readonly Pair[]): Buffer {
  const type: readonly Pair[] = [
    [1, "v1"],
    [2, kind],
  ];
  return Buffer.concat([
    Buffer.from("k8s\0"),
    encoded([
      [1, type],
      [2, object],
      [3, ""],
      [4, ""],
    ]),
  ]);
}

/** A page of a list. */
export function page(items: readonly (readonly Pair[])[], next = "", resourceVersion = "7"): Buffer {
  const meta: readonly Pair[] = [
    [1, ""],
    [2, resourceVersion],
    [3, next],
  ];
  return answer("PodList", [[1, meta], ...items.map((item): Pair => [2, item])]);
}
