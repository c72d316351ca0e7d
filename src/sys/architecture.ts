/** The processor's architecture by Kubernetes' and Go's name, such as amd64. */
export function architecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}
