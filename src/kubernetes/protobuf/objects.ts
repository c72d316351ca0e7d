import { type Message, message } from "./message.ts";

/** Messages of k8s.io/api and k8s.io/apimachinery, as far as somebody reads them. */

const METADATA = message({
  name: [1, "text"],
  namespace: [3, "text"],
  uid: [5, "text"],
  resourceVersion: [6, "text"],
  creationTimestamp: [8, "time"],
  deletionTimestamp: [9, "time"],
  labels: [11, "text", "map"],
  annotations: [12, "text", "map"],
});

const CONDITION = message({
  type: [1, "text"],
  status: [2, "text"],
  lastTransitionTime: [4, "time"],
  reason: [5, "text"],
  message: [6, "text"],
});

const RESOURCES = message({ limits: [1, "quantity", "map"], requests: [2, "quantity", "map"] });

const OVERVIEW_CONTAINER = message({ resources: [8, RESOURCES] });

/** Of all pods of a cluster no more than what an overview needs; times are numbers. */
export function podOverview(annotations: readonly string[]): Message {
  const condition = message({
    type: [1, "text"],
    status: [2, "text"],
    lastTransitionTime: [4, "instant"],
    message: [6, "text"],
  });
  const state = message({
    running: [2, message({ startedAt: [1, "instant"] })],
    terminated: [3, message({ startedAt: [5, "instant"] })],
  });
  const container = message({ state: [2, state] });
  return message({
    metadata: [
      1,
      message({
        name: [1, "text"],
        namespace: [3, "text"],
        uid: [5, "text"],
        creationTimestamp: [8, "instant"],
        deletionTimestamp: [9, "instant"],
        labels: [11, "text", "map"],
        annotations: [12, "text", "map", annotations],
      }),
    ],
    spec: [
      2,
      message({
        containers: [2, OVERVIEW_CONTAINER, "list"],
        serviceAccountName: [8, "text"],
        nodeName: [10, "text"],
        hostNetwork: [11, "bool"],
        initContainers: [20, OVERVIEW_CONTAINER, "list"],
      }),
    ],
    status: [
      3,
      message({
        phase: [1, "text"],
        conditions: [2, condition, "list"],
        containerStatuses: [8, container, "list"],
        initContainerStatuses: [10, container, "list"],
        podIPs: [12, message({ ip: [1, "text"] }), "list"],
      }),
    ],
  });
}

export const NODE: Message = message({
  metadata: [1, METADATA],
  spec: [2, message({ providerID: [3, "text"], taints: [5, message({ key: [1, "text"] }), "list"] })],
  status: [
    3,
    message({
      capacity: [1, "quantity", "map"],
      allocatable: [2, "quantity", "map"],
      conditions: [4, CONDITION, "list"],
      addresses: [5, message({ type: [1, "text"], address: [2, "text"] }), "list"],
      nodeInfo: [
        7,
        message({
          kernelVersion: [4, "text"],
          containerRuntimeVersion: [6, "text"],
          kubeletVersion: [7, "text"],
          architecture: [10, "text"],
        }),
      ],
    }),
  ],
});

/** meta.v1.Status, by which the API server refuses. */
export const STATUS: Message = message({
  message: [3, "text"],
  reason: [4, "text"],
  details: [5, message({ retryAfterSeconds: [5, "number"] })],
  code: [6, "number"],
});
