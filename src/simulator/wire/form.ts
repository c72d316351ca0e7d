import { Ec2Error } from "../model/error.ts";
import type { ParamTree } from "../model/params.ts";

/** More parameters than any request needs, and deeper names. */
const MAX_PARAMETERS = 5000;
const MAX_DEPTH = 8;

/** Query strings as the tree that their dotted names make. Throws an Ec2Error for what is no such form. */
export function readForm(text: string): ParamTree {
  // Names come from strangers: an object without a prototype has no members but theirs.
  const tree = Object.create(null) as ParamTree;
  const pairs = text.split("&", MAX_PARAMETERS + 1).filter((pair) => pair !== "");
  if (pairs.length > MAX_PARAMETERS) {
    throw new Ec2Error("InvalidRequest", `A request has at most ${MAX_PARAMETERS} parameters`);
  }
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    put(tree, name, equals < 0 ? "" : decode(pair.slice(equals + 1)));
  }
  return tree;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new Ec2Error("MalformedQueryString", `The query string is not URL-encoded: "${text.slice(0, 80)}"`);
  }
}

function put(tree: ParamTree, name: string, value: string): void {
  const parts = name.split(".");
  const last = parts.pop() ?? "";
  if (parts.length >= MAX_DEPTH || last === "" || parts.includes("")) throw unknown(name);
  let at = tree;
  for (const part of parts) {
    const inner = at[part] ?? (Object.create(null) as ParamTree);
    if (typeof inner === "string") throw unknown(name);
    at[part] = inner;
    at = inner;
  }
  if (Object.hasOwn(at, last)) {
    throw new Ec2Error("InvalidParameterCombination", `The parameter ${name} is there twice`);
  }
  at[last] = value;
}

function unknown(name: string): Ec2Error {
  return new Ec2Error("UnknownParameter", `The parameter ${name.slice(0, 80)} is not recognized`);
}
