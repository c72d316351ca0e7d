/**
 * The image: what a registry and a runtime rely on, and that nothing is missing in it. Its files are run as a container's
 * are, in a root directory of their own that is read-only, with a /run from which nothing can be executed.
 */

import { execFile, execFileSync, spawnSync } from "node:child_process";
import { X509Certificate, createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { useScratch } from "../unit/scratch.ts";

const IMAGE = path.resolve(import.meta.dirname, "../../deploy/image");
const scratch = useScratch();
const at = (...parts: string[]) => path.join(scratch.path, ...parts);

/** The version is what --version says first. */
const { version: VERSION } = JSON.parse(readFileSync(path.join(IMAGE, "../../package.json"), "utf8")) as {
  version: string;
};

/** Runs statements with the image's modules; prints what they return. */
function withModules(statements: string): unknown {
  const script = `
    import { imageFiles, CERTIFICATES, EXECUTABLE } from ${JSON.stringify(path.join(IMAGE, "files.mjs"))};
    import { tarOf, writeLayout } from ${JSON.stringify(path.join(IMAGE, "oci.mjs"))};
    console.log(JSON.stringify(await (async () => { ${statements} })()));`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  return JSON.parse(out) as unknown;
}

interface Blob {
  readonly digest: string;
  readonly size: number;
}

function blob({ digest, size }: Blob): Buffer {
  const content = readFileSync(at("image", "blobs", "sha256", digest.slice("sha256:".length)));
  expect([content.length, sha256(content)]).toEqual([size, digest]);
  return content;
}

const sha256 = (content: Buffer) => `sha256:${createHash("sha256").update(content).digest("hex")}`;
const json = (content: Buffer) => JSON.parse(content.toString()) as Record<string, never>;

describe("the layout", () => {
  it("names each blob by what is in it, and its layer has the executable and what it needs to run", () => {
    const digest = withModules(`
      const { files } = imageFiles();
      const image = { architecture: "amd64", files, config: { Entrypoint: [EXECUTABLE] } };
      return writeLayout(${JSON.stringify(at("image"))}, { images: [image], version: "1.2.3", level: 1 });`);
    expect(json(readFileSync(at("image", "oci-layout")))).toEqual({ imageLayoutVersion: "1.0.0" });
    const layout = json(readFileSync(at("image", "index.json"))) as unknown as { manifests: Blob[] };
    expect(layout.manifests).toMatchObject([
      { digest, annotations: { "org.opencontainers.image.ref.name": "1.2.3" } },
    ]);
    const index = json(blob(layout.manifests[0] as Blob)) as unknown as { manifests: Blob[] };
    expect(index.manifests).toMatchObject([{ platform: { architecture: "amd64", os: "linux" } }]);
    const manifest = json(blob(index.manifests[0] as Blob)) as unknown as { config: Blob; layers: [Blob] };
    expect(manifest).toMatchObject({ schemaVersion: 2 });
    const config = json(blob(manifest.config)) as unknown as { rootfs: { diff_ids: string[] } };
    expect(config).toMatchObject({
      architecture: "amd64",
      os: "linux",
      config: { Entrypoint: ["/usr/local/bin/branchline"] },
    });
    writeFileSync(at("layer.tar.gz"), blob(manifest.layers[0]));
    execFileSync("gunzip", [at("layer.tar.gz")]);
    expect([sha256(readFileSync(at("layer.tar")))]).toEqual(config.rootfs.diff_ids);
    mkdirSync(at("root"));
    execFileSync("tar", ["-xpf", at("layer.tar"), "-C", at("root")]);
    expect(statSync(at("root/usr/local/bin/branchline")).mode & 0o7777).toBe(0o755);

    const found = spawnSync("unshare", ["--mount", "--propagation", "private", "sh", "-c", CONTAINER], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], ROOT: at("root") },
    });
    expect(found).toMatchObject({
      stdout: expect.stringMatching(/^\S+ \(linux\/amd64, .*\)\n$/),
      stderr: "",
      status: 0,
    });
    expect(found.stdout.split(" ")[0]).toBe(VERSION);
    // The library was loaded from beside the executable, and nowhere written.
    expect(readdirSync(at("root/usr/local/bin")).sort()).toEqual([
      expect.stringMatching(/^\.branchline-[0-9a-f]{16}-koffi\.node$/),
      "branchline",
    ]);
  });

  it("has Debian's certificates of authorities, each of which can be read", () => {
    const { path: to, source } = withModules(
      "return imageFiles().files.find(({ path }) => path === CERTIFICATES)",
    ) as { path: string; source: string };
    expect(to).toBe("/etc/ssl/certs/ca-certificates.crt");
    const found = readFileSync(source, "utf8").split(/(?<=-----END CERTIFICATE-----\n)/);
    expect(found.length).toBeGreaterThan(100);
    for (const one of found) expect(new X509Certificate(one).ca).toBe(true);
  });

  it("has the licences of everything in it", () => {
    const paths = withModules("return imageFiles().files.map(({ path }) => path)") as string[];
    for (const name of [
      "branchline/THIRD-PARTY-NOTICES.txt",
      "libc6/copyright",
      "libstdc++6/copyright",
      "ca-certificates/copyright",
    ]) {
      expect(paths).toContain(`/usr/share/doc/${name}`);
    }
  });

  it("is the same, byte for byte, whatever order and times its files have", () => {
    for (const name of ["a", "b"]) writeFileSync(at(name), name);
    const files = ["/x/a", "/x/y/b"].map((to, i) => ({
      path: to,
      source: at(["a", "b"][i] ?? ""),
      mode: 0o644,
    }));
    const hashOf = (order: object[]) =>
      withModules(
        `return (await import("node:crypto")).createHash("sha256").update(tarOf(${JSON.stringify(order)})).digest("hex")`,
      );
    const first = hashOf(files);
    execFileSync("touch", ["-d", "2001-01-01", at("a")]);
    expect(hashOf(files.toReversed())).toBe(first);
    writeFileSync(at("a"), "c");
    expect(hashOf(files)).not.toBe(first);
  });
});

