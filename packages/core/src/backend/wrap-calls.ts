import type {
  Backend,
  BackendMethod,
  CallOptions,
  FileInfo,
  FileKind,
  FileRef,
  MisplacedPacks,
} from "./backend.ts";

/** One call as those see it who stand between the caller and the store. */
export interface BackendCall {
  readonly method: BackendMethod;
  /** Undefined for `create`; without a name for a listing; the first of several that are removed. */
  readonly ref?: FileRef | undefined;
  /** How many files are removed at once; undefined for one. */
  readonly files?: number | undefined;
  /** How many bytes are to be written or read, where that is known before. */
  readonly size?: number | undefined;
}

/** What becomes of one call. */
export interface Passage {
  /** The options that the store gets. */
  readonly options: CallOptions | undefined;
  /** Do the work of the call. Of a listing each step comes here, the last of which gives `done`. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * The same store, where each call goes through what `begin` gives for it. Files are opened by the store itself: whoever cannot open
 * one reads it instead, and what is read of it is not seen here.
 */
export function wrapCalls(
  backend: Backend,
  begin: (call: BackendCall, options: CallOptions | undefined) => Passage,
): Backend {
  const { removeMany, misplacedPacks } = backend;
  return {
    ...passedOn(backend),
    ...(removeMany && {
      removeMany: (refs, options) => {
        const passage = begin({ method: "remove", ref: refs[0], files: refs.length }, options);
        return passage.run(() => removeMany.call(backend, refs, passage.options));
      },
    }),
    ...(backend.replace && { replace: replaceThrough(backend.replace.bind(backend), begin) }),
    ...(misplacedPacks && { misplacedPacks: misplacedThrough(misplacedPacks, begin) }),
    create: (options) => {
      const passage = begin({ method: "create" }, options);
      return passage.run(() => backend.create(passage.options));
    },
    write: (ref, bytes, options) => {
      const passage = begin({ method: "write", ref, size: bytes.length }, options);
      const { isContents } = options ?? {};
      return passage.run(() => backend.write(ref, bytes, { ...passage.options, isContents }));
    },
    read: (ref, range, options) => {
      const passage = begin({ method: "read", ref, size: range?.length }, options);
      return passage.run(() =>
        backend.read(ref, range, { ...passage.options, into: options?.into }),
      );
    },
    stat: (ref, options) => {
      const passage = begin({ method: "stat", ref }, options);
      return passage.run(() => backend.stat(ref, passage.options));
    },
    list: (kind, options) =>
      listThrough(backend, kind, () => begin({ method: "list", ref: { kind, name: "" } }, options)),
    remove: (ref, options) => {
      const passage = begin({ method: "remove", ref }, options);
      return passage.run(() => backend.remove(ref, passage.options));
    },
  };
}

/** As far as those between are concerned, a write. */
function replaceThrough(
  replace: NonNullable<Backend["replace"]>,
  begin: (call: BackendCall, options: CallOptions | undefined) => Passage,
): Backend["replace"] {
  return (ref, bytes, options) => {
    const passage = begin({ method: "write", ref, size: bytes.length }, options);
    return passage.run(() => replace(ref, bytes, passage.options));
  };
}

/** As far as those between are concerned, packs like all others. */
function misplacedThrough(
  misplaced: MisplacedPacks,
  begin: (call: BackendCall, options: CallOptions | undefined) => Passage,
): MisplacedPacks {
  const through = <T>(
    call: Pick<BackendCall, "method" | "size">,
    name: string,
    options: CallOptions | undefined,
    work: (options: CallOptions | undefined) => Promise<T>,
  ): Promise<T> => {
    const passage = begin({ ...call, ref: { kind: "pack", name } }, options);
    return passage.run(() => work(passage.options));
  };
  return {
    list: (options) => through({ method: "list" }, "", options, (own) => misplaced.list(own)),
    read: (pack, options) =>
      through({ method: "read", size: pack.size }, pack.name, options, (own) =>
        misplaced.read(pack, own),
      ),
    remove: (pack, options) =>
      through({ method: "remove" }, pack.name, options, (own) => misplaced.remove(pack, own)),
  };
}

/** What a wrapper leaves as it is. */
export function passedOn(backend: Backend): Omit<Backend, BackendMethod | "removeMany"> {
  return {
    location: backend.location,
    connections: backend.connections,
    ...(backend.reportsPieces && { reportsPieces: true }),
    ...(backend.priceClasses && { priceClasses: backend.priceClasses }),
    ...(backend.openFile && { openFile: backend.openFile.bind(backend) }),
    ...(backend.replace && { replace: backend.replace.bind(backend) }),
    ...(backend.clock && { clock: backend.clock.bind(backend) }),
    ...(backend.misplacedPacks && { misplacedPacks: backend.misplacedPacks }),
    ...(backend.removeFolders && { removeFolders: backend.removeFolders.bind(backend) }),
    ...(backend.close && { close: backend.close.bind(backend) }),
  };
}

async function* listThrough(
  backend: Backend,
  kind: FileKind,
  begin: () => Passage,
): AsyncIterable<FileInfo> {
  const passage = begin();
  const files = backend.list(kind, passage.options)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await passage.run(() => files.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await files.return?.();
  }
}
