/** A file of an archive, of whatever kind its mode says. */
export interface Entry {
  readonly path: string;
  /** Kind and permissions, as in struct stat. */
  readonly mode: number;
  readonly content: Buffer;
}

const nothing = Buffer.alloc(0);

/** A directory. */
export function directory(path: string): Entry {
  return { path, mode: 0o040755, content: nothing };
}

/** A regular file. */
export function file(path: string, content: Buffer): Entry {
  return { path, mode: 0o100644, content };
}

/** A regular file that can be run. */
export function program(path: string, content: Buffer): Entry {
  return { path, mode: 0o100755, content };
}

/** A symbolic link. */
export function link(path: string, target: string): Entry {
  return { path, mode: 0o120777, content: Buffer.from(target) };
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

function record({ path, mode, content }: Entry, inode: number): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name's length, checksum
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [header, name, padding(header.length + name.length), content, padding(content.length)];
}

/**
 * Writes an archive in cpio's "newc" form, the one the kernel unpacks as initramfs.
 * Paths are relative; a directory comes before what it holds. The same entries make the same bytes.
 */
export function cpio(entries: readonly Entry[]): Buffer {
  const trailer: Entry = { path: "TRAILER!!!", mode: 0, content: nothing };
  return Buffer.concat([...entries, trailer].flatMap((entry, index) => record(entry, index + 1)));
}
