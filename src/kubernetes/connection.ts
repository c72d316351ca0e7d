/** HTTP as the client needs it. connect.ts has the real one; tests script it. */

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With the query. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  /** Media types that the answer may have; JSON unless told. */
  readonly accept?: string;
  /** The answer may be compressed, and its `content-encoding` then says so. */
  readonly acceptGzip?: boolean;
  /** Aborts the request, also while its answer is read. */
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Pieces as they arrive. Rejects with a KubernetesError of kind `retry` when the connection breaks. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Connection {
  /** Rejects with a KubernetesError of kind `retry` or `denied` without an answer, or with the signal's reason. */
  send(request: HttpRequest): Promise<HttpAnswer>;
}
