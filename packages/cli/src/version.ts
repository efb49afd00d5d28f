/** The version in package.json, kept here so that `--version` reads no file; a test compares the two. */
export const VERSION = "0.1.0";
