/**
 * Tells the API server which authorities to trust when it calls our webhooks, and when it passes requests on to our API.
 *
 * @module
 */
import { APIService, MutatingWebhookConfiguration } from '../api/kubernetes.ts'
import { apiServiceNames, keys, webhookConfigurationName } from '../identity/keys.ts'
import type { Client } from '../kube/client.ts'
import { isConflict, isNotFound } from '../kube/errors.ts'

/**
 * Writes the bundle into our webhook configuration and our APIServices, where it differs. Says whether they now hold it:
 * `false` asks for another try, because somebody else wrote at the same time. Objects of other names are never touched.
 *
 * Without the label another injector (cert-manager) takes care of an object; one that isn't there needs nothing.
 */
export const injectBundle = async (
  client: Pick<Client, 'get' | 'patch'>,
  bundle: string,
): Promise<boolean> => {
  if (!(await injectIntoWebhooks(client, bundle))) return false
  for (const name of apiServiceNames) {
    if (!(await injectIntoApiService(client, name, bundle))) return false
  }
  return true
}

const injectIntoApiService = async (
  client: Pick<Client, 'get' | 'patch'>,
  name: string,
  bundle: string,
): Promise<boolean> => {
  const found = await client.get(APIService, { name })
  if (found?.metadata.labels?.[keys.injectCertificate] !== 'true') return true
  const caBundle = Buffer.from(bundle).toString('base64')
  if (found.spec.caBundle === caBundle) return true
  const { resourceVersion } = found.metadata
  return wasWritten(() =>
    client.patch(APIService, {
      name,
      patchType: 'merge',
      patch: { metadata: { resourceVersion }, spec: { caBundle } },
    }),
  )
}

const injectIntoWebhooks = async (
  client: Pick<Client, 'get' | 'patch'>,
  bundle: string,
): Promise<boolean> => {
  const found = await client.get(MutatingWebhookConfiguration, { name: webhookConfigurationName })
  if (found?.metadata.labels?.[keys.injectCertificate] !== 'true') return true
  const caBundle = Buffer.from(bundle).toString('base64')
  const differing = (found.webhooks ?? []).filter(
    ({ clientConfig }) => clientConfig.caBundle !== caBundle,
  )
  if (differing.length === 0) return true
  return wasWritten(() =>
    client.patch(MutatingWebhookConfiguration, {
      name: webhookConfigurationName,
      patchType: 'strategic',
      patch: {
        metadata: { resourceVersion: found.metadata.resourceVersion },
        webhooks: differing.map(({ name }) => ({ name, clientConfig: { caBundle } })),
      },
    }),
  )
}

const wasWritten = async (write: () => Promise<unknown>): Promise<boolean> => {
  try {
    await write()
    return true
  } catch (error) {
    if (isConflict(error) || isNotFound(error)) return false
    throw error
  }
}

/** What the API server trusts now, as PEM; empty when it trusts nothing yet. */
export const readBundle = async (client: Pick<Client, 'get'>): Promise<string> => {
  const found = await client.get(MutatingWebhookConfiguration, { name: webhookConfigurationName })
  const caBundle = found?.webhooks?.find(({ clientConfig }) => clientConfig.caBundle)?.clientConfig
    .caBundle
  return Buffer.from(caBundle ?? '', 'base64').toString()
}
