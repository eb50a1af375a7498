/** Wakes one who waits for something to happen, or for a time. What rings while nobody waits is not lost. */
export interface Bell {
  readonly ring: () => void
  readonly wait: (ms: number) => Promise<void>
}

/** Makes a bell that has not rung. */
export const createBell = (): Bell => {
  let wake: (() => void) | undefined
  let isRung = false
  return {
    ring() {
      isRung = true
      wake?.()
    },
    async wait(ms) {
      if (!isRung) {
        let timer: NodeJS.Timeout | undefined
        await new Promise<void>((resolve) => {
          wake = resolve
          if (ms !== Infinity) timer = setTimeout(resolve, ms)
        })
        clearTimeout(timer)
      }
      isRung = false
      wake = undefined
    },
  }
}
