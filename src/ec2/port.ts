import {
  AssociateTrunkInterfaceCommand,
  AttachNetworkInterfaceCommand,
  CreateNetworkInterfaceCommand,
  CreateTagsCommand,
  DeleteNetworkInterfaceCommand,
  DescribeInstancesCommand,
  DescribeManagedPrefixListsCommand,
  DescribeNetworkAclsCommand,
  DescribeNetworkInterfacesCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeTrunkInterfaceAssociationsCommand,
  DetachNetworkInterfaceCommand,
  DisassociateTrunkInterfaceCommand,
  EC2Client,
  EC2ServiceException,
  GetManagedPrefixListEntriesCommand,
  ModifyNetworkInterfaceAttributeCommand,
} from "@aws-sdk/client-ec2";
import type { CreateNetworkInterfaceCommandInput, Filter, Reservation } from "@aws-sdk/client-ec2";
import { systemClock } from "../sys/clock.ts";
import { LinkedAbort } from "../sys/linked-abort.ts";
import type { Action } from "./actions.ts";
import type { Budgets } from "./budget.ts";
import { readAssociation, readGroup, readInstance, readInterface, readSubnet } from "./decode.ts";
import { readNetworkAcl, readPrefixList, readRouteTable, readRule } from "./decode-rules.ts";
import { Ec2CallError, type ErrorKind, kindOf } from "./error.ts";
import type {
  ConnectionTracking,
  Instance,
  NetworkAcl,
  NetworkInterface,
  NewInterface,
  PrefixList,
  RouteTable,
  SecurityGroup,
  SecurityGroupRule,
  Subnet,
  Tags,
  TrunkAssociation,
} from "./types.ts";
import type { Priority } from "./waiting-line.ts";

/** Of one HTTP request. */
const REQUEST_MS = 30_000;
const CONNECT_MS = 5_000;
/** More pages of one description are a defect of the server. */
const MAX_PAGES = 1000;
const PAGE = 1000;
/** A page of associations is smaller, and so is one of prefix lists or route tables. */
const ASSOCIATIONS_PAGE = 255;
const SMALL_PAGE = 100;

export interface PortOptions {
  readonly budgets: Budgets;
  /** Called after each call, for metrics. */
  readonly ended?: (call: EndedCall) => void;
  /** Otherwise AWS_REGION. */
  readonly region?: string;
  /** Otherwise AWS_ENDPOINT_URL_EC2, AWS_ENDPOINT_URL, or EC2 itself. */
  readonly endpoint?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** Who waits for it. */
  readonly priority: Priority;
  /** Asked once it has its token, which may take minutes: whether it may still be made. Absent: it may. */
  readonly mayBegin?: () => boolean;
}

export interface EndedCall {
  readonly action: Action;
  readonly outcome: "ok" | ErrorKind;
  /** Without the wait for a token. */
  readonly seconds: number;
}

/** Which things a description is to show: name of EC2's filter → values, any of which is enough. */
export type Filters = Readonly<Record<string, readonly string[]>>;

/** EC2, one method an operation. Each rejects with an Ec2CallError, or with the signal's reason; none tries again. */
export class Ec2Port {
  private readonly client: EC2Client;
  private readonly budgets: Budgets;
  private readonly ended: (call: EndedCall) => void;

