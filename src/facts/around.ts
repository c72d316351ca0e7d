import type { Style } from "../text/style.ts";

/** What a command that only reads is given besides its own flags. */

/** Flags that all of them have. */
export interface CommonFlags {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
  readonly allNamespaces: boolean;
  readonly output: "text" | "json";
  /** Whether EC2 is asked at all. */
  readonly ec2: boolean;
  readonly region?: string | undefined;
  readonly clusterName?: string | undefined;
}

export interface Around {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** As it was called: `branchline`, or `kubectl branchline`. For lines to copy. */
  readonly program: string;
  readonly style: Style;
  /** Columns of the terminal; undefined when there is none. */
  readonly width: number | undefined;
  /** To stdout, at once. */
  readonly write: (text: string) => void;
  /** A line to stderr, without its line break. */
  readonly warn: (line: string) => void;
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
