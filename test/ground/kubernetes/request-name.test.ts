import { expect, it } from "vitest";
import { requestName } from "./request-name.ts";

it.each([
  ["GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&limit=500", "GET pods by spec.nodeName"],
  [
    "GET",
    "/api/v1/pods?fieldSelector=spec.nodeName%3Dn&watch=true&resourceVersion=123&timeoutSeconds=290",
    "WATCH pods by spec.nodeName",
  ],
  ["GET", "/api/v1/namespaces/loop/pods/pod-17", "GET pods/*"],
  ["PATCH", "/apis/vpcresources.k8s.aws/v1alpha1/cninodes/node-1", "PATCH cninodes/*"],
  [
    "GET",
    "/apis/vpcresources.k8s.aws/v1beta1/namespaces/a/securitygrouppolicies",
    "GET securitygrouppolicies",
  ],
  ["POST", "/api/v1/namespaces/default/events", "POST events"],
  ["GET", "/api/v1/namespaces/loop", "GET namespaces/*"],
])("%s %s", (method, url, name) => expect(requestName(method, url)).toBe(name));
