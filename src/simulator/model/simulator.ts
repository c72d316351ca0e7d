import { ADDRESS_OPERATIONS } from "./address-operations.ts";
import { Buckets, bucketFor } from "./buckets.ts";
import { Ec2Error, missing } from "./error.ts";
import { faultError, meetFault } from "./faults.ts";
import type { Fault } from "./faults.ts";
import { GROUP_OPERATIONS } from "./groups.ts";
import { INSTANCE_OPERATIONS } from "./instances.ts";
import { INTERFACE_OPERATIONS } from "./interfaces.ts";
import { settle } from "./later.ts";
import { NETWORK_ACL_OPERATIONS } from "./network-acls.ts";
import type { Operation, Operations } from "./operation.ts";
import { Params } from "./params.ts";
import type { ParamTree } from "./params.ts";
import { PREFIX_LIST_OPERATIONS } from "./prefix-lists.ts";
import { ROUTE_TABLE_OPERATIONS } from "./route-tables.ts";
import { TAG_OPERATIONS } from "./tag-operations.ts";
import { TRUNK_OPERATIONS } from "./trunks.ts";
import type { Answer, Context, Effect, World } from "./types.ts";
import { VPC_OPERATIONS } from "./vpcs.ts";

export const OPERATIONS: Operations = {
  ...VPC_OPERATIONS,
  ...GROUP_OPERATIONS,
  ...PREFIX_LIST_OPERATIONS,
  ...NETWORK_ACL_OPERATIONS,
  ...ROUTE_TABLE_OPERATIONS,
  ...INTERFACE_OPERATIONS,
  ...ADDRESS_OPERATIONS,
  ...TRUNK_OPERATIONS,
  ...INSTANCE_OPERATIONS,
  ...TAG_OPERATIONS,
};

const VERSION = "2016-11-15";
const MAX_TOKEN = 64;
/** How many tokens are remembered: the oldest are forgotten first, as EC2 forgets its own after a day. */
const MAX_TOKENS = 100_000;

/** Throws an Ec2Error when the caller is not allowed to make the request. */
export type Authorize = (action: string, params: Params, world: World, account: string) => void;

/** EC2 as a state machine: requests and the passing of time in, answers and effects out. It reads no clock itself. */
export class Simulator {
  readonly world: World;
  readonly faults: Fault[] = [];
  private readonly buckets = new Buckets();
  private readonly observers: ((effect: Effect) => void)[] = [];

  constructor(world: World) {
    this.world = world;
  }

  /** Called for each change, in order, while the operation that makes it runs. */
  observe(observer: (effect: Effect) => void): void {
    this.observers.push(observer);
  }

  forgetThrottling(): void {
    this.buckets.clear();
  }

  /** Does all that is due by then: milliseconds since 1970, never before an earlier call's. */
  advance(now: number): void {
    settle(this.world, now, (at) => this.context(this.world.account, at));
  }

  /** Answers one request of the account, or throws an Ec2Error, and then nothing has changed. */
  execute(
    action: string,
    tree: ParamTree,
    now: number,
    account = this.world.account,
    authorize?: Authorize,
  ): Answer {
    this.advance(now);
    const params = new Params(tree);
    const operation = operationOf(action, params);
    this.throttle(action, params, account, now);
    authorize?.(action, params, this.world, account);
    const fault = meetFault(this.faults, action, this.world.random);
    if (fault !== undefined && fault.after !== true) throw faultError(fault);
    const answer = this.carryOut(action, operation, params, this.context(account, now));
    if (fault !== undefined) throw faultError(fault);
    return answer;
  }

