/**
 * `gatekept <role>`: one program, a role per process. Roles are loaded when they are asked for, so that the webhook carries
 * nothing of the controller.
 *
 * @module
 */
const roles: Readonly<
  Record<string, () => Promise<{ main: (args: readonly string[]) => Promise<void> }>>
> = {
  webhook: () => import('./webhook/main.ts'),
  controller: () => import('./controller/main.ts'),
  certs: () => import('./certs/main.ts'),
}

const [role = '', ...args] = process.argv.slice(2)
const load = roles[role]
if (load === undefined) {
  process.stderr.write(`Usage: gatekept ${Object.keys(roles).join('|')} [arguments]\n`)
  process.exitCode = 2
} else {
  const { main } = await load()
  await main(args)
}
