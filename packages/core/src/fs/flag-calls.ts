import type { Library } from "./attribute-calls.ts";

/** FS_IOC_GETFLAGS and FS_IOC_SETFLAGS (ioctl_iflags(2)), whose direction bits are the other way round on PowerPC. */
const [GET_FLAGS, SET_FLAGS] =
  process.arch === "ppc64" ? [0x4008_6601, 0x8008_6602] : [0x8008_6601, 0x4008_6602];

/** The inode flags of chattr(1), of files and directories that are open for reading. */
export class FlagCalls {
  readonly #library: Library;
  readonly #ioctl: ReturnType<Library["bind"]>;
  /** The kernel takes and gives an int, whatever the request's number says. */
  readonly #flags = new Int32Array(1);

  constructor(library: Library) {
    this.#library = library;
    this.#ioctl = library.bind("int ioctl(int fd, unsigned long request, int32_t *flags)");
  }

  /** Throws the system's error: `ENOTTY` where the file system has none. */
  get(fd: number): number {
    this.#call(fd, GET_FLAGS);
    return this.#flags[0] as number;
  }

  /** Throws the system's error: `EPERM` for those that only root may set. */
  set(fd: number, flags: number): void {
    this.#flags[0] = flags;
    this.#call(fd, SET_FLAGS);
  }

  #call(fd: number, request: number): void {
    if (this.#ioctl(fd, request, this.#flags) !== 0) throw this.#library.lastError("ioctl");
  }
}
