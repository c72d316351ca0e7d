/** Runs one for each number below `count`, so many at once; results are in the numbers' order. */
export async function atOnce<T>(
  count: number,
  workers: number,
  one: (i: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) results[i] = await one(i);
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return results;
}
