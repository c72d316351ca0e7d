import { type KubernetesObject, keyOf } from "./metadata.ts";

/** What a cache tells its listeners; they turn it into what there is to do, and do nothing themselves. */
export type Change<T> =
  | { readonly type: "added"; readonly object: T }
  | { readonly type: "updated"; readonly object: T; readonly before: T }
  /** `object` is the last one known. */
  | { readonly type: "deleted"; readonly object: T };

/** The objects of a cache. Each method returns what it changed; the whole store has changed by then. */
export class Store<T extends KubernetesObject> {
  private objects = new Map<string, T>();

  get(key: string): T | undefined {
    return this.objects.get(key);
  }

  values(): IterableIterator<T> {
    return this.objects.values();
  }

  get size(): number {
    return this.objects.size;
  }

  put(object: T): readonly Change<T>[] {
    const key = keyOf(object.metadata);
    const before = this.objects.get(key);
    this.objects.set(key, object);
    return difference(before, object);
  }

  remove(object: T): readonly Change<T>[] {
    const before = this.objects.get(keyOf(object.metadata));
    // Of an object that was replaced by another of its name, the end may come late.
    if (before === undefined || before.metadata.uid !== object.metadata.uid) return [];
    this.objects.delete(keyOf(object.metadata));
    // The event's object is the newest one of what has gone.
    return [{ type: "deleted", object }];
  }

  /** Takes a list of all objects, and gives the differences: deletions first, so that what they held is free. */
  replace(objects: readonly T[]): readonly Change<T>[] {
    const old = this.objects;
    this.objects = new Map(objects.map((object) => [keyOf(object.metadata), object]));
    const gone = [...old]
      .filter(([key]) => !this.objects.has(key))
      .map(([, object]): Change<T> => ({ type: "deleted", object }));
    const others = [...this.objects].flatMap(([key, object]) => difference(old.get(key), object));
    return [...gone, ...others];
  }
}

/** Another UID under the same name is a deletion and a creation. */
function difference<T extends KubernetesObject>(before: T | undefined, object: T): readonly Change<T>[] {
  if (before === undefined) return [{ type: "added", object }];
  if (before.metadata.uid !== object.metadata.uid) {
    return [
      { type: "deleted", object: before },
      { type: "added", object },
    ];
  }
  if (before.metadata.resourceVersion === object.metadata.resourceVersion) return [];
  return [{ type: "updated", object, before }];
}
