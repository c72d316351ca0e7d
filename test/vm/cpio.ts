/** A directory, a regular file or a symbolic link of an archive. */
export type Entry =
  | { readonly path: string; readonly kind: "directory" }
  | { readonly path: string; readonly kind: "file"; readonly content: Buffer; readonly executable?: boolean }
  | { readonly path: string; readonly kind: "link"; readonly target: string };

const nothing = Buffer.alloc(0);

function bytesOf(entry: Entry): Buffer {
  switch (entry.kind) {
    case "directory":
      return nothing;
    case "file":
      return entry.content;
    case "link":
      return Buffer.from(entry.target);
  }
}

function modeOf(entry: Entry): number {
  switch (entry.kind) {
    case "directory":
      return 0o040755;
    case "file":
      return entry.executable === true ? 0o100755 : 0o100644;
    case "link":
      return 0o120777;
  }
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

function record(path: string, inode: number, mode: number, content: Buffer): Buffer[] {
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
  const parts = entries.flatMap((entry, index) =>
    record(entry.path, index + 1, modeOf(entry), bytesOf(entry)),
  );
  return Buffer.concat([...parts, ...record("TRAILER!!!", 0, 0, nothing)]);
}
