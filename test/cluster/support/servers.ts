// Servers on machines of the VPC that are no nodes, such as a database outside of the cluster.
import type { Site } from "../site/site.ts";

const WHO = `#!/bin/sh
peer=\${REMOTE_ADDR#[} peer=\${peer%]}
printf 'Content-Type: text/plain\\r\\n\\r\\n%s\\n' "NAME \${peer#::ffff:}"
`;

/** Serves HTTP, with who was asked by whom at /cgi-bin/who, until the machine goes. */
export async function serveOn(site: Site, machine: string, port: number): Promise<void> {
  const directory = `/run/www-${machine}`;
  const { status, stderr } = await site.run(
    machine,
    [
      "sh",
      "-ec",
      `mkdir -p "$1/cgi-bin"; cat >"$1/cgi-bin/who"; chmod 755 "$1/cgi-bin/who"
       # It goes into the background by itself.
       busybox httpd -p "$2" -h "$1"`,
      "sh",
      directory,
      String(port),
    ],
    { input: WHO.replace("NAME", machine) },
  );
  if (status !== 0) throw new Error(`no server on ${machine}: ${stderr}`);
}
