// Variables as a shell reads them: `. FILE`.

export type Variables = Readonly<Record<string, string>>;

export interface ShellEnvironment {
  readonly set: Variables;
  readonly unset: readonly string[];
  /** Directories that come first on the PATH. */
  readonly path: readonly string[];
}

export function shellText({ set, unset, path }: ShellEnvironment): string {
  const lines = [
    ...(unset.length === 0 ? [] : [`unset ${unset.join(" ")}`]),
    ...Object.entries(set).map(([name, value]) => `export ${name}=${quoted(value)}`),
    ...(path.length === 0 ? [] : [`export PATH=${path.map((one) => `${quoted(one)}:`).join("")}"$PATH"`]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** Bare where it needs no quotes. */
function quoted(value: string): string {
  return /^[\w./:-]+$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
}
