import { compareBytes } from "../bytes/compare.ts";

/** What both lists have of one name together, in the order of names, in which both lists are. */
export function* pairByName<A, B>(
  first: readonly A[],
  second: readonly B[],
  nameOf: readonly [(item: A) => Uint8Array, (item: B) => Uint8Array],
): Generator<readonly [A | undefined, B | undefined]> {
  for (let [at, other] = [0, 0]; at < first.length || other < second.length;) {
    const [a, b] = [first[at], second[other]];
    const order =
      a === undefined ? 1 : b === undefined ? -1 : compareBytes(nameOf[0](a), nameOf[1](b));
    yield [order <= 0 ? a : undefined, order >= 0 ? b : undefined];
    if (order <= 0) at++;
    if (order >= 0) other++;
  }
}