it("of the executable, too, the same sources make the same bytes, in another directory", () => {
  const root = path.resolve(IMAGE, "../..");
  const there = at("elsewhere");
  const sources = ["build", "build.mjs", "cmd", "src", "test/ground", "package.json", "package-lock.json"];
  for (const name of [...sources, "tsconfig.json"])
    cpSync(path.join(root, name), path.join(there, name), { recursive: true });
  symlinkSync(path.join(root, "node_modules"), path.join(there, "node_modules"));
  execFileSync(process.execPath, ["build.mjs"], { cwd: there, stdio: "ignore" });
  expect(sha256(readFileSync(path.join(there, "dist/branchline")))).toBe(
    sha256(readFileSync(path.join(root, "dist/branchline"))),
  );
});

it("so does a command's code cache, however many are made at once", async () => {
  const module = (name: string) => JSON.stringify(path.resolve(IMAGE, "../../build", name));
  const node = (script: string) =>
    promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  const folders = Array.from({ length: 6 }, (_, i) => at(`${i}`));
  for (const folder of folders) mkdirSync(folder);
  await node(`
    import { writeFileSync } from "node:fs";
    import { bundleOf } from ${module("bundle.mjs")};
    import { asFunction } from ${module("executable.mjs")};
    import { WITH_PORT } from ${module("port.mjs")};
    const { code } = await bundleOf("cmd/branchline/people.ts", WITH_PORT);
    for (const folder of ${JSON.stringify(folders)}) writeFileSync(folder + "/people.cjs", asFunction(code));`);
  const make = (folder: string) =>
    node(`import { commandCache } from ${module("executable.mjs")};
          commandCache("people", ${JSON.stringify(folder)});`);
  const found = new Set<string>();
  // More than the processors: what compiles beside them is late for some.
  for (let round = 0; round < 5; round += 1) {
    await Promise.all(folders.map(make));
    for (const folder of folders) found.add(sha256(readFileSync(path.join(folder, "people.cache"))));
  }
  expect(found.size).toBe(1);
});

/** STATUS talks to the kernel, so it needs the native library. */
const CONTAINER = `
set -e
cd "$ROOT"
mkdir proc run
mount --bind "$ROOT" "$ROOT"
cd "$ROOT"
mount -t proc proc proc
mount -t tmpfs -o noexec tmpfs run
mount -o remount,bind,ro "$ROOT"
chroot . /usr/local/bin/branchline --version
echo '{"cniVersion":"1.1.0","name":"n","type":"branchline","enablePodENI":true,"serviceCIDRs":[],"pluginLogFile":"stderr","pluginLogLevel":"error"}' |
  CNI_COMMAND=STATUS CNI_PATH=/usr/local/bin chroot . /usr/local/bin/branchline
[ ! -e run/branchline/lib ]
`;
