// The exercise's objects, as people write them.
import { stringify } from "yaml";
import { CATALOGUE_PORT, IMAGE_DATA, shopImage } from "./image.ts";
import { DATABASE_PORT, SERVER_OPTIONS } from "./postgres.ts";

export const NAMESPACE = "shop";

const container = { image: shopImage, imagePullPolicy: "Never" };

function deployment(name: string, spec: object): object {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: NAMESPACE },
    spec: {
      selector: { matchLabels: { app: name } },
      // One at a time, so that the pod that runs is the one meant.
      strategy: { type: "Recreate" },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          enableServiceLinks: false,
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 1,
          ...spec,
        },
      },
    },
  };
}

/** PostgreSQL in a pod, and its Service. */
export const databaseInside = (): object[] => [
  deployment("database", {
    containers: [
      {
        ...container,
        name: "postgres",
        command: ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"],
        args: ["postgres", "-D", IMAGE_DATA, ...SERVER_OPTIONS],
        ports: [{ containerPort: DATABASE_PORT }],
        readinessProbe: { tcpSocket: { port: DATABASE_PORT }, periodSeconds: 1 },
      },
    ],
  }),
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "database", namespace: NAMESPACE },
    spec: { selector: { app: "database" }, ports: [{ port: DATABASE_PORT }] },
  },
];

/** What asks its database as it starts, and ends if it gets no answer. */
export const client = (name: string, database: string): object =>
  deployment(name, {
    containers: [
      {
        ...container,
        name: "main",
        command: ["catalogue"],
        env: [{ name: "DB_HOST", value: database }],
        readinessProbe: { httpGet: { path: "/", port: CATALOGUE_PORT }, periodSeconds: 1 },
      },
    ],
  });

export const policy = (app: string, groupId: string): object => ({
  apiVersion: "vpcresources.k8s.aws/v1beta1",
  kind: "SecurityGroupPolicy",
  metadata: { name: "catalogue", namespace: NAMESPACE },
  spec: { podSelector: { matchLabels: { app } }, securityGroups: { groupIds: [groupId] } },
});

export const yaml = (...objects: readonly object[]): string =>
  objects.map((one) => stringify(one)).join("---\n");