  constructor({ budgets, ended = () => {}, region, endpoint, credentials }: PortOptions) {
    this.budgets = budgets;
    this.ended = ended;
    this.client = new EC2Client({
      maxAttempts: 1,
      requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS },
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    });
  }

  /**
   * Whether the account may make such a trunk: undefined when it may, EC2's refusal otherwise. Makes nothing. With the tags
   * that it would have: a policy may allow no other.
   */
  async trunkRefusal(
    wanted: Omit<NewInterface, "token">,
    options: CallOptions,
  ): Promise<Ec2CallError | undefined> {
    try {
      const { ClientToken: _, ...input } = createInput({ ...wanted, token: "" });
      const trial = { ...input, InterfaceType: "trunk", DryRun: true } as const;
      await this.call("CreateNetworkInterface", options, (abort) =>
        this.client.send(new CreateNetworkInterfaceCommand(trial), abort),
      );
    } catch (error) {
      if (!(error instanceof Ec2CallError)) throw error;
      if (error.code === "DryRunOperation") return undefined;
      const isVerdict = error.kind === "denied" || error.kind === "invalid";
      if (!isVerdict) throw error;
      return error;
    }
    throw new Ec2CallError(
      "bug",
      "CreateNetworkInterface",
      "DryRun",
      "a dry run was answered as if it were none",
    );
  }

  /** Not attached yet. */
  createTrunk(wanted: NewInterface, options: CallOptions): Promise<NetworkInterface> {
    return this.create({ ...createInput(wanted), InterfaceType: "trunk" }, options);
  }

  /** An ordinary interface until it is associated. */
  createBranch(wanted: NewInterface, options: CallOptions): Promise<NetworkInterface> {
    return this.create(createInput(wanted), options);
  }

  /** Gives the attachment's id; the attachment itself takes seconds. */
  async attach(id: string, instance: string, deviceIndex: number, options: CallOptions): Promise<string> {
    const input = { NetworkInterfaceId: id, InstanceId: instance, DeviceIndex: deviceIndex };
    const { AttachmentId } = await this.call("AttachNetworkInterface", options, (abort) =>
      this.client.send(new AttachNetworkInterfaceCommand(input), abort),
    );
    return expected("AttachNetworkInterface", "AttachmentId", AttachmentId);
  }

  async detach(attachment: string, options: CallOptions): Promise<void> {
    await this.call("DetachNetworkInterface", options, (abort) =>
      this.client.send(new DetachNetworkInterfaceCommand({ AttachmentId: attachment }), abort),
    );
  }

  async deleteOnTermination(id: string, attachment: string, options: CallOptions): Promise<void> {
    const input = {
      NetworkInterfaceId: id,
      Attachment: { AttachmentId: attachment, DeleteOnTermination: true },
    };
    await this.call("ModifyNetworkInterfaceAttribute", options, (abort) =>
      this.client.send(new ModifyNetworkInterfaceAttributeCommand(input), abort),
    );
  }

  /** Replaces the whole set; also of an associated branch. */
  async setGroups(id: string, groups: readonly string[], options: CallOptions): Promise<void> {
    const input = { NetworkInterfaceId: id, Groups: [...groups] };
    await this.call("ModifyNetworkInterfaceAttribute", options, (abort) =>
      this.client.send(new ModifyNetworkInterfaceAttributeCommand(input), abort),
    );
  }

  /** Adds tags, or gives them other values. */
  async tag(id: string, tags: Tags, options: CallOptions): Promise<void> {
    const list = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    await this.call("CreateTags", options, (abort) =>
      this.client.send(new CreateTagsCommand({ Resources: [id], Tags: list }), abort),
    );
  }

  /** Never with the token of an association that has been removed since. */
  async associate(
    { branch, trunk, vlan, token }: Omit<TrunkAssociation, "id"> & { readonly token: string },
    options: CallOptions,
  ): Promise<TrunkAssociation> {
    const input = { BranchInterfaceId: branch, TrunkInterfaceId: trunk, VlanId: vlan, ClientToken: token };
    const { InterfaceAssociation } = await this.call("AssociateTrunkInterface", options, (abort) =>
      this.client.send(new AssociateTrunkInterfaceCommand(input), abort),
    );
    return readAssociation(expected("AssociateTrunkInterface", "InterfaceAssociation", InterfaceAssociation));
  }

  async disassociate(association: string, token: string, options: CallOptions): Promise<void> {
    const input = { AssociationId: association, ClientToken: token };
    await this.call("DisassociateTrunkInterface", options, (abort) =>
      this.client.send(new DisassociateTrunkInterfaceCommand(input), abort),
    );
  }

  async deleteInterface(id: string, options: CallOptions): Promise<void> {
    await this.call("DeleteNetworkInterface", options, (abort) =>
      this.client.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: id }), abort),
    );
  }

  interfaces(filters: Filters, options: CallOptions): Promise<NetworkInterface[]> {
    return this.pages("DescribeNetworkInterfaces", options, async (NextToken, abort) => {
      const input = { Filters: filterList(filters), MaxResults: PAGE, NextToken };
      const answer = await this.client.send(new DescribeNetworkInterfacesCommand(input), abort);
      return { next: answer.NextToken, items: (answer.NetworkInterfaces ?? []).map(readInterface) };
    });
  }

  /** One unknown id fails the whole call as `gone`. */
  async instances(ids: readonly string[], options: CallOptions): Promise<Instance[]> {
    const { Reservations } = await this.call("DescribeInstances", options, (abort) =>
      this.client.send(new DescribeInstancesCommand({ InstanceIds: [...ids] }), abort),
    );
    return instancesIn(Reservations);
  }

  /** Those that there are: an unknown id in a filter is nobody's. */
  findInstances(filters: Filters, options: CallOptions): Promise<Instance[]> {
    return this.pages("DescribeInstances", options, async (NextToken, abort) => {
      const input = { Filters: filterList(filters), MaxResults: PAGE, NextToken };
      const answer = await this.client.send(new DescribeInstancesCommand(input), abort);
      return { next: answer.NextToken, items: instancesIn(answer.Reservations) };
    });
  }

  subnets(filters: Filters, options: CallOptions): Promise<Subnet[]> {
    return this.pages("DescribeSubnets", options, async (NextToken, abort) => {
      const input = { Filters: filterList(filters), MaxResults: PAGE, NextToken };
      const answer = await this.client.send(new DescribeSubnetsCommand(input), abort);
      return { next: answer.NextToken, items: (answer.Subnets ?? []).map(readSubnet) };
    });
  }

  groups(filters: Filters, options: CallOptions): Promise<SecurityGroup[]> {
    return this.pages("DescribeSecurityGroups", options, async (NextToken, abort) => {
      const input = { Filters: filterList(filters), MaxResults: PAGE, NextToken };
      const answer = await this.client.send(new DescribeSecurityGroupsCommand(input), abort);
      return { next: answer.NextToken, items: (answer.SecurityGroups ?? []).map(readGroup) };
    });
  }

  /** Of all trunks: EC2 has no filter by trunk. `denied` under an assumed role; tags have to do then. */
  associations(options: CallOptions): Promise<TrunkAssociation[]> {
    return this.pages("DescribeTrunkInterfaceAssociations", options, async (NextToken, abort) => {
      const input = { MaxResults: ASSOCIATIONS_PAGE, NextToken };
      const answer = await this.client.send(new DescribeTrunkInterfaceAssociationsCommand(input), abort);
      return { next: answer.NextToken, items: (answer.InterfaceAssociations ?? []).map(readAssociation) };
    });
  }

  rules(filters: Filters, options: CallOptions): Promise<SecurityGroupRule[]> {
    return this.pages("DescribeSecurityGroupRules", options, async (NextToken, abort) => {
      const input = { Filters: filterList(filters), MaxResults: PAGE, NextToken };
      const answer = await this.client.send(new DescribeSecurityGroupRulesCommand(input), abort);
      return { next: answer.NextToken, items: (answer.SecurityGroupRules ?? []).map(readRule) };
    });
  }

  prefixLists(filters: Filters, options: CallOptions): Promise<PrefixList[]> {
    return this.pages("DescribeManagedPrefixLists", options, async (NextToken, abort) => {
      const input = { Filters: filterList(filters), MaxResults: SMALL_PAGE, NextToken };
      const answer = await this.client.send(new DescribeManagedPrefixListsCommand(input), abort);
      return { next: answer.NextToken, items: (answer.PrefixLists ?? []).map(readPrefixList) };
    });
  }

  /** The CIDRs of a prefix list, in its newest version. */
  prefixListEntries(id: string, options: CallOptions): Promise<string[]> {
    return this.pages("GetManagedPrefixListEntries", options, async (NextToken, abort) => {
      const input = { PrefixListId: id, MaxResults: SMALL_PAGE, NextToken };
      const answer = await this.client.send(new GetManagedPrefixListEntriesCommand(input), abort);
      return { next: answer.NextToken, items: (answer.Entries ?? []).flatMap(({ Cidr }) => Cidr ?? []) };
    });
  }

  networkAcls(filters: Filters, options: CallOptions): Promise<NetworkAcl[]> {
    return this.pages("DescribeNetworkAcls", options, async (NextToken, abort) => {
      const input = { Filters: filterList(filters), MaxResults: PAGE, NextToken };
      const answer = await this.client.send(new DescribeNetworkAclsCommand(input), abort);
      return { next: answer.NextToken, items: (answer.NetworkAcls ?? []).map(readNetworkAcl) };
    });
  }

  routeTables(filters: Filters, options: CallOptions): Promise<RouteTable[]> {
    return this.pages("DescribeRouteTables", options, async (NextToken, abort) => {
      const input = { Filters: filterList(filters), MaxResults: SMALL_PAGE, NextToken };
      const answer = await this.client.send(new DescribeRouteTablesCommand(input), abort);
      return { next: answer.NextToken, items: (answer.RouteTables ?? []).map(readRouteTable) };
    });
  }

  close(): void {
    this.client.destroy();
  }

  private async create(
    input: CreateNetworkInterfaceCommandInput,
    options: CallOptions,
  ): Promise<NetworkInterface> {
    const { NetworkInterface } = await this.call("CreateNetworkInterface", options, (abort) =>
      this.client.send(new CreateNetworkInterfaceCommand(input), abort),
    );
    return readInterface(expected("CreateNetworkInterface", "NetworkInterface", NetworkInterface));
  }

  private async pages<T>(
    action: Action,
    options: CallOptions,
    read: (token: string | undefined, abort: Abort) => Promise<{ next: string | undefined; items: T[] }>,
  ): Promise<T[]> {
    const all: T[] = [];
    let token: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const at = token;
      const { next, items } = await this.call(action, options, (abort) => read(at, abort));
      all.push(...items);
      if (next === undefined || next === "") return all;
      token = next;
    }
    throw new Ec2CallError("bug", action, "NextToken", `there are more than ${MAX_PAGES} pages`);
  }

  private async call<T>(
    action: Action,
    { signal, priority, mayBegin }: CallOptions,
    send: (abort: Abort) => Promise<T>,
  ): Promise<T> {
    const budget = this.budgets.of(action);
    const takenAt = await budget.take(signal, priority);
    if (mayBegin?.() === false)
      throw new Ec2CallError("retry", action, "NotSent", "another may lead by now: EC2 was not asked");
    const began = systemClock.now();
    const ended = (outcome: EndedCall["outcome"]) =>
      this.ended({ action, outcome, seconds: (systemClock.now() - began) / 1000 });
    using linked = new LinkedAbort(signal);
    const late = new DOMException(`no answer after ${REQUEST_MS / 1000} s`, "TimeoutError");
    const limit = setTimeout(() => linked.abort(late), REQUEST_MS);
    try {
      const answer = await send({ abortSignal: linked.signal });
      ended("ok");
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      const failure = callError(action, error);
      if (failure.kind === "throttled") budget.throttled(takenAt);
      ended(failure.kind);
      throw failure;
    } finally {
      clearTimeout(limit);
    }
  }
}

