import { createHash } from 'node:crypto'

/** A share that a text has of a whole: between 0 and 1, always the same for the same text, and even over many. Pure. */
export const shareOf = (text: string): number =>
  createHash('sha256').update(text).digest().readUInt32BE() / 2 ** 32
