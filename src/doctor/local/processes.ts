import { readFileSync } from "node:fs";
import { namesIn } from "../../sys/names-in.ts";
import { knownVariables } from "../variables.ts";

/** Processes of the node, in /proc. */

const IPAMD = "aws-k8s-agent";
const NETWORKD = "systemd-networkd";

/** Of ipamd, as far as the checks know its variables; undefined when it does not run here. */
export function readAwsNode(proc: string): Readonly<Record<string, string>> | undefined {
  const id = processOf(proc, IPAMD);
  if (id === undefined) return undefined;
  const text = readFileSync(`${proc}/${id}/environ`, "utf8");
  const env = text.split("\0").map((pair) => pair.split("=", 2) as [string, string]);
  return knownVariables(Object.fromEntries(env));
}

/** Its settings in [Network], the last file by name last; undefined when it does not run here. */
export function readNetworkd(proc: string, etc: string): Readonly<Record<string, string>> | undefined {
  if (processOf(proc, NETWORKD) === undefined) return undefined;
  const directory = `${etc}/systemd/networkd.conf.d`;
  const files = [
    `${etc}/systemd/networkd.conf`,
    ...namesIn(directory)
      .filter((name) => name.endsWith(".conf"))
      .toSorted()
      .map((name) => `${directory}/${name}`),
  ];
  return Object.assign({}, ...files.map((file) => settingsIn(textOf(file)))) as Record<string, string>;
}

function settingsIn(text: string): Readonly<Record<string, string>> {
  let section = "";
  const settings: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const [, name] = /^\[(\w+)\]\s*$/.exec(line) ?? [];
    if (name !== undefined) section = name;
    const [, key, value] = /^(ManageForeign\w+)\s*=\s*(\S*)\s*$/.exec(line) ?? [];
    if (section === "Network" && key !== undefined) settings[key] = value ?? "";
  }
  return settings;
}

/** The first process of this name. */
function processOf(proc: string, name: string): string | undefined {
  // The kernel keeps 15 bytes of a name.
  const kept = name.slice(0, 15);
  return namesIn(proc).find((id) => /^\d+$/.test(id) && textOf(`${proc}/${id}/comm`).trim() === kept);
}

/** Empty when it is not there, as when a process has ended. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
