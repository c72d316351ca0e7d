/** What comes first of a changing set, in time that grows with the logarithm of its size. Anything in it can be taken out. */
export class Heap<T> {
  private readonly items: T[] = [];
  private readonly places = new Map<T, number>();
  private readonly isBefore: (a: T, b: T) => boolean;

  /** The order of two items may not change while both are in it. */
  constructor(isBefore: (a: T, b: T) => boolean) {
    this.isBefore = isBefore;
  }

  get size(): number {
    return this.items.length;
  }

  first(): T | undefined {
    return this.items[0];
  }

  has(item: T): boolean {
    return this.places.has(item);
  }

  add(item: T): void {
    if (this.places.has(item)) throw new Error("it is there already");
    this.put(this.items.length, item);
    this.rise(item);
  }

  /** Whether it was there. */
  remove(item: T): boolean {
    const place = this.places.get(item);
    if (place === undefined) return false;
    this.places.delete(item);
    const last = this.items.pop();
    if (last !== undefined && last !== item) {
      this.put(place, last);
      this.rise(last);
      this.sink(last);
    }
    return true;
  }

  private rise(item: T): void {
    for (let place = this.places.get(item) ?? 0; place > 0;) {
      const above = (place - 1) >> 1;
      if (!this.swapped(above, place)) return;
      place = above;
    }
  }

  private sink(item: T): void {
    let place = this.places.get(item) ?? 0;
    for (;;) {
      const [left, right] = [2 * place + 1, 2 * place + 2];
      const [a, b] = [this.items[left], this.items[right]];
      if (a === undefined) return;
      const below = b !== undefined && this.isBefore(b, a) ? right : left;
      if (!this.swapped(place, below)) return;
      place = below;
    }
  }

  /** Swaps the two when the lower one comes first. */
  private swapped(above: number, below: number): boolean {
    const [upper, lower] = [this.items[above], this.items[below]];
    if (upper === undefined || lower === undefined || !this.isBefore(lower, upper)) return false;
    this.put(above, lower);
    this.put(below, upper);
    return true;
  }

  private put(place: number, item: T): void {
    this.items[place] = item;
    this.places.set(item, place);
  }
}
