/** The two kinds of blob. Equal bytes of different kinds are different blobs (format section 7). */
export type BlobType = "data" | "tree";
