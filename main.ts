/**
 * `gatekept <role>`: one program, a role per process. Roles are loaded when they are asked for, so that the webhook carries
 * nothing of the controller.
 *
 * @module
 */
type Run = (args: readonly string[]) => Promise<void> | void

const roles: Readonly<Record<string, () => Promise<Run>>> = {
  webhook: async () => (await import('./webhook/main.ts')).main,
  controller: async () => (await import('./controller/main.ts')).main,
  certs: async () => (await import('./certs/main.ts')).main,
}

const [role = '', ...args] = process.argv.slice(2)
const load = roles[role]
if (load === undefined) {
  process.stderr.write(`Usage: gatekept ${Object.keys(roles).join('|')} [arguments]\n`)
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
