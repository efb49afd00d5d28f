/** What the system may refuse to give an entry. Bits, so that the refusals of an entry are one number; 0 for none. */
export const REFUSED = { owner: 1, attributes: 2, flags: 4 } as const;
