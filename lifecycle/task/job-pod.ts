/**
 * The pod of a task's Job: a script in one of our images, or a user's container.
 *
 * @module
 */
import type { KeptnTask, KeptnTaskDefinition, RuntimeSpec, TaskPods } from '../../api/index.ts'
import type { Container, PodSpec, VolumeMount } from '../../api/kubernetes.ts'
import type { Language, RemoteCode } from '../task-definition/source.ts'
import { containerEnvironment, scriptEnvironment } from './environment.ts'
import { restricted, withRestricted } from './pod-security.ts'
import { resultPath } from './result.ts'

/** What a Job runs, ready to be made. */
export type Program =
  | { readonly kind: 'container'; readonly container: Container }
  | {
      readonly kind: 'script'
      readonly language: Language
      readonly runtime: RuntimeSpec
      readonly image: string
      /** A ConfigMap of the task's namespace, or a URL. */
      readonly code:
        | { readonly kind: 'configMap'; readonly name: string }
        | ({ readonly kind: 'url' } & RemoteCode)
    }

/** What a pod is given besides what its definition says. */
export interface PodRules extends TaskPods {
  /** Whether its namespace refuses it otherwise. */
  readonly isRestricted: boolean
}

/** All that a pod is made from. */
export interface PodPlan {
  readonly task: KeptnTask
  readonly definition: KeptnTaskDefinition
  readonly program: Program
  readonly rules: PodRules
}

/** The pod of a Job. */
export const podSpec = (plan: PodPlan): PodSpec => {
  const { serviceAccount, automountServiceAccountToken, imagePullSecrets } = plan.definition.spec
  const token = tokenOf(serviceAccount?.name, automountServiceAccountToken?.type)
  return {
    ...(plan.program.kind === 'script'
      ? scriptPod(plan.task, plan.program, plan.rules)
      : containerPod(plan.task, plan.program.container, plan.rules)),
    restartPolicy: 'Never',
    ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount.name }),
    ...(token === undefined ? {} : { automountServiceAccountToken: token }),
    ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
  }
}

/** Whether the pod gets a token; `undefined`: the service account that was named says so itself. */
const tokenOf = (serviceAccount = '', asked: boolean | undefined): boolean | undefined =>
  asked ?? (serviceAccount === '' ? false : undefined)

const codePaths: Readonly<Record<Language, string>> = {
  deno: '/var/data/function.ts',
  python: '/var/data/function.py',
}

const codeMount = (language: Language): VolumeMount => ({
  name: 'function-mount',
  mountPath: codePaths[language],
  subPath: 'code',
  readOnly: true,
})

/**
 * What the image's own program is told about the code it fetches. An argument is seen by nobody else: the environment is
 * the script's, and has to stay Keptn's.
 */
const runnerArguments = (
  { sha256 }: RemoteCode,
  { codeAddresses: { allowed = [], refused = [] } = {} }: PodRules,
): readonly string[] => [
  ...(sha256 === undefined ? [] : [`--sha256=${sha256.toLowerCase()}`]),
  ...(allowed.length === 0 ? [] : [`--allow=${allowed.join(',')}`]),
  ...(refused.length === 0 ? [] : [`--refuse=${refused.join(',')}`]),
]

/** Where a script may write if it may nowhere else. */
const scratchMount: VolumeMount = { name: 'tmp', mountPath: '/tmp' }

/** Where a task may leave its result; if it fails and leaves none, the kubelet puts the end of its log there. */
const termination = {
  terminationMessagePath: resultPath,
  terminationMessagePolicy: 'FallbackToLogsOnError',
} as const

type Pod = Pick<PodSpec, 'containers' | 'volumes'>

type Script = Extract<Program, { kind: 'script' }>

/** A volume, and where a script finds it. */
interface Mounted {
  readonly mount: VolumeMount
  readonly volume: Readonly<Record<string, unknown>>
}

const mountedFor = ({ language, code }: Script, rules: PodRules): readonly Mounted[] => [
  ...(code.kind === 'configMap'
    ? [{ mount: codeMount(language), volume: { configMap: { name: code.name } } }]
    : []),
  ...(rules.readOnlyRootFilesystem === true
    ? [{ mount: scratchMount, volume: { emptyDir: {} } }]
    : []),
]

const securityOf = ({
  readOnlyRootFilesystem,
}: PodRules): NonNullable<Container['securityContext']> =>
  readOnlyRootFilesystem === true ? { ...restricted, readOnlyRootFilesystem } : restricted

const scriptPod = (task: KeptnTask, script: Script, rules: PodRules): Pod => {
  const { language, runtime, image, code } = script
  const mounted = mountedFor(script, rules)
  const args = code.kind === 'url' ? runnerArguments(code, rules) : []
  const container: Container = {
    name: 'keptn-function-runner',
    image,
    imagePullPolicy: 'IfNotPresent',
    ...(args.length === 0 ? {} : { args }),
    env: scriptEnvironment(task, runtime, code.kind === 'url' ? code.url : codePaths[language]),
    ...(mounted.length === 0 ? {} : { volumeMounts: mounted.map(({ mount }) => mount) }),
    ...termination,
    securityContext: securityOf(rules),
  }
  const volumes = mounted.map(({ mount, volume }) => ({ name: mount.name, ...volume }))
  return {
    containers: [withResources(container, rules)],
    ...(volumes.length === 0 ? {} : { volumes }),
  }
}

/** A container that names neither requests nor limits gets those that are configured. */
const withResources = (container: Container, { defaultResources }: PodRules): Container => {
  const { requests, limits } = container.resources ?? {}
  const isOpen = Object.keys({ ...requests, ...limits }).length === 0
  if (defaultResources === undefined || !isOpen) return container
  return { ...container, resources: { ...container.resources, ...defaultResources } }
}

/** A user's container is run as it is, where its namespace lets it: its image may need what "restricted" forbids. */
const containerPod = (task: KeptnTask, own: Container, rules: PodRules): Pod => {
  const asked = withResources(own, rules)
  const container = rules.isRestricted ? withRestricted(asked) : asked
  const namesTermination =
    container.terminationMessagePath !== undefined ||
    container.terminationMessagePolicy !== undefined
  const volumes = new Set((container.volumeMounts ?? []).map(({ name }) => name))
  const sizeLimit = container.resources?.limits?.['memory'] ?? '1Gi'
  return {
    containers: [
      {
        ...container,
        env: containerEnvironment(task, container),
        ...(namesTermination ? {} : termination),
      },
    ],
    ...(volumes.size === 0
      ? {}
      : {
          volumes: [...volumes].map((name) => ({
            name,
            emptyDir: { medium: 'Memory', sizeLimit },
          })),
        }),
  }
}
