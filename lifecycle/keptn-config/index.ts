/**
 * Tells on each KeptnConfig whether its settings are in force. `config.ts` says which one is.
 *
 * @module
 */
import { KeptnConfig } from '../../api/index.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { settled, type Decision } from '../../kube/decision.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import { inForce } from '../config.ts'
import type { LifecycleStores } from '../stores.ts'

/** A KeptnConfig, and whether it is the one that counts. */
export interface ConfigSeen {
  readonly config: KeptnConfig
  readonly isInForce: boolean
}

/** Decides what the KeptnConfig says about itself; its status is one word. */
export const decide = ({ config, isInForce }: ConfigSeen): Decision<never> => {
  const status = isInForce ? 'Applied' : 'Ignored'
  if (config.status === status) return settled
  const { namespace, name, uid } = config.metadata
  return {
    ...settled,
    actions: [
      {
        kind: 'patch',
        type: KeptnConfig,
        ...(namespace === undefined ? {} : { namespace }),
        name,
        patchType: 'merge',
        subresource: 'status',
        patch: { metadata: { uid }, status },
      },
    ],
  }
}

/** Writes the status of KeptnConfigs. */
export const keptnConfigController = ({
  stores: { configs },
  namespace: ours,
}: {
  readonly stores: Pick<LifecycleStores, 'configs'>
  readonly namespace: string
}): Controller<ConfigSeen> => ({
  name: 'keptn-config',
  // Which one counts may change with any of them.
  wakes: [wake(configs, () => [...configs.all()].map(keyOf))],
  observe: (key) => {
    const { namespace, name } = parseKey(key)
    const config = configs.get(namespace, name)
    const isInForce = config !== undefined && inForce(configs.by('namespace', ours)) === config
    return config === undefined ? undefined : { config, isInForce }
  },
  decide,
})
