import type { Attribute } from "./attribute.ts";

/** The attributes of one message, taken out by type. Whatever is not taken stays in rest(), so nothing unknown is lost. */
export class Fields {
  readonly #attributes: Attribute[];

  constructor(attributes: readonly Attribute[]) {
    this.#attributes = [...attributes];
  }

  /** Decodes the first attribute of this type; undefined if there is none. A second one stays in rest(). */
  take<T>(type: number, read: (attr: Attribute) => T): T | undefined {
    const index = this.#attributes.findIndex((attr) => attr.type === type);
    const attr = this.#attributes[index];
    if (attr === undefined) return undefined;
    this.#attributes.splice(index, 1);
    return read(attr);
  }

  rest(): readonly Attribute[] {
    return this.#attributes;
  }
}
