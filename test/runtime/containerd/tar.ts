// A tar archive, as far as an image needs one: POSIX ustar (pax(1), "ustar Interchange Format").

const BLOCK = 512;

/** A file of an archive; a path that ends with `/` is a directory's. */
export interface TarEntry {
  readonly path: string;
  readonly content?: Buffer | string;
  /** Permissions; 0755 unless told. */
  readonly mode?: number;
  /** Id of its user and of its group; root unless told. */
  readonly owner?: number;
  /** Makes it a symbolic link. */
  readonly target?: string;
}

/** Writes an archive; the same entries make the same bytes. */
export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(record), Buffer.alloc(2 * BLOCK)]);
}

function record({ path, content = "", mode = 0o755, owner = 0, target }: TarEntry): Buffer[] {
  const bytes = Buffer.from(content);
  const type = target !== undefined ? "2" : path.endsWith("/") ? "5" : "0";
  const header = Buffer.alloc(BLOCK);
  const put = (offset: number, text: string) => header.write(text, offset, "latin1");
  put(0, path);
  put(100, octal(mode, 8));
  put(108, octal(owner, 8));
  put(116, octal(owner, 8));
  put(124, octal(bytes.length, 12));
  put(136, octal(0, 12));
  // The checksum is taken with its own field full of blanks.
  put(148, " ".repeat(8));
  put(156, type);
  put(157, target ?? "");
  put(257, "ustar");
  put(263, "00");
  const sum = header.reduce((all, byte) => all + byte, 0);
  put(148, `${octal(sum, 7)}\0 `);
  return [header, bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)];
}

/** Octal digits that fill a field but for the NUL at its end. */
function octal(value: number, width: number): string {
  return value.toString(8).padStart(width - 1, "0");
}
