/** From here on a piece has memory of its own; shorter ones may share theirs. */
const LEAST = 32 << 10;
/** What is given back at once. */
const spent: ArrayBuffer[] = [];

/**
 * Give back the memory of a piece of a body that has been copied, as soon as whoever handed it over is done with it. Left to the
 * garbage collector, pieces of 64 KiB make it go through everything once for every thirty megabytes received.
 */
export function dropPiece(piece: Uint8Array): void {
  const { buffer } = piece;
  if (piece.length < LEAST || piece.length !== buffer.byteLength) return;
  if (!(buffer instanceof ArrayBuffer) || buffer.transfer === undefined) return;
  if (spent.push(buffer) === 1) setImmediate(dropAll);
}

function dropAll(): void {
  for (const buffer of spent.splice(0)) buffer.transfer(0);
}
