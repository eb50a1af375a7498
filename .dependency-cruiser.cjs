/** Who may import whom. The folders are told in ARCHITECTURE.md. */
const only = (from, allowed, comment) => ({
  name: `${from}-imports`,
  comment,
  severity: 'error',
  from: { path: `^${from}/` },
  to: {
    path: `^(?!(${[from, ...allowed].join('|')})/)(?!node_modules/)[^/]+/`,
    dependencyTypesNot: ['core'],
  },
})

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'api-libraries',
      comment: 'api imports the schema library alone',
      severity: 'error',
      from: { path: '^api/' },
      to: { path: '^node_modules/', pathNot: '^node_modules/typebox/' },
    },
    {
      name: 'one-seed-for-properties',
      comment: 'test/fast-check.ts gives properties the same cases each time',
      severity: 'error',
      from: { path: '^test/', pathNot: '^test/fast-check\\.ts$' },
      to: { path: '^node_modules/fast-check/' },
    },
    only('api', [], 'api imports the schema library alone'),
    only('identity', ['api'], 'identity is pure'),
    only('kube', ['api'], 'kube knows no domain word'),
    ...['webhook', 'gate', 'lifecycle', 'metrics', 'certs'].map((part) =>
      only(
        part,
        ['api', 'identity', 'kube', ...(['webhook', 'gate'].includes(part) ? ['telemetry'] : [])],
        'the parts never import each other',
      ),
    ),
    only('telemetry', ['api', 'identity', 'kube'], 'telemetry listens to transitions'),
    only(
      'cli',
      ['api', 'identity', 'kube', 'metrics/convert', 'gate/leaving'],
      'commands use parts of others that are made for them',
    ),
    {
      name: 'telemetry-is-for-entry-points',
      severity: 'error',
      from: {
        pathNot:
          '^(telemetry/|controller/|test/|webhook/main\\.ts|gate/permit/main\\.ts|main\\.ts)',
      },
      to: { path: '^telemetry/' },
    },
    {
      name: 'product-imports-no-programs',
      comment: 'deploy, demo and test are not part of the image',
      severity: 'error',
      from: {
        path: '^(api|identity|kube|webhook|gate|lifecycle|metrics|certs|telemetry|controller|cli)/',
      },
      to: { path: '^(deploy|demo|test|manifests)/' },
    },
    {
      name: 'no-kubeconfig-library-in-pods',
      comment: 'client-node costs 50 MB and half a second; a pod needs a token and a CA alone',
      severity: 'error',
      from: {
        path: '^(api|identity|kube|webhook|gate|lifecycle|metrics|certs|telemetry|controller)/',
      },
      to: { path: '^node_modules/@kubernetes/client-node/' },
    },
    {
      name: 'pure-files',
      comment:
        'a file that decides touches no clock, network, log or process; the engine reads through a client it is given',
      severity: 'error',
      from: { path: '(^identity/|^lifecycle/|/decide\\.ts$|/checks/|^metrics/convert/)' },
      to: {
        path: [
          '^node_modules/(undici|pino|fastify)/',
          '^(fs|http|https|net|dns|tls|child_process|process|os|timers|worker_threads)(/|$)',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|test/cluster/(node|dns))' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.mjs', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
}
