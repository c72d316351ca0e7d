import { KubernetesError } from "./error.ts";

const LINE_BREAK = 0x0a;

/**
 * The lines of a stream, without those that are empty. A last line without its line break is not given: the connection
 * broke inside it. KubernetesError when a line has more than `mostBytes`.
 */
export async function* linesOf(
  body: AsyncIterable<Uint8Array>,
  mostBytes: number,
  request: string,
): AsyncGenerator<string, void, undefined> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_BREAK, start);
      const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
      length += piece.length;
      if (length > mostBytes) {
        throw new KubernetesError("retry", request, `a line has more than ${mostBytes} bytes`);
      }
      pieces.push(piece);
      if (end === -1) break;
      // Decoded as a whole: a character may lie across two pieces.
      const line = Buffer.concat(pieces).toString("utf8").trim();
      pieces = [];
      length = 0;
      start = end + 1;
      if (line !== "") yield line;
    }
  }
}
