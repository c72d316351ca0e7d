// Third-party parts of the executable: the check of the Node binary, and the licence notices.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { root } from "./paths.mjs";
import { HOST } from "./target.mjs";

/** Throws unless the file is the pinned Node binary, which runs as root on every node. */
export function checkNode(path = HOST.node, expected = HOST.sha256) {
  const found = createHash("sha256").update(readFileSync(path)).digest("hex");
  if (found !== expected) {
    throw new Error(
      `${path} is not the pinned Node: its SHA-256 is ${found}, build/target.mjs says ${expected}`,
    );
  }
}

/** The licences of Node, koffi and all bundled packages, as one text. Throws if a package has none. */
export function thirdPartyNotices(metafiles, target = HOST) {
  const bundled = metafiles.flatMap(({ inputs }) => Object.keys(inputs).flatMap(packageOf));
  const always = [target.package, `${root}/node_modules/koffi`];
  const vendored = ["node-addon-api", "node-api-headers"].map(
    (name) => `${root}/node_modules/koffi/vendor/${name}`,
  );
  const notices = [...always, ...vendored, ...new Set(bundled.sort())].map((directory) => {
    return `${titleOf(directory)}\n\n${readFileSync(licenceOf(directory), "utf8").trim()}\n`;
  });
  const line = `\n${"=".repeat(80)}\n\n`;
  // A package may be installed twice in the same version.
  const texts = [...new Set(notices)].map((text) => line + text);
  return `branchline's executable contains the following software.\n${texts.join("")}`;
}

/** Packages without a licence file, and another package of the same repository and licence that has one. */
const LICENCE_FROM = {
  "@aws-sdk/credential-provider-http": "@aws-sdk/client-ec2",
  "@aws-sdk/credential-provider-login": "@aws-sdk/client-ec2",
  "@aws-sdk/nested-clients": "@aws-sdk/client-ec2",
};

function licenceOf(directory) {
  const file = readdirSync(directory).find((name) => /^licen[cs]e/i.test(name));
  if (file !== undefined) return `${directory}/${file}`;
  const { name, license, repository } = packageIn(directory);
  const other = LICENCE_FROM[name];
  const same = other === undefined ? undefined : packageIn(`${root}/node_modules/${other}`);
  if (same?.license === license && same?.repository.url === repository?.url) {
    return licenceOf(`${root}/node_modules/${other}`);
  }
  throw new Error(`${directory} has no licence`);
}

function packageIn(directory) {
  return JSON.parse(readFileSync(`${directory}/package.json`, "utf8"));
}

/** The directory of the package that a bundled file belongs to. */
function packageOf(path) {
  const found = /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(path);
  return found === null ? [] : [resolve(root, found[0])];
}

function titleOf(directory) {
  const description = `${directory}/package.json`;
  if (!existsSync(description)) return `${basename(directory)} (part of koffi)`;
  const { name, version } = packageIn(directory);
  return name.startsWith("node-linux-") ? `Node.js ${version}` : `${name} ${version}`;
}
