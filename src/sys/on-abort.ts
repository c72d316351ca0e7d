/** What is called when a signal is aborted, of signals that have any. */
const calls = new WeakMap<AbortSignal, { readonly all: Set<() => void>; readonly listener: () => void }>();

/**
 * Calls back once when the signal is aborted; returns what takes that back. Unlike addEventListener, which looks through
 * all listeners for one that is the same, it takes the same time whether one or thousands wait on the signal. `call` must
 * not throw, and the signal must not be aborted yet.
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  let known = calls.get(signal);
  if (known === undefined) {
    const all = new Set<() => void>();
    const listener = () => {
      calls.delete(signal);
      for (const one of all) one();
    };
    known = { all, listener };
    calls.set(signal, known);
    signal.addEventListener("abort", listener, { once: true });
  }
  const { all, listener } = known;
  const own = () => call();
  all.add(own);
  return () => {
    all.delete(own);
    if (all.size > 0 || calls.get(signal)?.all !== all) return;
    calls.delete(signal);
    signal.removeEventListener("abort", listener);
  };
}