  private carryOut(action: string, operation: Operation, given: Params, context: Context): Answer {
    if (this.world.settings.deniedActions.includes(action)) {
      throw new Ec2Error(
        "UnauthorizedOperation",
        `You are not authorized to perform this operation: ec2:${action} for account ${context.account}.`,
      );
    }
    const { Action: _, Version: __, DryRun: ___, ...rest } = given.tree;
    checkNames(operation, given);
    operation.check?.(given, context);
    if (given.flag("DryRun") === true) {
      throw new Ec2Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
    }
    const params = new Params(rest);
    const token = operation.idempotent === true ? params.text("ClientToken") : undefined;
    if (token === undefined || token === "") return operation.run(params, context);
    return this.once(action, operation, params, context, token);
  }

  /** Does what the token stands for once; a token whose work is undone, or that stood for something else, mismatches. */
  private once(
    action: string,
    operation: Operation,
    params: Params,
    context: Context,
    token: string,
  ): Answer {
    if (token.length > MAX_TOKEN || !/^[\x20-\x7e]+$/.test(token)) {
      throw new Ec2Error(
        "InvalidParameterValue",
        `A ClientToken has at most ${MAX_TOKEN} ASCII characters: ${token}`,
      );
    }
    const key = `${context.account} ${action} ${token}`;
    const { ClientToken: _, ...rest } = params.tree;
    const parameters = stable(rest);
    const { tokens } = this.world;
    const used = tokens.get(key);
    if (used !== undefined) {
      if (used.parameters === parameters && (used.made === "" || this.exists(used.made))) return used.answer;
      throw new Ec2Error(
        "IdempotentParameterMismatch",
        `The client token '${token}' has been used for a request with other parameters, or for what is gone since.`,
      );
    }
    const answer = operation.run(params, context);
    tokens.set(key, { parameters, answer, made: operation.made?.(answer) ?? "" });
    const [oldest] = tokens.size > MAX_TOKENS ? tokens.keys() : [];
    if (oldest !== undefined) tokens.delete(oldest);
    return answer;
  }

  private exists(id: string): boolean {
    const { interfaces, associations, prefixLists, networkAcls, routeTables } = this.world;
    return [interfaces, associations, prefixLists, networkAcls, routeTables].some((map) => map.has(id));
  }

  private throttle(action: string, params: Params, account: string, now: number): void {
    const { throttling, buckets } = this.world.settings;
    if (!throttling) return;
    const isNarrow = Object.keys(params.tree).some(
      (name) => name === "Filter" || name === "MaxResults" || name.endsWith("Id"),
    );
    const { name, bucket } = bucketFor(action, isNarrow, buckets);
    if (this.buckets.take(`${account} ${name}`, bucket, now)) return;
    throw new Ec2Error("RequestLimitExceeded", "Request limit exceeded.");
  }

  private context(account: string, now: number): Context {
    return {
      world: this.world,
      now,
      account,
      effect: (kind, id, of, vlan) => {
        const more = { ...(of === undefined ? {} : { of }), ...(vlan === undefined ? {} : { vlan }) };
        const effect: Effect = { at: now, kind, id, ...more };
        for (const observer of this.observers) observer(effect);
      },
    };
  }
}

function operationOf(action: string, params: Params): Operation {
  const version = params.text("Version");
  if (version === undefined) throw missing("Version");
  const operation = Object.hasOwn(OPERATIONS, action) ? OPERATIONS[action] : undefined;
  if (operation === undefined || version !== VERSION) {
    throw new Ec2Error("InvalidAction", `The action ${action} is not valid for this web service.`);
  }
  return operation;
}

function checkNames(operation: Operation, params: Params): void {
  for (const name of Object.keys(params.tree)) {
    const isCommon = name === "Action" || name === "Version" || name === "DryRun";
    if (!isCommon && !operation.parameters.includes(name)) {
      throw new Ec2Error("UnknownParameter", `The parameter ${name} is not recognized`);
    }
  }
  for (const name of operation.required ?? []) {
    if (!params.has(name) || params.tree[name] === "") throw missing(name);
  }
}

/** One text for the same parameters in whatever order they came. */
function stable(tree: ParamTree): string {
  const sorted = Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(
    sorted.map(([name, value]) => [name, typeof value === "string" ? value : stable(value)]),
  );
}
