// Checks that keep the plugin small. Each returns a line for each defect.

/** Minified bytes of all scripts. */
export const PLUGIN_BUDGET = 176 * 1024;

/** Minified bytes of the script that every call loads. */
export const CORE_BUDGET = 64 * 1024;

/**
 * Modules that one call evaluates: main's imports and then those of the verb. Adding a module to every pod's start should
 * be a decision, not an accident.
 */
const MODULE_BUDGETS = {
  VERSION: { after: [], modules: 35 },
  "ADD without a branch": { after: ["verbs/add"], modules: 39 },
  "ADD that asks the agent": { after: ["verbs/add", "ask"], modules: 44 },
  "ADD with a branch": { after: ["verbs/add", "verbs/add-branch"], modules: 96 },
  DEL: { after: ["verbs/del"], modules: 78 },
  CHECK: { after: ["verbs/check"], modules: 64 },
  GC: { after: ["verbs/gc"], modules: 68 },
  STATUS: { after: ["verbs/status"], modules: 63 },
};

/** Globals that Node creates on first use, which takes about a millisecond each. */
const COSTLY = [
  { found: /\bperformance\b/, why: "uses performance, which loads perf_hooks: use systemClock" },
  { found: /new Date\b/, why: "creates a Date, which loads the time zone: use timestamp()" },
];

export function sizeOf(scripts) {
  return Object.values(scripts).reduce((sum, code) => sum + code.length, 0);
}

/** The plugin starts for every pod: it must contain no packages, nothing of the command line, and not too much code. */
export function checkScripts({ metafile, scripts }) {
  const bytes = sizeOf(scripts);
  const strangers = Object.keys(metafile.inputs).filter(
    // node_modules may be a link to outside of the checkout.
    (path) =>
      /(^|\/)node_modules\//.test(path) ||
      path === "cmd/branchline/cli.ts" ||
      path === "cmd/branchline/simulate.ts" ||
      path.startsWith("src/simulator/"),
  );
  return [
    ...(bytes > PLUGIN_BUDGET ? [`the plugin has ${bytes} bytes; its budget is ${PLUGIN_BUDGET}`] : []),
    ...(scripts.core.length > CORE_BUDGET
      ? [`the core script has ${scripts.core.length} bytes; its budget is ${CORE_BUDGET}`]
      : []),
    // The executable reads them as one byte per character.
    ...Object.entries(scripts)
      .filter(([, code]) => Buffer.byteLength(code) !== code.length)
      .map(([name]) => `the script ${name} is not ASCII`),
    ...Object.entries(scripts).flatMap(([name, code]) =>
      COSTLY.flatMap(({ found, why }) => (found.test(code) ? [`the script ${name} ${why}`] : [])),
    ),
    ...strangers.map((path) => `the plugin's bundle contains ${path}`),
  ];
}

/** Follows static imports only; those behind `import()` are evaluated when they are reached. */
export function checkEvaluated({ metafile }) {
  const evaluated = (path, seen) => {
    if (seen.has(path)) return;
    seen.add(path);
    const { imports } = metafile.inputs[path];
    for (const { kind, external, path: next } of imports) {
      if (kind === "import-statement" && external !== true) evaluated(next, seen);
    }
  };
  return Object.entries(MODULE_BUDGETS).flatMap(([call, { after, modules }]) => {
    const seen = new Set();
    evaluated("cmd/branchline/main.ts", seen);
    for (const name of after) evaluated(`src/cni/${name}.ts`, seen);
    if (seen.size <= modules) return [];
    return [`${call} evaluates ${seen.size} modules; its budget is ${modules}`];
  });
}
