/** What bun.ts uses of Bun's own modules (bun.com, "FFI"). */
declare const Bun: {
  /** Code is compiled when it has run so many times as much as usual; at run time from 1 on. */
  readonly unsafe: { setJITPolicy(scale: number): void };
};

declare module "bun:ffi" {
  type Native = (...args: (number | Uint8Array | string | null)[]) => number;
  export function dlopen(
    path: string,
    signatures: Readonly<Record<string, { args: string[]; returns: string }>>,
  ): { readonly symbols: Readonly<Record<string, Native>> };
  export const read: { i32(address: number, offset: number): number };
}
