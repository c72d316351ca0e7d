import { readEndpointSlices, type EndpointSliceFact, type ServiceFact } from "../../facts/services.ts";
import { familyOf } from "../../values/ip.ts";
import { type Asked, type Party, partyOf, type Target } from "../party.ts";
import { readExplainedPod } from "../pod.ts";
import type { Port } from "../question.ts";
import { type Asking, familiesOf, settled, unseen, wanted } from "./asking.ts";

/** The endpoints of a Service. */

/** Each of them is asked of the API server by name. */
const MOST_ENDPOINTS = 10;

interface Endpoint {
  readonly address: string;
  readonly pod: string | undefined;
  readonly port: number;
}

/** `what.port`: the Service's own. */
export async function toService(
  asking: Asking,
  { namespace, name, clusterIps, ports }: ServiceFact,
  what: { readonly asked: Asked; readonly title: string } & Port,
): Promise<readonly Target[]> {
  const service = `Service ${namespace}/${name}`;
  const port = ports.find((one) => one.port === what.port && one.protocol === what.protocol.toUpperCase());
  if (port === undefined) {
    const has = ports.map((one) => `${one.protocol.toLowerCase()} ${one.port}`).join(", ");
    return [
      settled(
        what,
        "does not reach",
        `${service} has no port ${what.protocol} ${what.port}; it has ${has === "" ? "none" : has}`,
      ),
    ];
  }
  const slices = await asking.once(`endpoints of ${service}`, () =>
    readEndpointSlices(asking.api, namespace, name),
  );
  if (!slices.known) return [unseen(what, slices.gap)];
  const families = clientFamilies(asking);
  const clusterIp = clusterIps.find((address) => families.includes(familyOf(address)));
  const family = clusterIp === undefined ? families[0] : familyOf(clusterIp);
  if (family === undefined || (clusterIps.length > 0 && clusterIp === undefined))
    return [settled(what, "does not reach", `${service} has no address of the pod's family`)];
  const endpoints = endpointsIn(slices.value, port.name, what.protocol).filter(
    ({ address }) => familyOf(address) === family,
  );
  if (endpoints.length === 0)
    return [settled(what, "does not reach", `${service} has no endpoint that is ready`)];
  const shown = endpoints.slice(0, MOST_ENDPOINTS);
  const left = endpoints.length - shown.length;
  const notes = [
    `${service}${clusterIp === undefined ? " has no address of its own" : ` is ${clusterIp}`}`,
    ...(left > 0 ? [`of its ${endpoints.length} endpoints ${left} were not looked at`] : []),
  ];
  return Promise.all(
    shown.map(async (endpoint) => {
      const end = await partyAt(asking, namespace, endpoint);
      if ("gap" in end) return unseen(what, end.gap);
      return wanted({ ...what, port: endpoint.port }, asking.subject, end, {
        service: clusterIp,
        family,
        notes,
      });
    }),
  );
}

function clientFamilies({ facts: { pod }, subject }: Asking): readonly (4 | 6)[] {
  const own = familiesOf(pod);
  // A pod on the node's network has what its node has.
  return own.length === 0 && subject.kind === "node" ? [4, 6] : own;
}

/** Those that are ready, each once. */
function endpointsIn(
  slices: readonly EndpointSliceFact[],
  portName: string | undefined,
  protocol: Port["protocol"],
): readonly Endpoint[] {
  const all = slices.flatMap(({ ports, endpoints }) => {
    const port = ports.find((one) => one.name === portName && one.protocol === protocol.toUpperCase())?.port;
    if (port === undefined) return [];
    return endpoints.flatMap(({ addresses: [address], isReady, pod }) =>
      isReady && address !== undefined ? [{ address, pod, port }] : [],
    );
  });
  return all.filter(({ address }, i) => all.findIndex((one) => one.address === address) === i);
}

async function partyAt({ api, once }: Asking, namespace: string, { address, pod: name }: Endpoint) {
  const byAddress: Party = { kind: "address", name: address, address };
  if (name === undefined) return byAddress;
  const pod = await once(`pod ${namespace}/${name}`, () => readExplainedPod(api, { namespace, name }));
  if (!pod.known) return { gap: pod.gap };
  return pod.value === undefined ? byAddress : partyOf(pod.value);
}
