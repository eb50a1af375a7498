/**
 * What the API says about itself: to the API server that passes requests on to us, and through it to clients.
 *
 * @module
 */
import { KeptnMetric } from '../../api/index.ts'
import { group, versions, type Version } from './values.ts'

const described = (version: Version): object => ({ groupVersion: `${group}/${version}`, version })

const apiGroup = {
  name: group,
  versions: versions.map(described),
  preferredVersion: described(versions[0]),
}

/** `/apis`, as it is asked for by clients without aggregated discovery. */
export const apiGroupList: object = { kind: 'APIGroupList', apiVersion: 'v1', groups: [apiGroup] }

/** `/apis/custom.metrics.k8s.io`. */
export const apiGroupDocument: object = { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup }

/** The resource that metrics are of. */
export const metricResource = `${KeptnMetric.plural}.${KeptnMetric.group}`
const names = (metrics: Iterable<KeptnMetric>): readonly string[] =>
  // Metrics of one name in several namespaces are one resource: discovery knows no namespaces.
  [...new Set([...metrics].map(({ metadata }) => metadata.name))].sort()

/** One version: a resource for each metric. */
export const apiResourceList = (version: Version, metrics: Iterable<KeptnMetric>): object => ({
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: `${group}/${version}`,
  resources: names(metrics).map((name) => ({
    name: `${metricResource}/${name}`,
    singularName: '',
    namespaced: true,
    kind: 'MetricValueList',
    verbs: ['get'],
  })),
})

/** Whether a client takes aggregated discovery, and in which of its versions; the best it takes comes first. */
export const discoveryVersionOf = (accept: string | undefined): 'v2' | 'v2beta1' | undefined => {
  for (const type of (accept ?? '').split(',')) {
    const parameters = type.split(';').map((part) => part.trim())
    if (!parameters.includes('as=APIGroupDiscoveryList')) continue
    if (!parameters.includes('g=apidiscovery.k8s.io')) continue
    if (parameters.includes('v=v2')) return 'v2'
    if (parameters.includes('v=v2beta1')) return 'v2beta1'
  }
  return undefined
}

/** The media type of aggregated discovery. */
export const discoveryType = (version: 'v2' | 'v2beta1'): string =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`

/** `/apis`, all groups, versions and resources in one. Metrics are what it calls subresources, of a resource that only names them. */
export const aggregatedDiscovery = (
  apiVersion: 'v2' | 'v2beta1',
  metrics: Iterable<KeptnMetric>,
): object => {
  const subresources = names(metrics).map((subresource) => ({
    subresource,
    responseKind: { group, version: '', kind: 'MetricValueList' },
    verbs: ['get'],
  }))
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${apiVersion}`,
    metadata: {},
    items: [
      {
        metadata: { name: group, creationTimestamp: null },
        versions: versions.map((version) => ({
          version,
          resources:
            subresources.length === 0
              ? []
              : [
                  {
                    resource: metricResource,
                    responseKind: { group: '', version: '', kind: '' },
                    scope: 'Namespaced',
                    singularResource: '',
                    verbs: [],
                    subresources: subresources.map((each) => ({
                      ...each,
                      responseKind: { ...each.responseKind, version },
                    })),
                  },
                ],
          freshness: 'Current',
        })),
      },
    ],
  }
}

const info = { title: 'Gatekept custom metrics', version: 'v1' }

/** `/openapi/v2`: metrics come and go, so no path is described. */
export const openApiV2: object = { swagger: '2.0', info, paths: {} }

/** `/openapi/v3`: no document for any version, for the same reason. */
export const openApiV3: object = { paths: {} }
