import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { dnsName } from "./model/interfaces.ts";
import { interfacesOf } from "./model/later.ts";
import type { Instance, Interface, World } from "./model/types.ts";
import type { Session } from "./start.ts";
import type { Reply } from "./wire/http.ts";

const TTL = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN = "x-aws-ec2-metadata-token";
const MAX_TTL = 21_600;

/** Signs tokens, so that none has to be remembered; a token is one instance's. */
const secret = randomBytes(32);

/** A request of instance metadata, version 2 only: of one instance at `/latest`, of any at `/instances/<id>/latest`. */
export function answerMetadata(request: IncomingMessage, session: Session): Reply {
  const { world } = session.simulator;
  const found = /^(?:\/instances\/(i-[0-9a-f]+))?\/latest(\/.*)?$/.exec(
    (request.url ?? "").split("?")[0] ?? "",
  );
  const id = found?.[1] ?? session.metadataInstance ?? world.instances.keys().next().value;
  const instance = world.instances.get(id ?? "");
  if (found === null || instance === undefined || instance.state === "terminated")
    return text(404, "Not Found");
  const path = (found[2] ?? "/").slice(1);
  if (path === "api/token") return issue(request, instance.id, session.now());
  if (!isValid(request.headers[TOKEN], instance.id, session.now())) return text(401, "Unauthorized");
  if (request.method !== "GET" && request.method !== "HEAD") return text(405, "Method Not Allowed");
  const value = lookUp(treeOf(world, instance), path);
  return value === undefined ? text(404, "Not Found") : text(200, value);
}

function issue(request: IncomingMessage, instance: string, now: number): Reply {
  if (request.method !== "PUT") return text(405, "Method Not Allowed");
  // The service refuses what came through a proxy.
  if (request.headers["x-forwarded-for"] !== undefined) return text(403, "Forbidden");
  const ttl = String(request.headers[TTL] ?? "");
  if (!/^\d{1,5}$/.test(ttl) || Number(ttl) < 1 || Number(ttl) > MAX_TTL) return text(400, "Bad Request");
  const until = String(now + Number(ttl) * 1000);
  const token = Buffer.from(`${until} ${sign(until, instance)}`).toString("base64url");
  return { ...text(200, token), headers: { [TTL]: ttl } };
}

function sign(until: string, instance: string): string {
  return createHmac("sha256", secret).update(`${until} ${instance}`).digest("hex");
}

function isValid(token: string | string[] | undefined, instance: string, now: number): boolean {
  if (typeof token !== "string") return false;
  const [until = "", signature = ""] = Buffer.from(token, "base64url").toString().split(" ");
  const expected = Buffer.from(sign(until, instance));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected) && now < Number(until);
}

interface Tree {
  readonly [name: string]: string | Tree;
}

function treeOf(world: World, instance: Instance): Tree {
  const interfaces = interfacesOf(world, instance.id).filter(
    ({ attachment }) => attachment?.status === "attached",
  );
  const primary = interfaces.find(({ attachment }) => attachment?.deviceIndex === 0);
  const address = primary?.addresses[0] ?? "";
  return {
    "meta-data": {
      "ami-id": instance.image,
      hostname: dnsName(world, address),
      "instance-id": instance.id,
      "instance-type": instance.type,
      "local-hostname": dnsName(world, address),
      "local-ipv4": address,
      mac: primary?.mac ?? "",
      network: {
        interfaces: {
          macs: Object.fromEntries(interfaces.map((eni) => [eni.mac, interfaceTree(world, eni)])),
        },
      },
      placement: { "availability-zone": instance.zone, region: world.region },
      "security-groups": groupNames(world, primary),
    },
    dynamic: {
      "instance-identity": {
        document: JSON.stringify({
          accountId: instance.owner,
          architecture: "x86_64",
          availabilityZone: instance.zone,
          imageId: instance.image,
          instanceId: instance.id,
          instanceType: instance.type,
          pendingTime: new Date(instance.createdAt).toISOString(),
          privateIp: address,
          region: world.region,
          version: "2017-09-30",
        }),
      },
    },
  };
}

function groupNames(world: World, eni: Interface | undefined): string {
  return (eni?.groups ?? []).map((id) => world.groups.get(id)?.name ?? id).join("\n");
}

function interfaceTree(world: World, eni: Interface): Tree {
  const subnet = world.subnets.get(eni.subnet);
  const vpc = world.vpcs.get(eni.vpc);
  const address = eni.addresses[0] ?? "";
  const tree: Record<string, string | undefined> = {
    "device-number": String(eni.attachment?.deviceIndex),
    "interface-id": eni.id,
    "ipv4-prefix": eni.ipv4Prefixes.join("\n") || undefined,
    "ipv6-prefix": eni.ipv6Prefixes.join("\n") || undefined,
    ipv6s: eni.ipv6.join("\n") || undefined,
    "local-hostname": dnsName(world, address),
    "local-ipv4s": eni.addresses.join("\n"),
    mac: eni.mac,
    "network-card": "0",
    "owner-id": eni.owner,
    "security-group-ids": eni.groups.join("\n"),
    "security-groups": groupNames(world, eni),
    "subnet-id": eni.subnet,
    "subnet-ipv4-cidr-block": subnet?.cidr,
    "subnet-ipv6-cidr-blocks": subnet?.ipv6Cidr,
    "vpc-id": eni.vpc,
    "vpc-ipv4-cidr-block": vpc?.cidr,
    "vpc-ipv4-cidr-blocks": vpc?.cidr,
    "vpc-ipv6-cidr-blocks": vpc?.ipv6Cidr,
  };
  return Object.fromEntries(
    Object.entries(tree).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** A directory is its names, one a line, with a slash behind those that are directories. */
function lookUp(tree: Tree, path: string): string | undefined {
  let at: string | Tree = tree;
  for (const part of path.split("/").filter((name) => name !== "")) {
    if (typeof at === "string" || !Object.hasOwn(at, part)) return undefined;
    at = at[part] ?? "";
  }
  if (typeof at === "string") return at;
  return Object.entries(at)
    .map(([name, value]) => (typeof value === "string" ? name : `${name}/`))
    .join("\n");
}

function text(status: number, body: string): Reply {
  return { status, type: "text/plain", body };
}
