/** How commands that only read end. */
export const EXIT = {
  /** Nothing is wrong. */
  fine: 0,
  /** They looked, and found problems. */
  problems: 1,
  /** The arguments cannot be used. */
  usage: 2,
  /** They could not look. */
  cannotLook: 3,
} as const;

/** What was asked for could not be looked at; the message says why. */
export class CannotLookError extends Error {
  override name = "CannotLookError";
}
