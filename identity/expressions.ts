/**
 * What `scope.ts`, `keys.ts`, `revision.ts` and `released.ts` say of pods, said again in the language of admission policies.
 * The API server decides by these expressions, the webhook and the controllers by the functions; both are made of the same
 * tables, and a test puts the same pods before both.
 *
 * An expression reads the pod as `object`, and what a policy declares by `variables` of the same name. Common Expression
 * Language as of Kubernetes 1.30: https://kubernetes.io/docs/reference/using-api/cel/
 *
 * @module
 */
import { actionTypes } from '../api/actions.ts'
import { gateName, keys, permitScheduler } from './keys.ts'
import { releasedFormat } from './released.ts'
import { supportedOwners, systemNamespaces } from './scope.ts'

const quote = (text: string): string => `'${text}'`
const list = (texts: readonly string[]): string => `[${texts.map(quote).join(', ')}]`

const groups = [...new Set(supportedOwners.map(({ group }) => group))]

/** Whether an owner reference names a kind whose pods are held, and controls the pod. */
const isHeldOwner = (owner: string): string => {
  const kinds = (group: string): string =>
    list(supportedOwners.filter((each) => each.group === group).map(({ kind }) => kind))
  const ofGroup = groups.map(
    (group) =>
      `${owner}.apiVersion.startsWith(${quote(`${group}/`)}) && ${owner}.kind in ${kinds(group)}`,
  )
  return `has(${owner}.controller) && ${owner}.controller && (${ofGroup.join(' || ')})`
}

const ownersOf = (object: string): string => `${object}.metadata.ownerReferences`

const valueOf = (object: string, part: Part, key: string): string =>
  `${object}.metadata.?${part}[?${key}].orValue('')`

const carriesGate = (object: string): string =>
  `${object}.spec.?schedulingGates.orValue([]).exists(gate, gate.name == ${quote(gateName)})`

type Part = 'annotations' | 'labels'

const isOther = (part: Part): string =>
  `${valueOf('object', part, 'key')} != ${valueOf('oldObject', part, 'key')}`

/** Whether any of these keys has another value than before, as an annotation or a label. */
const isChanged = (changed: readonly string[]): string =>
  `${list(changed)}.exists(key, ${isOther('annotations')} || ${isOther('labels')})`

const hasOptIn = (part: Part): string =>
  `has(object.metadata.${part}) && ${quote(keys.optIn)} in object.metadata.${part}`

const saysEnabled = (part: Part): string =>
  `object.metadata.${part}[${quote(keys.optIn)}] == 'enabled'`

const workloadKeys = [keys.workload, keys.recommendedName]

/** Ours alone: no other program reads or writes them. */
const ownKeys = [
  keys.workload,
  keys.version,
  keys.app,
  keys.container,
  keys.preDeploymentTasks,
  keys.postDeploymentTasks,
  keys.preDeploymentEvaluations,
  keys.postDeploymentEvaluations,
  keys.metadata,
  keys.appType,
]

/** Read where our own are absent. People change them on running pods, to take one out of a Service for instance. */
const recommendedKeys = [keys.recommendedName, keys.recommendedVersion, keys.recommendedPartOf]

/** The expressions, by the name under which the chart's templates include them. */
export const expressions = {
  /** Whether a pod is one to hold: of a controller of a kind that is held. For Kubernetes from 1.27, too. */
  supportedOwner: `has(${ownersOf('object')}) && ${ownersOf('object')}.exists(owner, ${isHeldOwner('owner')})`,
  /** The same of a pod that is changed. */
  hadSupportedOwner: `has(${ownersOf('oldObject')}) && ${ownersOf('oldObject')}.exists(owner, ${isHeldOwner('owner')})`,
  /** Whether a pod is placed already: it can't carry a gate. */
  placed: "object.spec.?nodeName.orValue('') != ''",
  carriesGate: carriesGate('object'),
  carriedGate: carriesGate('oldObject'),
  /** The revision of a pod with a supported owner; empty for one that belongs to none. */
  revision: [
    `${ownersOf('object')}.filter(owner, ${isHeldOwner('owner')}).map(owner, owner.kind == 'ReplicaSet' ? string(owner.uid) :`,
    `${valueOf('object', 'labels', quote(keys.controllerRevisionHash))} == '' ? '' :`,
    `string(owner.uid) + '/' + string(${valueOf('object', 'labels', quote(keys.controllerRevisionHash))}))[0]`,
  ].join(' '),
  /** The words of the released list of the pod's namespace, without its format; empty where there is none that can be read. */
  released: [
    `namespaceObject.metadata.?annotations[?${quote(keys.released)}].orValue('').startsWith(${quote(`${releasedFormat} `)})`,
    `? namespaceObject.metadata.annotations[${quote(keys.released)}].substring(${releasedFormat.length + 1}).split(' ') : []`,
  ].join(' '),
  /** Whether a pod's revision is released; wants the variables `revision` and `released`. */
  isReleased: "variables.revision != '' && variables.revision in variables.released",
  /** Whether a pod says itself which workload it belongs to. */
  namesWorkload: `${list(workloadKeys)}.exists(key, ${(['annotations', 'labels'] as const)
    .map((part) => `${valueOf('object', part, 'key')} != ''`)
    .join(' || ')})`,
  /** Whether what only we read of a pod has changed. */
  identityChanged: isChanged(ownKeys),
  /** Whether what others read, too, has changed. */
  recommendedChanged: isChanged(recommendedKeys),
  /** Whether the label by which held pods are selected has changed. */
  gatedLabelChanged: `${valueOf('object', 'labels', quote(keys.gated))} != ${valueOf('oldObject', 'labels', quote(keys.gated))}`,
  /** Whether what we note on a namespace has changed. */
  notesChanged: `${list([keys.released, keys.managedSince])}.exists(key, ${isOther('annotations')})`,
  /** Whether a namespace's opt-in annotation is there and its label says otherwise. For Kubernetes from 1.27, too. */
  optInDisagrees: `${hasOptIn('annotations')} && (${saysEnabled('annotations')}) != (${hasOptIn('labels')} && ${saysEnabled('labels')})`,
  /** Whether a namespace's annotation opts in. */
  wantsManaging: `${hasOptIn('annotations')} && ${saysEnabled('annotations')}`,
  /** Whether a namespace has labels at all. */
  hasLabels: 'has(object.metadata.labels)',
} as const

/** Names that the chart's templates include besides: not expressions, but of the same tables. */
export const names = {
  gate: gateName,
  gatedLabel: keys.gated,
  optIn: keys.optIn,
  releasedAnnotation: keys.released,
  managedSinceAnnotation: keys.managedSince,
  systemNamespaces: systemNamespaces.join(' '),
  managedBy: keys.managedBy,
  actionVerbs: actionTypes.join(' '),
  permitScheduler,
} as const