interface Abort {
  readonly abortSignal: AbortSignal;
}

/** What the SDK threw: EC2's refusal, no answer, no credentials, or a defect. */
function callError(action: string, error: unknown): Ec2CallError {
  if (error instanceof Ec2CallError) return error;
  if (error instanceof EC2ServiceException) {
    const { httpStatusCode, requestId } = error.$metadata;
    return new Ec2CallError(kindOf(error.name, httpStatusCode), action, error.name, error.message, {
      requestId,
      cause: error,
    });
  }
  if (!(error instanceof Error))
    return new Ec2CallError("bug", action, "Error", String(error), { cause: error });
  const { name, code, message } = error as NodeJS.ErrnoException;
  if (name === "CredentialsProviderError")
    return new Ec2CallError("denied", action, name, message, { cause: error });
  // What came instead of an answer, as from a proxy, says nothing of what EC2 has done.
  if ("$response" in error)
    return new Ec2CallError("retry", action, "UnreadableAnswer", message, { cause: error });
  const isLost = code !== undefined || name === "AbortError" || name === "TimeoutError";
  return new Ec2CallError(isLost ? "retry" : "bug", action, code ?? name, message, { cause: error });
}

function createInput(wanted: NewInterface): CreateNetworkInterfaceCommandInput {
  const { subnet, groups, description, tags, ipv6Addresses, tracking, token } = wanted;
  const list = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  return {
    SubnetId: subnet,
    Description: description,
    ClientToken: token,
    ...(groups.length === 0 ? {} : { Groups: [...groups] }),
    ...(ipv6Addresses === undefined ? {} : { Ipv6AddressCount: ipv6Addresses }),
    ...(tracking === undefined ? {} : { ConnectionTrackingSpecification: trackingInput(tracking) }),
    ...(list.length === 0 ? {} : { TagSpecifications: [{ ResourceType: "network-interface", Tags: list }] }),
  };
}

function trackingInput({ tcpEstablished, udp, udpStream }: ConnectionTracking) {
  return { TcpEstablishedTimeout: tcpEstablished, UdpTimeout: udp, UdpStreamTimeout: udpStream };
}

function instancesIn(reservations: readonly Reservation[] | undefined): Instance[] {
  return (reservations ?? []).flatMap(({ Instances }) => (Instances ?? []).map(readInstance));
}

function filterList(filters: Filters): Filter[] {
  return Object.entries(filters).map(([Name, values]) => ({ Name, Values: [...values] }));
}

function expected<T>(action: string, name: string, value: T | undefined): T {
  if (value === undefined) {
    throw new Ec2CallError("retry", action, "UnreadableAnswer", `the answer has no ${name}`);
  }
  return value;
}
