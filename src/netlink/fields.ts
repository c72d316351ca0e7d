import type { Attribute } from "./attribute.ts";

/** The attributes of one message, taken out by type; what nobody took is still there, so nothing unknown is lost. */
export class Fields {
  readonly #attributes: Attribute[];

  constructor(attributes: readonly Attribute[]) {
    this.#attributes = [...attributes];
  }

  /** The attribute of this type, read; undefined when there is none. A second one of the same type stays in rest. */
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
