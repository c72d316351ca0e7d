import type { CniResult } from "../ground/cnitool.ts";
import { applicable } from "./model/applicable.ts";
import { type Accident, type Call, type Operation, callsOf, isAccident } from "./model/operation.ts";
import { bury } from "./model/changes.ts";
import type { Expected } from "./model/expectation.ts";
import { outcomesOf } from "./model/outcome.ts";
import type { Sandbox } from "./model/pool.ts";
import { type World, newWorld } from "./model/world.ts";
import { type Answer, type Reply, callExecutable, callHere } from "./kernel/caller.ts";
import { Checker, DefectError } from "./kernel/checker.ts";
import { Ground } from "./kernel/ground.ts";
import type { Plant } from "./kernel/plant.ts";
import { type Memory, requestOf } from "./kernel/requests.ts";

const LOG_FILE = "/tmp/chaos.log";

/**
 * The kernel does some things a moment after it has said that they are done: local routes of IPv6 addresses, the devices
 * of a namespace that is gone. What is still different after this long is so.
 */
const SETTLING_MS = 8_000;

/** All namespaces are read whole so often, in rounds. */
const EVERYTHING_EVERY = 50;

export interface PlayerOptions {
  readonly plant?: Plant | undefined;
  /** Told what each round came to. */
  readonly onRound?: (round: Round) => void;
  /** The kernel is looked at only where an operation has several outcomes, or takes a namespace away, and in the end. */
  readonly hasty?: boolean;
}

export interface Round {
  readonly operation: Operation;
  /** Of each call; undefined for one that was killed. */
  readonly replies: readonly Reply[];
  readonly world: World;
}

/** Carries out operations on a fresh node, one after the other, and holds the kernel against the model after each. */
export class Player implements AsyncDisposable {
  world: World = newWorld();
  readonly checker: Checker;
  readonly #ground: Ground;
  readonly #options: PlayerOptions;
  readonly #memories = new Map<number, Memory>();
  #rounds = 0;

  private constructor(ground: Ground, options: PlayerOptions) {
    this.#ground = ground;
    this.#options = options;
    this.checker = new Checker(ground, options.hasty === true ? 1_000 : SETTLING_MS);
  }

  static async open(options: PlayerOptions = {}): Promise<Player> {
    const player = new Player(await Ground.open(), options);
    try {
      await player.#expect(player.world);
      return player;
    } catch (error) {
      await player[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ground.close();
  }

  /** One round; false when the operation means nothing in this world. Throws DefectError. */
  async play(operation: Operation): Promise<boolean> {
    if (!applicable(this.world, operation)) return false;
    const { replies, killed } = await this.#carryOut(operation);
    const outcomes = outcomesOf(this.world, operation, killed);
    const fitting = outcomes.filter(({ answers }) => answers.every((one, i) => fits(one, replies[i])));
    if (fitting.length === 0) {
      const wanted = [...new Set(outcomes.map(({ answers }) => answers.map(say).join(", ")))].join("; or ");
      throw new DefectError({
        what: "answer",
        lines: [`- answers ${wanted}`, `+ answers ${replies.map(sayReply).join(", ")}`],
      });
    }
    this.#rounds += 1;
    const isEnd = operation.op === "del" && operation.bury === true && !killed;
    const [only, another] = fitting;
    const isClear = only !== undefined && another === undefined && !killed && !isEnd;
    if (this.#options.hasty === true && isClear) this.world = only.world;
    else this.world = await this.checker.find(fitting, this.#rounds % EVERYTHING_EVERY === 0);
    if (isEnd) await this.#bury(operation.sandbox);
    this.#forget();
    this.#options.onRound?.({ operation, replies, world: this.world });
    return true;
  }

  /** Everything must be as it should be, in every namespace. */
  async finish(): Promise<void> {
    await this.#expect(this.world);
  }

  async #expect(world: World): Promise<void> {
    await this.checker.find([{ world, answers: [], touched: [] }], true);
  }

  async #carryOut(operation: Operation): Promise<{ replies: Reply[]; killed: boolean }> {
    if (isAccident(operation)) {
      await this.#happen(operation);
      return { replies: [], killed: false };
    }
    const calls = callsOf(operation);
    for (const call of calls) await this.#prepare(call);
    const replies = await Promise.all(calls.map((call) => this.#call(call, calls.length > 1)));
    calls.forEach((call, i) => this.#remember(call, replies[i]));
    return { replies, killed: replies.includes(undefined) };
  }

  async #happen(accident: Accident): Promise<void> {
    const ground = this.#ground;
    switch (accident.op) {
      case "destroy":
        return ground.destroy(this.#recall(accident.sandbox).spec);
      case "replace":
        await ground.destroy(this.#recall(accident.sandbox).spec);
        return this.#meet(accident.by);
      case "unplug":
        return ground.unplug(this.#recall(accident.sandbox).spec);
      case "trunk":
        return ground.setTrunk(accident.up);
      case "neighbour":
        if (accident.strict !== this.world.strictNeighbour) await ground.setNeighbour(accident.strict);
    }
  }

  async #prepare(call: Call): Promise<void> {
    if (call.op === "add" && this.world.sandboxes[call.sandbox.id] === undefined) {
      await this.#meet(call.sandbox);
    }
  }

  async #meet(spec: Sandbox): Promise<void> {
    await this.#ground.make(spec);
    this.#memories.set(spec.id, { spec });
  }

  /** Only a process of its own can be killed, or work beside another. */
  #call(call: Call, beside: boolean): Promise<Reply> {
    const request = requestOf(call, (sandbox) => this.#recall(sandbox), LOG_FILE);
    const kill = "kill" in call ? call.kill : undefined;
    if (beside || (kill !== undefined && kill.by !== "gate")) return callExecutable(request, kill);
    return callHere(request, kill, this.#options.plant);
  }

  #remember(call: Call, reply: Reply): void {
    if (call.op !== "add" || call.eni === undefined || call.broken === true) return;
    const { spec, result } = this.#recall(call.sandbox.id);
    const answered: CniResult | undefined = reply?.result ?? result;
    this.#memories.set(spec.id, { spec, add: call, ...(answered !== undefined && { result: answered }) });
  }

  #recall(sandbox: number): Memory {
    const memory = this.#memories.get(sandbox);
    if (memory === undefined) throw new Error(`nobody knows sandbox ${sandbox}`);
    return memory;
  }

  async #bury(sandbox: number): Promise<void> {
    const state = this.world.sandboxes[sandbox];
    if (state === undefined || state.buried) return;
    await this.#ground.bury(state);
    this.world = bury(this.world, sandbox);
  }

  #forget(): void {
    for (const id of this.#memories.keys())
      if (this.world.sandboxes[id] === undefined) this.#memories.delete(id);
  }
}

function fits(expected: Expected | undefined, reply: Reply): boolean {
  if (expected === undefined) return true;
  if (reply === undefined || reply.code !== expected.code) return false;
  if (expected.addresses === undefined) return true;
  return addressesOf(reply).join(" ") === expected.addresses.join(" ");
}

function addressesOf({ result }: Answer): string[] {
  return (result?.ips ?? []).map(({ address }) => address.split("/")[0] ?? address);
}

function say(expected: Expected | undefined): string {
  if (expected === undefined) return "anything";
  const { code, addresses } = expected;
  return code === 0 ? ["success", ...(addresses ?? [])].join(" ") : `code ${code}`;
}

function sayReply(reply: Reply): string {
  if (reply === undefined) return "none (killed)";
  return reply.code === 0
    ? ["success", ...addressesOf(reply)].join(" ")
    : `code ${reply.code}: ${reply.words}`;
}
