import type { ListOf } from "./client.ts";
import { KubernetesError } from "./error.ts";
import type { Message } from "./protobuf/message.ts";
import { ListReader } from "./protobuf/list-reader.ts";
import { ProtobufError } from "./protobuf/wire.ts";
import type { Resource } from "./resource.ts";

/** The body of an answer, which is still to be read; to be disposed of after that. */
export interface OpenAnswer extends Disposable {
  readonly pieces: AsyncIterable<Uint8Array>;
  /** For messages. */
  readonly request: string;
}

export interface Pages {
  readonly most: number;
  /** Asks for a page: `from` is where the one before it ended, empty for the first. */
  readonly open: (from: string) => Promise<OpenAnswer>;
}

/** Page by page, each of which is read as it arrives, while the API server makes the next one. KubernetesError. */
export async function listInProtobuf<T>(
  { plural, read }: Pick<Resource<T>, "plural" | "read">,
  message: Message,
  { most, open }: Pages,
): Promise<ListOf<T>> {
  const items: T[] = [];
  let opening = open("");
  for (let count = 1; count <= most; count++) {
    using page = await opening;
    const reader = new ListReader(message);
    let next: Promise<OpenAnswer> | undefined;
    try {
      for await (const piece of page.pieces) {
        for (const item of reader.read(piece)) items.push(read(item));
        const from = reader.head?.continue ?? "";
        if (next === undefined && from !== "") next = open(from);
      }
      const { resourceVersion, continue: from } = reader.end();
      if (from === "") return { items, resourceVersion };
      opening = next ?? open(from);
    } catch (error) {
      // It is of no use any more, whatever it says.
      next?.then(
        (answer) => answer[Symbol.dispose](),
        () => {},
      );
      throw asKubernetesError(error, page.request);
    }
  }
  (await opening)[Symbol.dispose]();
  throw new KubernetesError("retry", `list ${plural}`, `more than ${most} pages`);
}

function asKubernetesError(error: unknown, request: string): unknown {
  if (!(error instanceof ProtobufError)) return error;
  return new KubernetesError("retry", request, `the answer cannot be read: ${error.message}`, {
    cause: error,
  });
}
