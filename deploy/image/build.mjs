// Builds dist/image, an OCI image layout of the executables in dist, for each of their architectures. Needs no container
// runtime and no network. To push it: skopeo copy --all oci:dist/image docker://REGISTRY/branchline:VERSION
//
// `--arch ARCH` takes the executable of this architecture alone. `--root DIRECTORY` copies its files there and writes no
// layout: the Dockerfile beside this takes them.

import { copyFileSync, chmodSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { dist, version } from "../../build/paths.mjs";
import { HOST, TARGETS, targetOf } from "../../build/target.mjs";
import { CERTIFICATES, EXECUTABLE, imageFiles } from "./files.mjs";
import { writeLayout } from "./oci.mjs";

const { values } = parseArgs({ options: { root: { type: "string" }, arch: { type: "string" } } });
if (values.root !== undefined) {
  layOut(imageFiles(values.arch === undefined ? HOST : targetOf(values.arch)).files, resolve(values.root));
  process.exit(0);
}
const targets = values.arch === undefined ? Object.values(TARGETS) : [targetOf(values.arch)];
const digest = writeLayout(`${dist}/image`, { images: targets.map(imageOf), version });
console.log(
  `dist/image: branchline ${version} for ${targets.map(({ arch }) => arch).join(" and ")}, ${digest}`,
);

function imageOf(target) {
  const { files, packages } = imageFiles(target);
  const Labels = Object.fromEntries(
    [...packages].map(([name, its]) => [`dev.branchline.debian.${name}`, its]),
  );
  const config = {
    // The agent is root: the chart says who the others are.
    User: "0:0",
    Entrypoint: [EXECUTABLE],
    Env: [`NODE_EXTRA_CA_CERTS=${CERTIFICATES}`],
    WorkingDir: "/",
    Labels: { "org.opencontainers.image.version": version, ...Labels },
  };
  return { architecture: target.arch, files, config };
}

function layOut(files, directory) {
  for (const { path, source, mode } of files) {
    const to = join(directory, path);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(source, to);
    chmodSync(to, mode);
  }
}
