import { registerHooks } from "node:module";

/**
 * Puts the gates of sysctls and files in the place of src/sys/sysctl.ts and src/sys/files.ts, for everything that is
 * imported after this. The gates themselves get the real ones.
 */
export function installGates(): void {
  const replaced = new Map(
    ["sysctl", "files"].map((name) => [
      new URL(`../../../src/sys/${name}.ts`, import.meta.url).href,
      new URL(`./gated-${name}.ts`, import.meta.url).href,
    ]),
  );
  registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = next(specifier, context);
      const gate = replaced.get(resolved.url);
      return gate === undefined || context.parentURL === gate ? resolved : { ...resolved, url: gate };
    },
  });
}
