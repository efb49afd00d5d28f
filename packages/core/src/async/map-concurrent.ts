/**
 * Results of `run` for each item, in the order of the items, with no more than `limit` running at a time. Items are taken as
 * there is room. The first failure is thrown when its turn comes; runs under way then are left to end.
 */
export async function* mapConcurrent<Item, Result>(
  items: Iterable<Item>,
  limit: number,
  run: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const running: Promise<Result>[] = [];
  for (const item of items) {
    const result = run(item);
    // Thrown in its turn; until then a failure must not count as unhandled.
    result.catch(() => undefined);
    running.push(result);
    if (running.length >= limit) yield await (running.shift() as Promise<Result>);
  }
  for (const result of running) yield await result;
}
