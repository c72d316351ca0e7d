import { request } from "node:http";

/** A short text of a service beside us, such as instance metadata: it answers at once or not at all. */

const ANSWER_MS = 2_000;
const MAX_ANSWER = 4 * 1024 * 1024;

interface Options {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The body of a 200; an Error in words for anything else. */
export function httpText(url: string, { method = "GET", headers = {} }: Options = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const late = AbortSignal.timeout(ANSWER_MS);
  const failed = (error: Error) =>
    reject(late.aborted ? new Error(`no answer after ${ANSWER_MS / 1000} s`, { cause: error }) : error);
  // No agent: it would keep a connection to what is seldom asked.
  const asked = request(url, { method, headers, agent: false, signal: late });
  asked.once("error", failed);
  asked.once("response", (answer) => {
    const chunks: Buffer[] = [];
    let length = 0;
    answer.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_ANSWER) asked.destroy(new Error(`the answer has more than ${MAX_ANSWER} bytes`));
      chunks.push(chunk);
    });
    answer.once("error", failed);
    answer.once("end", () => {
      if (answer.statusCode === 200) resolve(Buffer.concat(chunks).toString("utf8"));
      else reject(new Error(`status ${answer.statusCode ?? "unknown"}`));
    });
  });
  asked.end();
  return promise;
}
