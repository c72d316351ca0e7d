import { GuestError } from "./errors.ts";

/** Of one guest. */
const BOOTS = 3;

/**
 * Boots a guest, and again where the emulator failed: a stock kernel patches its own text while it boots, and now and then
 * (about 1 boot in 12 was seen) QEMU's emulated processors trip over that: `Oops: int3`. What panics before the guest has
 * begun says nothing about what it was to run; what panics afterwards is never tried again. `again` hears of each failure
 * that is followed by another boot.
 */
export async function untilBegun<T>(
  boot: () => Promise<T>,
  again: (failure: GuestError, more: number) => void,
): Promise<T> {
  for (let more = BOOTS - 1; ; more--) {
    try {
      return await boot();
    } catch (error) {
      if (!isEmulatorsFault(error) || more === 0) throw error;
      again(error, more);
    }
  }
}

function isEmulatorsFault(error: unknown): error is GuestError {
  return error instanceof GuestError && error.failure === "panicked" && !error.begun;
}
