import { programsDirectory } from "./programs.ts";

/** Where coredns.sh of this checkout puts CoreDNS. */
export function corednsDirectory(cache?: string): string {
  return programsDirectory("coredns", "github.com/coredns/coredns", cache);
}
