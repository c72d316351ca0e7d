// Whether something has the shape that a JSON schema of docs/schemas says. The API server is who looks: it has a validator of
// schemas, for the kinds of custom resources, and refuses fields that a schema does not have.
import { readFileSync } from "node:fs";
import path from "node:path";
import { ApiClient } from "../../ground/kubernetes/client.ts";
import { eventually } from "../../ground/run.ts";

const SCHEMAS = path.resolve(import.meta.dirname, "../../../docs/schemas");
const GROUP = "schemas.branchline.test";

type Schema = Readonly<Record<string, unknown>>;

/** Gives what is wrong with a value; undefined for nothing. */
export type Validate = (value: object) => Promise<string | undefined>;

/** Of docs/schemas/FILE.json. `name`: of the kind, where a cluster has the same twice. */
export async function validator(admin: ApiClient, file: string, name = file): Promise<Validate> {
  const schema = JSON.parse(readFileSync(path.join(SCHEMAS, `${file}.json`), "utf8")) as Schema;
  const plural = `${name}s`;
  await admin.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: "Cluster",
      names: { plural, singular: name, kind: name },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              required: ["report"],
              properties: { report: structural(schema, schema["$defs"] as Schema) },
            },
          },
        },
      ],
    },
  });
  const url = `/apis/${GROUP}/v1/${plural}?dryRun=All&fieldValidation=Strict`;
  const post = (report: object) =>
    admin.request("POST", url, {
      apiVersion: `${GROUP}/v1`,
      kind: name,
      metadata: { name: "one" },
      report,
    });
  await eventually("the schema is served", async () => ((await post({})).status === 404 ? undefined : true));
  return async (value) => {
    const { status, body } = await post(value);
    return status === 201 ? undefined : (body as { message: string }).message;
  };
}

/** As a custom resource may have it: what a schema says by reference stands in its place, and says nothing of itself. */
function structural(schema: Schema, defs: Schema): Schema {
  const { $ref, $schema: _, $id: __, $defs: ___, ...own } = schema;
  if (typeof $ref === "string") {
    const definition = defs[$ref.replace("#/$defs/", "")] as Schema | undefined;
    if (definition === undefined) throw new Error(`${$ref} is not defined`);
    return structural(definition, defs);
  }
  const { properties, items } = own;
  return {
    ...own,
    ...(properties !== undefined && {
      properties: Object.fromEntries(
        Object.entries(properties as Schema).map(([name, one]) => [name, structural(one as Schema, defs)]),
      ),
    }),
    ...(items !== undefined && { items: structural(items as Schema, defs) }),
  };
}
