import type { PolicyUse } from "../../src/simulator/iam/authorizer.ts";

/** What a simulator's IAM policy lacks, and what of it nothing has needed: `STATEMENT: ACTION OR RESOURCE`. */
export async function policyUse({ control }: { readonly control: string }) {
  const { statements, refused } = (await (await fetch(`${control}/iam`)).json()) as PolicyUse;
  const unused = statements.flatMap(({ name, actions, resources }) =>
    [...Object.entries(actions), ...Object.entries(resources)]
      .filter(([, count]) => count === 0)
      .map(([what]) => `${name}: ${what}`),
  );
  return { refused, unused };
}
