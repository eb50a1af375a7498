/**
 * Tells the API server which authorities to trust when it calls our webhooks.
 *
 * @module
 */
import { MutatingWebhookConfiguration } from '../api/kubernetes.ts'
import { keys } from '../identity/keys.ts'
import type { Client } from '../kube/client.ts'
import { isConflict, isNotFound } from '../kube/errors.ts'

/** Our webhook configuration. Others are never touched. */
export const configurationName = 'lifecycle-mutating-webhook-configuration'

/**
 * Writes the bundle into our webhook configuration, where it differs. Says whether the configuration now holds it:
 * `false` asks for another try, because somebody else wrote at the same time.
 *
 * Without the label another injector (cert-manager) takes care of it; a configuration that isn't there needs nothing.
 */
export const injectBundle = async (
  client: Pick<Client, 'get' | 'patch'>,
  bundle: string,
): Promise<boolean> => {
  const found = await client.get(MutatingWebhookConfiguration, { name: configurationName })
  if (found?.metadata.labels?.[keys.injectCertificate] !== 'true') return true
  const caBundle = Buffer.from(bundle).toString('base64')
  const differing = (found.webhooks ?? []).filter(
    ({ clientConfig }) => clientConfig.caBundle !== caBundle,
  )
  if (differing.length === 0) return true
  try {
    await client.patch(MutatingWebhookConfiguration, {
      name: configurationName,
      patchType: 'strategic',
      patch: {
        metadata: { resourceVersion: found.metadata.resourceVersion },
        webhooks: differing.map(({ name }) => ({ name, clientConfig: { caBundle } })),
      },
    })
    return true
  } catch (error) {
    if (isConflict(error) || isNotFound(error)) return false
    throw error
  }
}

/** What the API server trusts now, as PEM; empty when it trusts nothing yet. */
export const readBundle = async (client: Pick<Client, 'get'>): Promise<string> => {
  const found = await client.get(MutatingWebhookConfiguration, { name: configurationName })
  const caBundle = found?.webhooks?.find(({ clientConfig }) => clientConfig.caBundle)?.clientConfig
    .caBundle
  return Buffer.from(caBundle ?? '', 'base64').toString()
}
