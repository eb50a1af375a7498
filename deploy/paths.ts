import { join } from 'node:path'

/** The folder of this checkout. */
export const root = join(import.meta.dirname, '..')

/** Where images that were built are kept; everything in it can be built again. */
export const imageFolder = join(root, 'dist', 'images')
