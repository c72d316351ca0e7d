import type { Action } from "../action.ts";
import type { AttachedTrunk, Branch } from "../ledger.ts";
import { isInPlace } from "../pods/branch-subnet.ts";
import { readyTrunk } from "../pods/branches.ts";
import type { View } from "../view.ts";
import { keepWarm } from "./actions/keep-warm.ts";
import { isRecyclable, isWanted, warmCount } from "./pool.ts";

/** For so long it may stay unknown; then slots are worth more. */
const UNKNOWN_MS = 60_000;

/** Which branches that have cooled stay, in one decision. */
export class Keeping {
  private readonly view: View;
  private readonly trunk: AttachedTrunk | undefined;
  private places: number;
  private readonly bySubnet = new Map<string, number>();

  constructor(view: View) {
    this.view = view;
    this.trunk = view.node === undefined ? undefined : readyTrunk(view);
    this.places = this.trunk !== undefined ? view.settings.warm.target - warmCount(view.ledger) : 0;
  }

  /** Undefined: it is to be released. `later`: it is not known yet how much room there is, as after a start. */
  of(branch: Branch, now: number): Action | "later" | undefined {
    const { view, trunk } = this;
    if (trunk === undefined || !isInPlace(branch, view, trunk)) return undefined;
    const { warm } = view.settings;
    const subnet = branch.eni.subnet.id;
    const kept = this.bySubnet.get(subnet) ?? 0;
    if (this.places <= 0 || !isRecyclable(branch, warm) || !isWanted(branch, view)) return undefined;
    const room = warm.room(subnet);
    if (room === undefined) return now - (branch.until ?? now) < UNKNOWN_MS ? "later" : undefined;
    if (room <= kept) return undefined;
    this.places -= 1;
    this.bySubnet.set(subnet, kept + 1);
    return keepWarm(branch);
  }
}
