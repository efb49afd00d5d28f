import type { ArchiveAttribute, ArchiveTime } from "./entry.ts";
import { aclText } from "./acl-text.ts";

/** Attributes that tar programs keep as texts of their own. */
const ACLS: ReadonlyMap<string, string> = new Map([
  ["system.posix_acl_access", "SCHILY.acl.access"],
  ["system.posix_acl_default", "SCHILY.acl.default"],
]);

/**
 * The records of a pax extended header (POSIX.1-2017, pax): each is its own length in bytes, a keyword and any bytes as its
 * value.
 */
export class PaxRecords {
  readonly #records: Buffer[] = [];

  /** True if there is nothing that the plain header could not say. */
  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  add(keyword: string, value: Uint8Array | string): void {
    const rest = Buffer.concat([Buffer.from(` ${keyword}=`), Buffer.from(value), Buffer.of(0x0a)]);
    let length = rest.length + 1;
    // The digits of the length count, too.
    while (String(length).length + rest.length !== length) {
      length = String(length).length + rest.length;
    }
    this.#records.push(Buffer.from(String(length)), rest);
  }

  /** An extended attribute, in the keywords of GNU tar and star. */
  addAttribute({ name, value }: ArchiveAttribute): void {
    const acl = ACLS.get(name);
    const text = acl === undefined ? undefined : aclText(value);
    if (acl !== undefined && text !== undefined) this.add(acl, text);
    else this.add(`SCHILY.xattr.${escapeKeyword(name)}`, value);
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#records);
  }
}

/** Seconds with as many decimals as there are, as `-0.5` for half a second before 1970. */
export function paxTime({ seconds, nanoseconds }: ArchiveTime): string {
  if (nanoseconds === 0) return String(seconds);
  const isNegative = seconds < 0;
  const whole = isNegative ? -seconds - 1 : seconds;
  const fraction = isNegative ? 1e9 - nanoseconds : nanoseconds;
  const digits = String(fraction).padStart(9, "0").replace(/0+$/, "");
  return `${isNegative ? "-" : ""}${whole}.${digits}`;
}

/** The end of a keyword is its first `=`; GNU tar writes that of a name so. */
function escapeKeyword(name: string): string {
  return name.replaceAll("%", "%25").replaceAll("=", "%3D");
}
