// What may be wrong with the state directory when a call comes, and puts it right again.
import {
  chmodSync,
  existsSync,
  lstatSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** `link`: what is there, or would be, lies elsewhere. `RECORDS`: each record there is. */
export const TROUBLES = [
  { how: "link", at: "." },
  { how: "link", at: "attachments" },
  { how: "link", at: "locks" },
  { how: "link", at: "locks/vlan-7" },
  { how: "link", at: "locks/node" },
  { how: "link", at: "strict.json" },
  { how: "link", at: "warned" },
  { how: "link", at: `attachments/7:c1:eth0.json.${process.pid}.tmp` },
  { how: "link", at: "RECORDS" },
  { how: "broken", at: "RECORDS" },
  { how: "newer", at: "RECORDS" },
  { how: "broken", at: "strict.json" },
  { how: "open to others", at: "." },
  { how: "open to others", at: "attachments" },
] as const;

export type Trouble = (typeof TROUBLES)[number];

/** Makes the trouble; what comes back puts right what is still there, and says what was done to what lay elsewhere. */
export function makeTrouble(state: string, { how, at }: Trouble): () => string[] {
  const records = () =>
    readdirSync(join(state, "attachments")).map((file) => join(state, "attachments", file));
  const places =
    at === "RECORDS" ? (existsSync(join(state, "attachments")) ? records() : []) : [join(state, at)];
  const undo = places.map((place, i) =>
    how === "link" ? relocate(place, join(state, "..", `elsewhere-${i}`)) : spoil(place, how),
  );
  return () => undo.flatMap((putRight) => putRight());
}

function relocate(place: string, elsewhere: string): () => string[] {
  const wasThere = existsSync(place);
  if (wasThere) renameSync(place, elsewhere);
  else if (existsSync(dirname(place))) writeFileSync(elsewhere, "theirs");
  else return () => [];
  symlinkSync(elsewhere, place);
  const before = contentOf(elsewhere);
  return () => {
    const touched = contentOf(elsewhere) === before ? [] : [`what ${place} leads to was touched`];
    // A link in a record's place goes with the record.
    const isThere = lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    if (isThere) rmSync(place);
    if (isThere && wasThere) renameSync(elsewhere, place);
    else rmSync(elsewhere, { recursive: true });
    return touched;
  };
}

function spoil(place: string, how: Exclude<Trouble["how"], "link">): () => string[] {
  if (!existsSync(place)) return () => [];
  if (how === "open to others") {
    chmodSync(place, 0o777);
    return () => (chmodSync(place, 0o700), []);
  }
  const text = readFileSync(place, "utf8");
  writeFileSync(
    place,
    how === "broken" ? text.slice(0, text.length / 2) : text.replace('"version":1', '"version":2'),
  );
  return () => {
    if (existsSync(place)) writeFileSync(place, text);
    return [];
  };
}

function contentOf(path: string): string {
  const { mode } = lstatSync(path);
  if (!lstatSync(path).isDirectory()) return `${mode} ${readFileSync(path, "utf8")}`;
  return `${mode} ${readdirSync(path)
    .map((name) => `${name}: ${contentOf(join(path, name))}`)
    .join("; ")}`;
}
