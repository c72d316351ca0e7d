import { programsDirectory } from "./programs.ts";

/** Where prometheus.sh of this checkout puts promtool, and the CRDs of the Prometheus operator. */
export function prometheusDirectory(cache?: string): string {
  return programsDirectory("prometheus", "github.com/prometheus/prometheus", cache);
}
