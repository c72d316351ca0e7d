import { Ec2Error, invalidValue, missing } from "./error.ts";

/** A request's parameters as the tree that their dotted names make: `Filter.1.Name` is the Name of item 1 of Filter. */
export interface ParamTree {
  [name: string]: string | ParamTree;
}

/** An integer of EC2 has 32 bits. */
export const MAX_INTEGER = 2 ** 31 - 1;

/** More of one list than any request needs. */
const MAX_ITEMS = 1000;

/** Typed reading of a ParamTree; every refusal is the code that EC2 has for it. */
export class Params {
  readonly tree: ParamTree;
  private readonly path: string;

  constructor(tree: ParamTree, path = "") {
    this.tree = tree;
    this.path = path;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.tree, name);
  }

  text(name: string): string | undefined {
    if (!this.has(name)) return undefined;
    const value = this.tree[name];
    if (typeof value !== "string") {
      throw new Ec2Error(
        "InvalidParameterValue",
        `The parameter ${this.path}${name} is one value, not a structure`,
      );
    }
    return value;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === "") throw missing(this.path + name);
    return value;
  }

  integer(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const isInteger = /^-?\d{1,10}$/.test(value) && Math.abs(Number(value)) <= MAX_INTEGER;
    if (!isInteger) throw invalidValue(value, this.path + name, "It must be an integer.");
    return Number(value);
  }

  flag(name: string): boolean | undefined {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined) return undefined;
    if (value !== "true" && value !== "false")
      throw invalidValue(value, this.path + name, "It must be true or false.");
    return value === "true";
  }

  /** The values of `Name.1`, `Name.2` …; numbers may have gaps, as EC2 allows. */
  list(name: string): string[] {
    return this.items(name).map(([number, item]) => {
      if (typeof item !== "string")
        throw invalidValue(`${name}.${number}`, this.path + name, "It is one value.");
      return item;
    });
  }

  /** The structures of `Name.1.…`, `Name.2.…`. */
  structures(name: string): Params[] {
    return this.items(name).map(([number, item]) => {
      if (typeof item === "string")
        throw invalidValue(item, `${this.path}${name}.${number}`, "It is a structure.");
      return new Params(item, `${this.path}${name}.${number}.`);
    });
  }

  /** The structure of `Name.…`. */
  structure(name: string): Params | undefined {
    if (!this.has(name)) return undefined;
    const value = this.tree[name];
    if (value === undefined || typeof value === "string") {
      throw invalidValue(value ?? "", this.path + name, "It is a structure.");
    }
    return new Params(value, `${this.path}${name}.`);
  }

  private items(name: string): [string, string | ParamTree][] {
    if (!this.has(name)) return [];
    const value = this.tree[name];
    // One empty value is how a client sends an empty list.
    if (value === "" || value === undefined) return [];
    if (typeof value === "string") return [["1", value]];
    const numbered = Object.entries(value);
    const odd = numbered.find(([number]) => !/^\d{1,5}$/.test(number));
    if (odd !== undefined) {
      throw new Ec2Error("UnknownParameter", `The parameter ${this.path}${name}.${odd[0]} is not recognized`);
    }
    if (numbered.length > MAX_ITEMS) {
      throw invalidValue(numbered.length, this.path + name, `At most ${MAX_ITEMS} values are taken.`);
    }
    return numbered.sort(([a], [b]) => Number(a) - Number(b));
  }
}
