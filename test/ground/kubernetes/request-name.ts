/** What a request asks, the same in each run: without versions, and without names that tests make up. */
export function requestName(method: string, url: string): string {
  const { pathname, searchParams } = new URL(url, "http://api");
  const path = pathname
    .replace(/^\/(?:api|apis\/[^/]+)\/[^/]+\//, "")
    .replace(/^namespaces\/[^/]+\/(.)/, "$1")
    .replace(/^([^/]+)\/[^/]+/, "$1/*");
  const selector = searchParams.get("fieldSelector")?.replace(/=.*/, "");
  return [
    searchParams.get("watch") === "true" ? "WATCH" : method,
    path,
    ...(selector === undefined ? [] : [`by ${selector}`]),
  ].join(" ");
}
