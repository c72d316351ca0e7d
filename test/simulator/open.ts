/**
 * Rows of requests.tsv that the simulator does not answer as the table says yet. Their tests are expected to fail, so a row
 * that begins to agree has to leave this list.
 */
export const OPEN: ReadonlySet<string> = new Set();
