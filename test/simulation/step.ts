/** Something that could happen next in a history. */
export type Step = () => void
