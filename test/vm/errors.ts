/** In which way a guest failed to bring back a status. */
export type GuestFailure = "not started" | "panicked" | "hung" | "unreported" | "aborted";

/** A guest that brought back no status: whatever it was to prove is not proven. */
export class GuestError extends Error {
  override readonly name = "GuestError";
  readonly failure: GuestFailure;
  /** The last lines of its console. */
  readonly console: readonly string[];
  /** Whether the guest had begun its command: until then nothing of ours ran, but the kernel's own boot. */
  readonly begun: boolean;

  constructor(
    failure: GuestFailure,
    message: string,
    console: readonly string[],
    options: ErrorOptions & { begun?: boolean } = {},
  ) {
    super(message, options);
    this.failure = failure;
    this.console = console;
    this.begun = options.begun ?? false;
  }
}
