// Which folder may import which. Checked for every product file, including those that no bundle reaches.

import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** What the files of each folder may import besides files of their own folder. Every folder with files is listed. */
const ALLOWED = {
  cmd: ["agent", "cni", "controller", "doctor", "explain", "facts", "simulator", "status", "sys", "text"],
  "src/cni": ["attachment", "datapath", "state", "ipam", "netns", "netlink", "text", "values", "sys"],
  "src/attachment": ["datapath", "state", "ipam", "netns", "netlink", "values", "sys"],
  "src/state": ["datapath", "ipam", "netlink", "text", "values", "sys"],
  "src/datapath": ["ipam", "netns", "netlink", "values", "sys"],
  "src/ipam": ["text", "values"],
  "src/simulator": ["text", "values", "sys"],
  "src/ec2": ["text", "values", "sys"],
  "src/policy": ["text", "values"],
  "src/verdict": ["policy", "values"],
  "src/agent": [
    "attachment",
    "cni",
    "datapath",
    "ipam",
    "kubernetes",
    "netlink",
    "netns",
    "policy",
    "state",
    "sys",
    "telemetry",
    "text",
    "values",
  ],
  "src/controller": ["ec2", "ipam", "kubernetes", "policy", "sys", "telemetry", "text", "values"],
  "src/facts": ["ec2", "ipam", "kubernetes", "policy", "sys", "text", "values"],
  "src/doctor": [
    "attachment",
    "datapath",
    "ec2",
    "facts",
    "kubernetes",
    "netlink",
    "policy",
    "state",
    "sys",
    "text",
    "values",
    "verdict",
  ],
  "src/explain": ["ec2", "facts", "ipam", "kubernetes", "policy", "sys", "text", "values", "verdict"],
  "src/status": ["attachment", "datapath", "doctor", "facts", "policy", "state", "sys", "text", "values"],
  "src/telemetry": ["text"],
  "src/kubernetes": ["policy", "text", "values", "sys"],
  "src/netns": ["sys"],
  "src/netlink": ["values", "sys"],
  "src/sys": [],
  "src/text": [],
  "src/values": [],
};

/** Each package and the only folder that may import it. */
const PACKAGES = {
  koffi: "src/sys",
  "bun:ffi": "src/sys",
  yargs: "cmd",
  yaml: "src/simulator",
  "@aws-sdk/client-ec2": "src/ec2",
  "@kubernetes/client-node": "src/kubernetes",
  "@peculiar/x509": "src/controller",
  // What it needs to be there.
  "reflect-metadata": "src/controller",
  "prom-client": "src/telemetry",
};

/** The runtime that the executable has: package.json says which file that is. */
const RUNTIME = "#runtime";

/** Words by which one would be told from another, and the files that may know: what differs is in one file for each. */
const RUNTIMES = /\bbun\b|koffi|node:(?:sea|v8|vm)\b|\bV8\b|process\.versions|Node\.js/i;
const OF_ONE_RUNTIME = ["src/sys/runtime/node.ts", "src/sys/runtime/bun.ts"];
const KNOW_THE_RUNTIME = [
  ...OF_ONE_RUNTIME,
  "src/sys/runtime/bun-ffi.d.ts",
  // The first script of the default runtime's executable.
  "cmd/branchline/boot.ts",
];

/** Where HTTP is served. */
const SERVERS = ["src/controller/admission/", "src/telemetry/", "src/simulator/"];

/** Folders of pure functions: they may not import Node's modules either. */
const PURE = ["src/values", "src/text", "src/policy", "src/verdict"];

/**
 * Two that are held against each other by tests: neither reaches the other, and of all that both reach nothing decides about
 * packets. `both`: what they may share, and why.
 */
const APART = [
  {
    folders: ["src/verdict", "src/simulator"],
    // Addresses as text, and whether a block has one.
    both: ["src/values/ip.ts"],
  },
];

const IMPORT = /(?:^|[\s}*])(?:from|import)\s*\(?\s*["']([^"'\n]+)["']/g;

/** Returns a line for each import that is not allowed. */
export function checkImports(root) {
  const files = globSync("{cmd,src}/**/*.ts", { cwd: root })
    .filter((file) => !file.endsWith(".test.ts"))
    .sort();
  const imports = new Map();
  const defects = files.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    const names = [...text.matchAll(IMPORT)].map(([, to]) => to);
    imports.set(
      file,
      names.filter((to) => to.startsWith(".")).map((to) => normalize(join(dirname(file), to))),
    );
    return [
      ...names.flatMap((to) => defectOf(file, to) ?? []),
      ...serverIn(file, text),
      ...runtimeIn(file, text),
    ];
  });
  return [...defects, ...APART.flatMap((pair) => togetherIn(imports, pair))];
}

/** A line for each file that both folders reach by their imports, however far, and may not. */
function togetherIn(imports, { folders: [one, other], both }) {
  const reachedBy = (folder) => {
    const reached = new Set([...imports.keys()].filter((file) => folderOf(file) === folder));
    // A set is walked on to what is added meanwhile.
    for (const file of reached) for (const next of imports.get(file) ?? []) reached.add(next);
    return reached;
  };
  const theirs = reachedBy(other);
  const common = [...reachedBy(one)].filter((file) => theirs.has(file));
  return [
    ...common
      .filter((file) => !both.includes(file))
      .map((file) => `${one} and ${other} both reach ${file}: they are tested against each other`),
    ...both
      .filter((file) => !common.includes(file))
      .map(
        (file) => `${one} and ${other} do not both reach ${file}, which build/imports.mjs lets them share`,
      ),
  ];
}

/** An HTTP server where there is to be none. */
function serverIn(file, text) {
  const isHttp = /["'](?:node:)?(?:https?|http2)["']/.test(text);
  if (
    !isHttp ||
    !/\bcreate(?:Secure)?Server\b/.test(text) ||
    SERVERS.some((folder) => file.startsWith(folder))
  ) {
    return [];
  }
  return [`${file} serves HTTP: only ${SERVERS.join(", ")} may`];
}

/** A runtime's name where there is to be none. */
function runtimeIn(file, text) {
  const found = KNOW_THE_RUNTIME.includes(file) ? null : RUNTIMES.exec(text);
  if (found === null) return [];
  return [`${file} says "${found[0]}": what differs between runtimes is in src/sys/runtime`];
}

function defectOf(file, to) {
  const from = folderOf(file);
  if (!Object.hasOwn(ALLOWED, from)) return `${file} is not in a folder that build/imports.mjs lists`;
  if (to.startsWith("node:")) {
    return PURE.includes(from) ? `${file} imports ${to}: ${from} is pure` : undefined;
  }
  if (!to.startsWith(".") && to !== RUNTIME) {
    const name = to.split("/", to.startsWith("@") ? 2 : 1).join("/");
    if (PACKAGES[name] === from) return undefined;
    return `${file} imports the package ${name}: ${PACKAGES[name] === undefined ? "nothing may" : `only ${PACKAGES[name]} may`}`;
  }
  const path = to === RUNTIME ? "src/sys/runtime" : normalize(join(dirname(file), to));
  if (OF_ONE_RUNTIME.includes(path)) return `${file} imports ${path}: only by ${RUNTIME}`;
  const folder = folderOf(path);
  if (folder === from || ALLOWED[from].some((name) => folder === `src/${name}`)) return undefined;
  return `${file} imports ${path}: ${from} may import ${["itself", ...ALLOWED[from]].join(", ")}`;
}

/** The folder of a file: cmd, or a folder in src. */
function folderOf(path) {
  const [first, second] = path.split("/");
  return first === "src" ? `src/${second}` : first;
}
