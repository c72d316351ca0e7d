import type { Console } from "./console.ts";
import { GuestError } from "./errors.ts";
import type { Ending } from "./machine.ts";
import type { Note } from "./share.ts";

/** All that is known of a guest when its machine has ended. */
export interface Evidence {
  readonly ending: Ending;
  readonly console: Pick<Console, "panic" | "lines">;
  /** The guest's notes; those of another boot count as none. */
  readonly started: Note | undefined;
  readonly status: Note | undefined;
}

const tail = 30;

function howItEnded({ code, signal, error, complaint }: Ending): string {
  const end = error?.message ?? (signal === null ? `exit code ${code}` : `signal ${signal}`);
  return complaint === "" ? end : `${end}: ${complaint}`;
}

/**
 * The status the guest brought back; throws a {@link GuestError} unless everything speaks for it.
 * A status does not outweigh a panic or a deadline: both say that the kernel under test misbehaved.
 */
export function judge({ ending, console, started, status }: Evidence): Note {
  const failed = (failure: GuestError["failure"], message: string): GuestError =>
    new GuestError(failure, message, console.lines(tail), {
      begun: started !== undefined,
      ...(ending.error && { cause: ending.error }),
    });
  const seconds = ending.seconds.toFixed(1);

  if (ending.cut === "abort") throw failed("aborted", `The guest was ended after ${seconds} s, as asked`);
  if (console.panic !== undefined) throw failed("panicked", `The guest's kernel panicked: ${console.panic}`);
  if (ending.cut === "deadline") {
    throw failed("hung", `The guest did not end in ${seconds} s${started ? "" : ", nor begin its command"}`);
  }
  if (started === undefined) throw failed("not started", `The guest never started (${howItEnded(ending)})`);
  if (status === undefined) {
    throw failed("unreported", `The guest ended without reporting a status (${howItEnded(ending)})`);
  }
  if (ending.code !== 0) throw failed("unreported", `The guest's machine failed (${howItEnded(ending)})`);
  return status;
}
