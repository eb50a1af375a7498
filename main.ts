/**
 * `gatekept <role>`: one program, a role per process, and what people call. Each is loaded when it is asked for, so that the
 * webhook carries nothing of the controller.
 *
 * @module
 */
type Run = (args: readonly string[]) => Promise<void> | void

const roles: Readonly<Record<string, () => Promise<Run>>> = {
  webhook: async () => (await import('./webhook/main.ts')).main,
  controller: async () => (await import('./controller/main.ts')).main,
  permit: async () => (await import('./gate/permit/main.ts')).main,
  certs: async () => (await import('./certs/main.ts')).main,
}

/** What people call. */
const commands: Readonly<Record<string, () => Promise<Run>>> = {
  convert: async () => (await import('./cli/main.ts')).convert,
  'release-all': async () => (await import('./cli/main.ts')).releaseAll,
  verify: async () => (await import('./cli/main.ts')).verify,
  release: async () => (await import('./cli/main.ts')).act('release'),
  retry: async () => (await import('./cli/main.ts')).act('retry'),
  skip: async () => (await import('./cli/main.ts')).act('skip'),
  abort: async () => (await import('./cli/main.ts')).act('abort'),
}

// Keptn's converter was asked by flags of its one program, and scripts still do.
const isKeptnConversion = process.argv.some((arg) => /^--?convert-sl[io](=|$)/.test(arg))
const [role = '', ...args] = [...(isKeptnConversion ? ['convert'] : []), ...process.argv.slice(2)]
const load = roles[role] ?? commands[role]
if (load === undefined) {
  process.stderr.write(
    `Usage: gatekept ${Object.keys({ ...roles, ...commands }).join('|')} [arguments]\n`,
  )
  process.exitCode = 2
} else {
  try {
    const run = await load()
    await run(args)
  } catch (error) {
    // What a person did wrong is a sentence; anything else is a bug and shows where.
    const isSettings = error instanceof Error && error.name === 'SettingsError'
    process.stderr.write(`${isSettings ? error.message : String((error as Error).stack)}\n`)
    process.exit(1)
  }
}
