// Images of the cluster, made from what is on this machine: there is no registry.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { imageFiles, EXECUTABLE } from "../../api/support/image-root.ts";
import { archiveOf } from "../../runtime/containerd/image.ts";
import { keptArchive } from "./kept-archive.ts";
import type { TarEntry } from "../../runtime/containerd/tar.ts";
import { corednsDirectory } from "../../setup/coredns.ts";

/** The sandboxes' image, and that of most pods: busybox. */
export const toolsImage = "branchline.test/tools:1";
export const sandboxImage = toolsImage;
export const corednsImage = "branchline.test/coredns:1";
/** Ours, as deploy/image builds it. */
export const branchlineImage = { repository: "branchline.test/branchline", tag: "test" } as const;

const APPLETS =
  "cat date echo env false grep head hostname httpd id ip kill ls mkdir nc netstat nslookup nsenter ping printf rm sed seq sh sleep test touch tr true";

/** Answers who was asked, and by whom it was asked: `<host name> <client's address>`. */
const WHO = `#!/bin/sh
# busybox writes "[::ffff:10.0.0.5]" for what came over IPv4.
peer=\${REMOTE_ADDR#[} peer=\${peer%]}
printf 'Content-Type: text/plain\\r\\n\\r\\n%s\\n' "$(hostname) \${peer#::ffff:}"
`;

/**
 * ask ADDRESS PORT [SECONDS]: prints what /cgi-bin/who answers there, or what went wrong. Not by wget: in a static busybox
 * with glibc, what looks up names dies of it.
 */
const ASK = `#!/bin/sh
answer=$(printf 'GET /cgi-bin/who HTTP/1.0\\r\\n\\r\\n' | nc -w "\${3:-3}" "$1" "$2" 2>&1) || {
  echo "\${answer##*: }"
  exit 1
}
echo "$answer" | sed -n '$p'
`;

/** The command of a container that serves HTTP on a port, and who was asked by whom at /cgi-bin/who. */
export const serveCommand = (port: number) => ["httpd", "-f", "-p", String(port), "-h", "/www"];

/** What is in the image of busybox. */
export function toolsFiles(): TarEntry[] {
  return [
    ...["bin/", "dev/", "etc/", "proc/", "sys/", "var/", "www/", "www/cgi-bin/"].map((name) => ({
      path: name,
    })),
    { path: "tmp/", mode: 0o1777 },
    { path: "bin/busybox", content: readFileSync("/bin/busybox") },
    ...APPLETS.split(" ").map((name) => ({ path: `bin/${name}`, target: "busybox" })),
    { path: "www/index.html", content: "ok\n", mode: 0o644 },
    { path: "www/cgi-bin/who", content: WHO },
    { path: "bin/ask", content: ASK },
  ];
}

async function branchlineFiles(): Promise<TarEntry[]> {
  const files = await imageFiles();
  const parents = (file: string): string[] =>
    path.dirname(file) === "/" ? [] : [...parents(path.dirname(file)), `${path.dirname(file).slice(1)}/`];
  return [...new Set(files.flatMap((file) => parents(file.path)))]
    .map((directory): TarEntry => ({ path: directory }))
    .concat(files.map((file) => ({ path: file.path.slice(1), content: readFileSync(file.source) })));
}

/** The archives of the images that every node has; gives their paths. */
export async function systemImages(): Promise<string[]> {
  const files = await imageFiles();
  const { repository, tag } = branchlineImage;
  return Promise.all([
    keptArchive("tools", ["/bin/busybox", import.meta.filename], () =>
      archiveOf(toolsImage, toolsFiles(), { Cmd: ["sleep", "2147483647"], Env: ["PATH=/bin"] }),
    ),
    keptArchive("coredns", [coredns()], () =>
      archiveOf(corednsImage, [{ path: "coredns", content: readFileSync(coredns()) }], {
        Entrypoint: ["/coredns"],
      }),
    ),
    keptArchive(
      "branchline",
      files.map(({ source }) => source),
      async () => archiveOf(`${repository}:${tag}`, await branchlineFiles(), { Entrypoint: [EXECUTABLE] }),
    ),
  ]);
}

function coredns(): string {
  const program = path.join(corednsDirectory(), "coredns");
  if (!existsSync(program)) throw new Error(`no ${program}: run test/setup/coredns.sh`);
  return program;
}
