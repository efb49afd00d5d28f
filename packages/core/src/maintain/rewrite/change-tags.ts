/** Which tags a snapshot is to have. Either `set`, or the others. */
export interface TagWish {
  /** These and no others; an empty list takes all tags away. */
  readonly set?: readonly string[] | undefined;
  readonly add?: readonly string[] | undefined;
  readonly remove?: readonly string[] | undefined;
}

/**
 * The tags that are wanted, in the order in which restic would have them; undefined if nothing changes, as far as restic
 * tells: tags that are set are a change even if they are the same.
 */
export function changeTags(tags: readonly string[], wish: TagWish): string[] | undefined {
  if (wish.set !== undefined)
    return wish.set.length > 0 || tags.length > 0 ? [...wish.set] : undefined;
  const added = addTags(tags, wish.add ?? []);
  const changed = removeTags(added, wish.remove ?? []);
  return added.length === tags.length && changed.length === added.length ? undefined : changed;
}

/** The tags, and behind them those that are not among them. */
export function addTags(tags: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...tags, ...more])];
}

function removeTags(tags: readonly string[], less: readonly string[]): string[] {
  const left = [...tags];
  for (const tag of less) {
    const at = left.indexOf(tag);
    if (at < 0) continue;
    // As restic: the last one takes its place.
    left[at] = left.at(-1) as string;
    left.pop();
  }
  return left;
}
