import type { World } from "../model/types.ts";
import { totalsOf } from "./counters.ts";
import type { Seen } from "./counters.ts";
import { desiredNetworks, namespaceOf } from "./desired.ts";
import { CommandError } from "./execute.ts";
import { VpcPlane } from "./vpc-plane.ts";
import type { VpcPlaneOptions } from "./vpc-plane.ts";
import { messageOf } from "../../text/error-words.ts";

export interface DataPlaneOptions extends Pick<VpcPlaneOptions, "branchType"> {
  /** How its namespaces' names begin. */
  readonly prefix: string;
  readonly world: () => World;
  readonly log: (line: Readonly<Record<string, unknown>>) => void;
}

/** What the data plane tells of itself. */
export interface DataPlaneState {
  /** Why nothing changes until a reset. */
  readonly failure?: string;
  /** Namespaces under /run/netns, by the id of the VPC or instance. */
  readonly namespaces: Readonly<Record<string, string>>;
  /** Packets, by the id of the interface. */
  readonly interfaces: Readonly<Record<string, Seen>>;
  /** Connections that a rule has allowed, by its id. */
  readonly rules: Readonly<Record<string, number>>;
  /** Packets that an entry of a network ACL has decided about, by "acl-… ingress 100"; * is no entry. */
  readonly entries: Readonly<Record<string, number>>;
}

/** Makes the kernel follow the model. A change takes effect a little later, as in EC2; `settled` waits for it. */
export class DataPlane {
  readonly #options: DataPlaneOptions;
  readonly #planes = new Map<string, VpcPlane>();
  #isDirty = false;
  #work: Promise<void> = Promise.resolve();
  #failure: string | undefined;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
  }

  /** To be called when the model has changed: many calls at once are one change. */
  changed(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#work = this.#work.then(() => this.#follow());
  }

  /** As settled, and throws when that has failed: for the start. */
  async ready(): Promise<void> {
    await this.settled();
    if (this.#failure !== undefined) throw new Error(this.#failure);
  }

  /** Another world: nothing of the old one stays, not even what runs in its instances. */
  restart(): void {
    this.#work = this.#work.then(async () => {
      this.#failure = undefined;
      await this.#closePlanes().catch((error: unknown) => this.#fail(error));
    });
    this.#isDirty = false;
    this.changed();
  }

  /** Resolves when the kernel has what the model had at the call. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async #follow(): Promise<void> {
    this.#isDirty = false;
    if (this.#failure !== undefined) return;
    const { world, prefix, branchType } = this.#options;
    try {
      const wanted = desiredNetworks(world(), prefix);
      for (const [vpc, plane] of this.#planes) {
        if (wanted.has(vpc)) continue;
        this.#planes.delete(vpc);
        await plane.close();
      }
      for (const [vpc, network] of wanted) {
        const options = branchType === undefined ? {} : { branchType };
        const plane =
          this.#planes.get(vpc) ?? (await VpcPlane.open({ netns: namespaceOf(prefix, vpc), ...options }));
        this.#planes.set(vpc, plane);
        await plane.apply(network);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure = messageOf(error);
    this.#options.log({
      msg: "the data plane has failed, and changes nothing until a reset",
      error: this.#failure,
      ...(error instanceof CommandError ? { script: error.input } : {}),
    });
  }

  async state(): Promise<DataPlaneState> {
    await this.settled();
    const { prefix } = this.#options;
    const namespaces: Record<string, string> = {};
    const interfaces: Record<string, Seen> = {};
    const rules: Record<string, number> = {};
    const entries: Record<string, number> = {};
    for (const [vpc, plane] of this.#planes) {
      const { machines, ports } = plane.network;
      namespaces[vpc] = plane.netns;
      for (const name of machines) namespaces[name.slice(prefix.length + 1)] = name;
      const totals = totalsOf(await plane.totals());
      for (const { eni, device } of ports.values()) interfaces[eni] = totals.seenBy(device);
      for (const [id, packets] of totals.rules) rules[id] = packets;
      for (const [entry, packets] of totals.entries) entries[entry] = packets;
    }
    return {
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
      namespaces,
      interfaces,
      rules,
      entries,
    };
  }

  async close(): Promise<void> {
    await this.#work;
    await this.#closePlanes();
  }

  async #closePlanes(): Promise<void> {
    for (const plane of this.#planes.values()) await plane.close();
    this.#planes.clear();
  }
}
