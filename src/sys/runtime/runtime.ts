/** What differs between the JavaScript runtimes: one file for each implements it, and nothing else has their names. */
export interface Runtime {
  /** As people know it. */
  readonly name: string;
  readonly version: string;
  /** The C library, loaded once. Throws AssetError if what loads it has to be on disk, and cannot be put there. */
  library(): NativeLibrary;
  /** The exports of a script that the executable carries, evaluated now; `cache` is what speeds it up, if there is one. */
  script(name: string, cache?: string): unknown;
  /** For the whole process: the space for new objects stays as small as it is. */
  keepHeapSmall(): void;
  /** For the whole process: garbage is collected before it is several times what is in use. */
  collectGarbageSoon(): void;
}

export interface NativeLibrary {
  /** Binds a function by its prototype in C. Of types there are int, unsigned int, long, unsigned long and void *. */
  func(prototype: string): NativeFunction;
  /** Of the last call, which must have been the last thing that happened on this thread. */
  errno(): number;
}

export type NativeFunction = (...args: (number | Uint8Array | string | null)[]) => number;
