/** An entry by its path, which is followed or not if it is a symlink, or by a descriptor that was not opened with O_PATH. */
export type AttributeTarget =
  { readonly path: Uint8Array; readonly follow: boolean } | { readonly fd: number };

/** The C library, as `posix.ts` loads it. */
export interface Library {
  /** A function by its prototype. Throws if the library does not have it. */
  bind(prototype: string): (...args: readonly unknown[]) => number;
  /** The error that the last call left, as Node would throw it. */
  lastError(syscall: string): NodeJS.ErrnoException;
}

/** Limit of the kernel for a list of names (xattr(7)). */
const LONGEST_LIST = 65_536;

interface Calls {
  readonly set: ReturnType<Library["bind"]>;
  readonly list: ReturnType<Library["bind"]>;
  readonly remove: ReturnType<Library["bind"]>;
}

/**
 * Changes extended attributes, however the entry is named: setxattr(2) and its sisters. Names must hold no NUL. Arrays are
 * borrowed for the call.
 */
export class AttributeCalls {
  readonly #library: Library;
  readonly #byPath: Calls;
  readonly #byLink: Calls;
  readonly #byDescriptor: Calls;

  constructor(library: Library) {
    this.#library = library;
    const path = "const uint8_t *path";
    this.#byPath = bindCalls(library, "", path);
    this.#byLink = bindCalls(library, "l", path);
    this.#byDescriptor = bindCalls(library, "f", "int fd");
  }

  /** Set one, whether it is there or not. Throws the system's error. */
  set(target: AttributeTarget, name: Uint8Array, value: Uint8Array): void {
    const { set } = this.#calls(target);
    if (set(placeOf(target), ended(name), value, value.length, 0) !== 0) {
      throw this.#library.lastError("setxattr");
    }
  }

  /** The names of all, each ended by NUL. Throws the system's error. */
  list(target: AttributeTarget): Uint8Array {
    const { list } = this.#calls(target);
    const place = placeOf(target);
    const size = list(place, null, 0);
    if (size === 0) return new Uint8Array(0);
    // Room for names that are added meanwhile.
    const names = new Uint8Array(size < 0 ? 0 : LONGEST_LIST);
    const length = size < 0 ? size : list(place, names, names.length);
    if (length < 0) throw this.#library.lastError("listxattr");
    return names.subarray(0, length);
  }

  /** Throws the system's error, `ENODATA` if it is not there. */
  remove(target: AttributeTarget, name: Uint8Array): void {
    const { remove } = this.#calls(target);
    if (remove(placeOf(target), ended(name)) !== 0) throw this.#library.lastError("removexattr");
  }

  #calls(target: AttributeTarget): Calls {
    if ("fd" in target) return this.#byDescriptor;
    return target.follow ? this.#byPath : this.#byLink;
  }
}

function bindCalls(library: Library, prefix: string, place: string): Calls {
  const name = "const uint8_t *name";
  return {
    set: library.bind(
      `int ${prefix}setxattr(${place}, ${name}, const uint8_t *value, size_t size, int flags)`,
    ),
    list: library.bind(`int64_t ${prefix}listxattr(${place}, uint8_t *list, size_t size)`),
    remove: library.bind(`int ${prefix}removexattr(${place}, ${name})`),
  };
}

function placeOf(target: AttributeTarget): number | Uint8Array {
  return "fd" in target ? target.fd : ended(target.path);
}

function ended(text: Uint8Array): Uint8Array {
  if (text.includes(0)) throw new RangeError("Cannot pass a text with NUL to the system");
  const bytes = new Uint8Array(text.length + 1);
  bytes.set(text);
  return bytes;
}
