// What stands between the plugin and the kernel: counts every change, and makes one of them go wrong.
import type { TransportFactory } from "../../../src/datapath/kernel.ts";
import { NETLINK_NETFILTER, openTransport } from "../../../src/netlink/transport.ts";
import { isChange, messagesOf, refusable, type SentMessage } from "./messages.ts";

/** What shall go wrong, counted from 1 in the order of the call; without any of them nothing does. */
export interface Mishap {
  /** This message is refused by the kernel, for a field that it cannot accept. */
  readonly refuse?: number;
  /** The answer to this datagram is lost; the kernel did what it says. */
  readonly swallow?: number;
  /** Before this change (datagram, sysctl, file) the process is as good as dead: nothing it does happens. */
  readonly die?: number;
  /** This write of a sysctl meets whatever `around` makes. */
  readonly sysctl?: number;
  readonly around?: (write: () => boolean) => boolean;
}

/** What a dead process's next steps throw. */
class Dead extends Error {}

/** As long as the kernel ever takes in the guest, and short enough to be waited for often. */
const RECEIVE_TIMEOUT_SECONDS = 0.5;

export class Gate {
  /** Messages that change something, in order; all of them, also those that were made to be refused. */
  readonly messages: SentMessage[] = [];
  /** Keys of the sysctls written. */
  readonly sysctls: string[] = [];
  datagrams = 0;
  /** Datagrams, sysctls and files together. */
  changes = 0;
  #dead = false;
  readonly #mishap: Mishap;

  constructor(mishap: Mishap = {}) {
    this.#mishap = mishap;
  }

  readonly openTransport: TransportFactory = (_at, protocol) => {
    const real = openTransport(RECEIVE_TIMEOUT_SECONDS, protocol);
    // A transaction of nftables: all of it or nothing.
    const isTransaction = protocol === NETLINK_NETFILTER;
    let loseAnswer = false;
    return {
      send: (bytes) => {
        const changing = isTransaction ? [] : messagesOf(bytes).filter(isChange);
        const isChanging = changing.length > 0 || isTransaction;
        if (isChanging) {
          this.change();
          this.datagrams += 1;
        }
        this.#alive();
        for (const message of changing) {
          this.messages.push(message);
          if (this.messages.length === this.#mishap.refuse) bytes = refusable(bytes, message);
        }
        loseAnswer = isChanging && this.datagrams === this.#mishap.swallow;
        real.send(bytes);
      },
      receive: () => {
        this.#alive();
        if (loseAnswer) real.receive();
        return real.receive();
      },
      [Symbol.dispose]: () => real[Symbol.dispose](),
    };
  };

  writeSysctl(key: string, write: () => boolean): boolean {
    this.change();
    this.sysctls.push(key);
    const { sysctl, around } = this.#mishap;
    return around !== undefined && this.sysctls.length === sysctl ? around(write) : write();
  }

  /** Counts a change, unless the process dies before it. */
  change(): void {
    this.#alive();
    this.changes += 1;
    this.#dead = this.changes === this.#mishap.die;
    this.#alive();
  }

  #alive(): void {
    if (this.#dead) throw new Dead("killed");
  }
}

let current = new Gate();

/** The gate that sysctls go through: src/sys/sysctl.ts is replaced by who wants it. */
export function sysctlGate(): Gate {
  return current;
}

/** From now on sysctls go through this one. One call at a time: they know one gate only. */
export function useGate(gate: Gate): void {
  current = gate;
}
