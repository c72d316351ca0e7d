import { openOwnNamespace } from "../../netns/namespace.ts";

/**
 * The thread enters pods' namespaces and comes back. If that fails, it would take a pod's network for the node's from then
 * on: the process has to end, whoever caught the error.
 */
export class Home {
  readonly #identity = identityOfOwn();
  readonly #end: (why: string) => void;

  /** `end` does not return. */
  constructor(end: (why: string) => never) {
    this.#end = end;
  }

  readonly check = (): void => {
    const identity = identityOfOwn();
    if (identity !== this.#identity) {
      this.#end(`the agent is in network namespace ${identity} instead of its own, ${this.#identity}`);
    }
  };
}

function identityOfOwn(): string {
  using own = openOwnNamespace();
  return own.identity;
}
