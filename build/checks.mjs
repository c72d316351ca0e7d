// What must not happen to the plugin unnoticed: each check gives a line for each defect.

/** Minified bytes of all scripts together. */
export const PLUGIN_BUDGET = 176 * 1024;

/** Minified bytes of the script that every pod's start reads. */
export const CORE_BUDGET = 64 * 1024;

/**
 * Modules that one call evaluates: what main imports, and behind it what a verb imports when it is called. A new module
 * on the way of every pod is a decision, not an accident.
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

/** Globals that Node makes only when they are first asked for, each for a millisecond of that start. */
const COSTLY = [
  { found: /\bperformance\b/, why: "asks for performance, which loads perf_hooks: systemClock has the time" },
  { found: /new Date\b/, why: "makes a Date, which reads the time zone: timestamp() writes the time" },
];

export function sizeOf(scripts) {
  return Object.values(scripts).reduce((sum, code) => sum + code.length, 0);
}

/** The plugin starts for every pod: nothing of the command line, no package at all, and not too much of our own. */
export function checkScripts({ metafile, scripts }) {
  const bytes = sizeOf(scripts);
  const strangers = Object.keys(metafile.inputs).filter(
    // Wherever node_modules is: a link leads out of the checkout.
    (path) => /(^|\/)node_modules\//.test(path) || path === "cmd/branchline/cli.ts",
  );
  return [
    ...(bytes > PLUGIN_BUDGET ? [`the plugin has ${bytes} bytes; its budget is ${PLUGIN_BUDGET}`] : []),
    ...(scripts.core.length > CORE_BUDGET
      ? [`what every call reads has ${scripts.core.length} bytes; its budget is ${CORE_BUDGET}`]
      : []),
    // The executable reads them as one byte a character.
    ...Object.entries(scripts)
      .filter(([, code]) => Buffer.byteLength(code) !== code.length)
      .map(([name]) => `the script ${name} is not ASCII`),
    ...Object.entries(scripts).flatMap(([name, code]) =>
      COSTLY.flatMap(({ found, why }) => (found.test(code) ? [`the script ${name} ${why}`] : [])),
    ),
    ...strangers.map((path) => `the plugin's bundle holds ${path}`),
  ];
}

/** Follows the imports that are evaluated at once; those behind `import()` wait until they are reached. */
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
