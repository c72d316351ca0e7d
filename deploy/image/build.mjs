// Builds dist/image, an OCI image layout of the executable in dist, for this machine's architecture. Needs no container
// runtime and no network. To push it: skopeo copy oci:dist/image docker://REGISTRY/branchline:VERSION
//
// `--root DIRECTORY` copies the image's files there instead: the Dockerfile beside this takes them.

import { copyFileSync, chmodSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { dist, version } from "../../build/paths.mjs";
import { CERTIFICATES, EXECUTABLE, imageFiles } from "./files.mjs";
import { writeLayout } from "./oci.mjs";

const { values } = parseArgs({ options: { root: { type: "string" } } });
const { files, packages } = imageFiles();
if (values.root !== undefined) {
  layOut(resolve(values.root));
  process.exit(0);
}
const Labels = Object.fromEntries([...packages].map(([name, its]) => [`dev.branchline.debian.${name}`, its]));
const config = {
  // The agent is root: the chart says who the others are.
  User: "0:0",
  Entrypoint: [EXECUTABLE],
  Env: [`NODE_EXTRA_CA_CERTS=${CERTIFICATES}`],
  WorkingDir: "/",
  Labels: { "org.opencontainers.image.version": version, ...Labels },
};
const digest = writeLayout(`${dist}/image`, { files, config, version });
console.log(`dist/image: branchline ${version}, ${digest}`);

function layOut(directory) {
  for (const { path, source, mode } of files) {
    const to = join(directory, path);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(source, to);
    chmodSync(to, mode);
  }
}
