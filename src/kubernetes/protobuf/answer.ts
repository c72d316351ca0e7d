import { decode } from "./decode.ts";
import type { Message } from "./message.ts";
import { STATUS } from "./objects.ts";
import { ProtobufError, Wire, WireReader } from "./wire.ts";

/** Answers of the API server in protobuf (k8s.io/apimachinery, runtime/serializer/protobuf). */

export const PROTOBUF = "application/vnd.kubernetes.protobuf";

/** Before each answer: "k8s" and a zero. Then comes a runtime.Unknown, of which this field is the object. */
export const MAGIC = Buffer.from("k8s\0", "latin1");
export const RAW = 2;
/** Of a list: metav1.ListMeta, and the objects. */
export const LIST_META = 1;
export const LIST_ITEMS = 2;

/** metav1.ListMeta. */
export const META: Message = [
  undefined,
  undefined,
  { name: "resourceVersion", value: "text", form: "single" },
  { name: "continue", value: "text", form: "single" },
];

/** A refusal as its JSON would be. ProtobufError. */
export function readStatus(answer: Buffer): Readonly<Record<string, unknown>> {
  if (!answer.subarray(0, MAGIC.length).equals(MAGIC))
    throw new ProtobufError("the answer does not begin as protobuf of the API server does");
  const reader = new WireReader(answer, MAGIC.length);
  while (reader.at < reader.end) {
    const tag = reader.varint();
    if (tag >>> 3 !== RAW || (tag & 7) !== Wire.BYTES) {
      reader.skip(tag & 7);
      continue;
    }
    const end = reader.endOfBytes();
    return decode(answer, STATUS, reader.at, end);
  }
  throw new ProtobufError("the answer has no object");
}
