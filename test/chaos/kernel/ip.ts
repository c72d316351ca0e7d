import { netnsPath } from "../../ground/netns.ts";
import { inNamespace, openNamespace, openOwnNamespace } from "../../../src/netns/namespace.ts";
import { Kept } from "./kept.ts";

/** What a namespace holds but its IPv6 rules: those have to be asked for by their family. */
const LISTS = ["addr show", "route show table all", "rule show", "neigh show nud permanent"];

/** iproute2 in a namespace, for any number of commands. */
export class Ip {
  readonly #netns: string | undefined;
  #any: Kept;
  readonly #ipv6: Kept;

  /** In the namespace of that name, or in the one that this thread is in. */
  constructor(netns?: string) {
    this.#netns = netns;
    this.#any = this.#start();
    this.#ipv6 = this.#start("-6");
  }

  #start(...family: readonly string[]): Kept {
    using namespace = this.#netns === undefined ? openOwnNamespace() : openNamespace(netnsPath(this.#netns));
    return inNamespace(namespace, () => new Kept("ip", [...family, "-d", "-j", "-batch", "-"]));
  }

  /** Carries out commands of which none prints anything; throws when one fails. */
  async run(commands: readonly string[], family?: 4 | 6): Promise<void> {
    if (commands.length === 0) return;
    await ask(family === 6 ? this.#ipv6 : this.#any, [...commands, LAST]);
  }

  /** Five lines of JSON: addresses (with links), routes, rules of IPv4, permanent neighbours, rules of IPv6. */
  async list(): Promise<string> {
    const [lists, rules] = await Promise.all([ask(this.#any, LISTS), ask(this.#ipv6, ["rule show"])]);
    return lists + rules;
  }

  /** Forgets the names of devices, which one process keeps for as long as it lives: on the node none is renamed. */
  async renew(): Promise<void> {
    await this.#any.end();
    this.#any = this.#start();
  }

  async end(): Promise<void> {
    await Promise.all([this.#any.end(), this.#ipv6.end()]);
  }
}

/** A command that prints one line, after those that print none. */
const LAST = "link show dev lo";

function ask(kept: Kept, commands: readonly string[]): Promise<string> {
  const lines = commands.filter((command) => command === LAST || / show\b/.test(command)).length;
  return kept.ask(
    commands.map((command) => `${command}\n`).join(""),
    (text) => text.endsWith("\n") && text.split("\n").length > lines,
  );
}
