/**
 * Reads that many ask for at once. Whoever asks gets a read that starts after he asked, since an earlier one may have
 * missed what he has to know; those who ask while one is under way share the next.
 */
export class SharedReads<T> {
  private readonly read: (key: string) => Promise<T>;
  private readonly running = new Map<string, Promise<unknown>>();
  private readonly next = new Map<string, Promise<T>>();

  constructor(read: (key: string) => Promise<T>) {
    this.read = read;
  }

  get(key: string): Promise<T> {
    const queued = this.next.get(key);
    if (queued !== undefined) return queued;
    const current = this.running.get(key);
    if (current === undefined) return this.start(key);
    const promise = current.then(
      () => this.startQueued(key),
      () => this.startQueued(key),
    );
    this.next.set(key, promise);
    return promise;
  }

  private startQueued(key: string): Promise<T> {
    this.next.delete(key);
    return this.start(key);
  }

  private start(key: string): Promise<T> {
    const promise = this.read(key);
    this.running.set(key, promise);
    const ended = () => {
      if (this.running.get(key) === promise) this.running.delete(key);
    };
    promise.then(ended, ended);
    return promise;
  }
}
