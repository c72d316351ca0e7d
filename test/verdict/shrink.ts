// A disagreement's world without all that it does not need.
import { reduce } from "../chaos/reduce.ts";
import { emptyWorld, type Call, type World } from "./world.ts";

/** A piece that can be left out. */
type Piece = (world: World) => World;

/** `fails`: whether a world still has the disagreement. */
export async function shrunk(
  world: World,
  call: Call,
  fails: (smaller: World) => Promise<boolean>,
  isTimeOver: () => boolean = () => false,
): Promise<World> {
  const empty = emptyWorld(call);
  // Everybody has a group: which ones is as good as left out.
  const bare: World = { ...empty, groupsOf: world.groupsOf };
  const build = (pieces: readonly Piece[], from: World) =>
    pieces.reduce((grown, piece) => piece(grown), from);
  const { sequence } = await reduce(piecesOf(world), (pieces) => fails(build(pieces, bare)), isTimeOver);
  const small = build(sequence, bare);
  // Groups last: without rules that name them they are mostly nothing.
  const fewer = await reduce(
    groupPieces(world),
    (pieces) => fails(build(pieces, { ...small, groupsOf: {} })),
    isTimeOver,
  );
  return build(fewer.sequence, { ...small, groupsOf: {} });
}

function piecesOf({ rules, lists, acls, demux, policies }: World): Piece[] {
  const add =
    <K extends "lists" | "acls">(key: K, name: string, more: World[K][string]): Piece =>
    (world) => ({ ...world, [key]: { ...world[key], [name]: [...(world[key][name] ?? []), ...more] } });
  return [
    ...rules.map((rule): Piece => (world) => ({ ...world, rules: [...world.rules, rule] })),
    ...Object.entries(lists).flatMap(([name, blocks]) => blocks.map((block) => add("lists", name, [block]))),
    // Without any entry an ACL lets nothing pass, which is not the same as none.
    ...Object.entries(acls).flatMap(([name, entries]) => [
      add("acls", name, []),
      ...entries.map((entry) => add("acls", name, [entry])),
    ]),
    ...Object.entries(demux).map(([name, switches]): Piece => (world) => ({
      ...world,
      demux: { ...world.demux, [name]: switches },
    })),
    ...policies.map((policy): Piece => (world) => ({ ...world, policies: [...world.policies, policy] })),
  ];
}

function groupPieces({ groupsOf }: World): Piece[] {
  return Object.entries(groupsOf).flatMap(([name, groups]) =>
    groups.map((group): Piece => (world) => ({
      ...world,
      groupsOf: { ...world.groupsOf, [name]: [...(world.groupsOf[name] ?? []), group] },
    })),
  );
}
