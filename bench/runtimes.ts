/** The executables that are compared: the same sources, by each of the two runtimes. */
export interface Built {
  /** After the name of what is measured. */
  readonly by: string;
  /** Where its executables are. */
  readonly directory: string;
}

export function builtIn(dist: string): readonly Built[] {
  return [
    { by: "", directory: dist },
    { by: " (Bun)", directory: `${dist}/bun` },
  ];
}
