/** In which way a guest failed to bring back a status. */
export type GuestFailure = "not started" | "panicked" | "hung" | "unreported" | "aborted";

/** A guest that brought back no status: whatever it was to prove is not proven. */
export class GuestError extends Error {
  override readonly name = "GuestError";
  readonly failure: GuestFailure;
  /** The last lines of its console. */
  readonly console: readonly string[];

  constructor(failure: GuestFailure, message: string, console: readonly string[], options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
    this.console = console;
  }
}
