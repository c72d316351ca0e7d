// Images of one layer each, for architectures of their own, as an OCI image layout (image-spec 1.1, "Image Layout
// Specification"): the same files make the same bytes.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

const BLOCK = 512;
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";

/**
 * Writes the layout: an index with a manifest for each of `images`, whose digest it gives. An image's `files` are as in
 * files.mjs, its `config` is its configuration (image-spec, "OCI Image Configuration", config), and its `architecture` has
 * Go's name; `level` is gzip's.
 */
export function writeLayout(directory, { images, version, level = 9 }) {
  rmSync(directory, { recursive: true, force: true });
  const blobs = join(directory, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (mediaType, content) => {
    const hash = sha256(content);
    writeFileSync(join(blobs, hash), content);
    return { mediaType, digest: `sha256:${hash}`, size: content.length };
  };
  const manifests = images.map(({ architecture, files, config }) => {
    const tar = tarOf(files);
    const layer = put("application/vnd.oci.image.layer.v1.tar+gzip", gzipSync(tar, { level }));
    const platform = { architecture, os: "linux" };
    const image = { ...platform, config, rootfs: { type: "layers", diff_ids: [`sha256:${sha256(tar)}`] } };
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: put("application/vnd.oci.image.config.v1+json", json(image)),
      layers: [layer],
    };
    return { ...put(MANIFEST, json(manifest)), platform };
  });
  const index = put(INDEX, json({ schemaVersion: 2, mediaType: INDEX, manifests }));
  // The layout's own index has one entry, so that tools need not be told which they are to take.
  const annotations = { "org.opencontainers.image.ref.name": version };
  const layout = { schemaVersion: 2, manifests: [{ ...index, annotations }] };
  writeFileSync(join(directory, "index.json"), json(layout));
  writeFileSync(join(directory, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  return index.digest;
}

/** POSIX ustar (pax(1), "ustar Interchange Format"): root's, of 1970, in order, each directory before what is in it. */
export function tarOf(files) {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const parents = (path) => (path === "/" ? [] : [...parents(dirname(path)), path]);
  const directories = [...new Set(sorted.flatMap(({ path }) => parents(dirname(path))))];
  return Buffer.concat([
    ...directories.map((path) => header(`${path.slice(1)}/`, "5", 0o755, 0)),
    ...sorted.flatMap(({ path, source, mode }) => {
      const content = readFileSync(source);
      const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
      return [header(path.slice(1), "0", mode, content.length), content, padding];
    }),
    Buffer.alloc(2 * BLOCK),
  ]);
}

function header(path, type, mode, size) {
  const block = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} is too long a path for a tar archive`);
  const put = (offset, text) => block.write(text, offset, "latin1");
  put(0, path);
  put(100, octal(mode, 8));
  put(108, octal(0, 8));
  put(116, octal(0, 8));
  put(124, octal(size, 12));
  put(136, octal(0, 12));
  // The sum is taken with its own field full of blanks.
  put(148, " ".repeat(8));
  put(156, type);
  put(257, "ustar");
  put(263, "00");
  const sum = block.reduce((all, byte) => all + byte, 0);
  put(148, `${octal(sum, 7)}\0 `);
  return block;
}

/** Digits that fill a field but for the NUL at its end. */
function octal(value, width) {
  return value.toString(8).padStart(width - 1, "0");
}

function json(value) {
  return Buffer.from(JSON.stringify(value));
}

function sha256(content) {
  return createHash("sha256").update(content).digest("hex");
}
