// The one image of the tests, built from nothing: a static busybox, and a script that says who was asked by whom. It is
// the sandboxes' pause image and the containers' too.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { tar, type TarEntry } from "./tar.ts";

export const imageName = "branchline.test/pod:1";

/** What a container runs that serves HTTP on a port; each answer is one line, `<host name> <client's address>`. */
export function serveCommand(port: number): string[] {
  return ["/bin/busybox", "httpd", "-f", "-p", String(port), "-h", "/www"];
}

// busybox writes "[::ffff:10.0.0.5]" for what came over IPv4.
const who = `#!/bin/sh
peer=\${REMOTE_ADDR#[} peer=\${peer%]}
printf 'Content-Type: text/plain\\r\\n\\r\\n%s\\n' "$(hostname) \${peer#::ffff:}"
`;

function rootFileSystem(): TarEntry[] {
  return [
    ...["bin/", "dev/", "etc/", "proc/", "sys/", "tmp/", "www/", "www/cgi-bin/"].map((path) => ({ path })),
    { path: "bin/busybox", content: readFileSync("/bin/busybox") },
    ...["sh", "hostname", "nc"].map((name) => ({ path: `bin/${name}`, target: "busybox" })),
    { path: "www/cgi-bin/who", content: who },
  ];
}

/** The archive to import. */
export function imageArchive(): Buffer {
  return archiveOf(imageName, rootFileSystem(), {
    Cmd: ["/bin/busybox", "sleep", "2147483647"],
    Env: ["PATH=/bin"],
  });
}

/**
 * An archive of one image: an OCI image layout (OCI image specification 1.0, "Image Layout") with one layer. `config` is
 * what containers of it run by themselves.
 */
export function archiveOf(name: string, entries: readonly TarEntry[], config: object): Buffer {
  const blobs: TarEntry[] = [];
  const blob = (mediaType: string, content: Buffer | string) => {
    const bytes = Buffer.from(content);
    const hash = createHash("sha256").update(bytes).digest("hex");
    blobs.push({ path: `blobs/sha256/${hash}`, content: bytes, mode: 0o644 });
    return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
  };
  const json = (mediaType: string, value: object) => blob(mediaType, JSON.stringify(value));
  const layer = blob("application/vnd.oci.image.layer.v1.tar", tar(entries));
  const described = json("application/vnd.oci.image.config.v1+json", {
    architecture: "amd64",
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  });
  const manifest = json("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    config: described,
    layers: [layer],
  });
  const index = {
    schemaVersion: 2,
    manifests: [{ ...manifest, annotations: { "io.containerd.image.name": name } }],
  };
  return tar([
    { path: "blobs/" },
    { path: "blobs/sha256/" },
    ...blobs,
    { path: "index.json", content: JSON.stringify(index), mode: 0o644 },
    { path: "oci-layout", content: JSON.stringify({ imageLayoutVersion: "1.0.0" }), mode: 0o644 },
  ]);
}
