import { UsageError } from "../sys/command-line.ts";
import { quote } from "../text/json.ts";
import { canonicalIp } from "../values/ip.ts";

/** What is asked about a pod, by the flags. Pure. */

export interface Port {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

export type Question =
  /** Whether it reaches its name servers. Only what is too long for udp is asked by tcp as well. */
  | { readonly kind: "dns"; readonly protocols: readonly Port["protocol"][] }
  /** Whether kubelet's probes reach it. */
  | { readonly kind: "probes" }
  /** `host`: an address in canonical form, or a name in lower case. */
  | ({ readonly kind: "to"; readonly host: string; readonly isAddress: boolean } & Port)
  | ({ readonly kind: "to-pod"; readonly pod: PodName } & Port)
  /** Undefined: each port that the pod declares or that is probed. */
  | { readonly kind: "from-node"; readonly at: Port | undefined }
  | { readonly kind: "from-pod"; readonly pod: PodName; readonly at: Port | undefined };

export interface QuestionFlags {
  readonly to?: string | undefined;
  readonly toPod?: string | undefined;
  readonly fromNode: boolean;
  readonly fromPod?: string | undefined;
  readonly port?: string | undefined;
}

/** `namespace`: of a pod without one. UsageError. Asked for nothing, it is name servers and probes. */
export function questionsOf(flags: QuestionFlags, namespace: string): readonly Question[] {
  const { to, toPod, fromNode, fromPod } = flags;
  if (flags.port !== undefined && !fromNode && fromPod === undefined)
    throw new UsageError(
      "--port is the pod's own, for --from-node and --from-pod; give --to HOST:PORT otherwise",
    );
  const at = flags.port === undefined ? undefined : portOf(flags.port, "--port");
  const asked: Question[] = [];
  if (to !== undefined) asked.push(...toHost(to));
  if (toPod !== undefined) {
    const { name, ...port } = splitPort(toPod, "--to-pod", "NAMESPACE/NAME:PORT");
    asked.push({ kind: "to-pod", pod: podOf(name, namespace, "--to-pod"), ...port });
  }
  if (fromNode) asked.push({ kind: "from-node", at });
  if (fromPod !== undefined)
    asked.push({ kind: "from-pod", pod: podOf(fromPod, namespace, "--from-pod"), at });
  return asked.length === 0 ? [{ kind: "dns", protocols: ["udp", "tcp"] }, { kind: "probes" }] : asked;
}

/** A name has to be looked up first. */
function toHost(text: string): readonly Question[] {
  const url = /^[a-z]+:\/\/([^/]+)/i.exec(text);
  if (url !== null)
    throw new UsageError(`--to ${quote(text)} is a URL: give HOST:PORT, such as ${url[1] ?? ""}`);
  const { name, ...port } = splitPort(text, "--to", "HOST:PORT[/udp]");
  const bare = /^\[(.+)\]$/.exec(name)?.[1] ?? name;
  const address = canonicalIp(bare);
  if (address !== undefined) return [{ kind: "to", host: address, isAddress: true, ...port }];
  const host = bare.toLowerCase().replace(/\.$/, "");
  if (
    !/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(host) ||
    host.length > 253
  )
    throw new UsageError(`--to ${quote(text)}: ${quote(bare)} is neither an address nor a name`);
  // No name server is asked for it.
  if (host === "localhost") return [{ kind: "to", host: "127.0.0.1", isAddress: true, ...port }];
  return [
    { kind: "dns", protocols: ["udp"] },
    { kind: "to", host, isAddress: false, ...port },
  ];
}

function splitPort(text: string, flag: string, form: string): Port & { readonly name: string } {
  const [, name, port] = /^(.+):([^:\]]*)$/.exec(text) ?? [];
  if (name === undefined || port === undefined)
    throw new UsageError(`${flag} ${quote(text)} has no port: it is ${form}, such as ${text}:443`);
  // An address of IPv6 without brackets has no port that could be told from it.
  if (name.includes(":") && !/^\[.*\]$/.test(name))
    throw new UsageError(`${flag} ${quote(text)} is not ${form}; IPv6 is [ADDRESS]:PORT`);
  return { name, ...portOf(port, `${flag} ${quote(text)}`) };
}

/** PORT, PORT/tcp or PORT/udp. */
function portOf(text: string, flag: string): Port {
  const [, digits = "", protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp))?$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port < 1 || port > 65_535)
    throw new UsageError(`${flag}: ${quote(text)} is no port: PORT, or PORT/udp, from 1 to 65535`);
  return { protocol: protocol.toLowerCase() === "udp" ? "udp" : "tcp", port };
}

function podOf(text: string, namespace: string, flag: string): PodName {
  const parts = text.split("/");
  const [name = "", own = namespace] = parts.toReversed();
  if (parts.length > 2 || !isName(name) || !isName(own))
    throw new UsageError(`${flag} ${quote(text)} is not NAMESPACE/NAME`);
  return { namespace: own, name };
}

/** Of a pod: labels with dots between them. */
export function isName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(text);
}
