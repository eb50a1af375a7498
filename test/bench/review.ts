/**
 * A pod, and a question about it, as large as those of real clusters: 6.5 KB.
 *
 * @module
 */
import { keys } from '../../identity/keys.ts'

const metaFields = (names: readonly string[]): object =>
  Object.fromEntries(names.map((name) => [`f:${name}`, {}]))

const container = (name: string): object => ({
  name,
  image: `registry.example.com/shop/${name}@sha256:${'4f8a'.repeat(16)}`,
  ports: [
    { name: 'http', containerPort: 8080, protocol: 'TCP' },
    { name: 'metrics', containerPort: 9090, protocol: 'TCP' },
  ],
  env: [
    { name: 'LOG_LEVEL', value: 'info' },
    { name: 'DATABASE_HOST', value: 'database.shop.svc.cluster.local' },
    { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
    {
      name: 'DATABASE_PASSWORD',
      valueFrom: { secretKeyRef: { name: 'database-credentials', key: 'password' } },
    },
    ...Array.from({ length: 4 }, (_, index) => ({
      name: `FEATURE_${index}_ENABLED`,
      value: String(index % 2 === 0),
    })),
  ],
  resources: { limits: { memory: '512Mi' }, requests: { cpu: '100m', memory: '256Mi' } },
  volumeMounts: [
    { name: 'configuration', mountPath: '/etc/shop', readOnly: true },
    {
      name: 'kube-api-access-7xk2p',
      mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
      readOnly: true,
    },
  ],
  livenessProbe: {
    httpGet: { path: '/healthz', port: 'http', scheme: 'HTTP' },
    ...{ initialDelaySeconds: 10, timeoutSeconds: 1, periodSeconds: 10 },
    ...{ successThreshold: 1, failureThreshold: 3 },
  },
  readinessProbe: {
    httpGet: { path: '/readyz', port: 'http', scheme: 'HTTP' },
    ...{ timeoutSeconds: 1, periodSeconds: 5, successThreshold: 1, failureThreshold: 3 },
  },
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  imagePullPolicy: 'IfNotPresent',
  securityContext: {
    capabilities: { drop: ['ALL'] },
    ...{ runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
  },
})

const fieldsOfContainer = {
  '.': {},
  ...metaFields(['image', 'imagePullPolicy', 'name', 'resources', 'securityContext']),
  ...metaFields(['terminationMessagePath', 'terminationMessagePolicy', 'ports', 'env']),
  'f:livenessProbe': { '.': {}, ...metaFields(['failureThreshold', 'httpGet', 'periodSeconds']) },
  'f:readinessProbe': { '.': {}, ...metaFields(['failureThreshold', 'httpGet', 'periodSeconds']) },
}

/** A pod as the ReplicaSet controller makes it and the API server has filled it in. */
export const ordersPod = (namespace: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    generateName: 'orders-5c9d8b7f66-',
    namespace,
    creationTimestamp: null,
    labels: {
      app: 'orders',
      'pod-template-hash': '5c9d8b7f66',
      'app.kubernetes.io/name': 'orders',
      'app.kubernetes.io/part-of': 'shop',
    },
    annotations: {
      [keys.workload]: 'orders',
      [keys.version]: '1.4.2',
      [keys.app]: 'shop',
      [keys.preDeploymentTasks]: 'wait-for-database,notify',
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': '9090',
    },
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'orders-5c9d8b7f66',
        uid: '1b5d3c9e-0c1f-4b6d-9a54-6b2a9b0c7e11',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
    managedFields: [
      {
        manager: 'kube-controller-manager',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': metaFields(['annotations', 'generateName', 'labels', 'ownerReferences']),
          'f:spec': {
            'f:containers': {
              'k:{"name":"orders"}': fieldsOfContainer,
              'k:{"name":"proxy"}': fieldsOfContainer,
            },
            ...metaFields(['dnsPolicy', 'enableServiceLinks', 'restartPolicy', 'schedulerName']),
          },
        },
      },
    ],
  },
  spec: {
    volumes: [
      { name: 'configuration', configMap: { name: 'orders', defaultMode: 420 } },
      {
        name: 'kube-api-access-7xk2p',
        projected: {
          sources: [
            { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
            {
              configMap: {
                name: 'kube-root-ca.crt',
                items: [{ key: 'ca.crt', path: 'ca.crt' }],
              },
            },
          ],
          defaultMode: 420,
        },
      },
    ],
    containers: [container('orders'), container('proxy')],
    ...{ restartPolicy: 'Always', terminationGracePeriodSeconds: 30, dnsPolicy: 'ClusterFirst' },
    ...{
      serviceAccountName: 'orders',
      serviceAccount: 'orders',
      schedulerName: 'default-scheduler',
    },
    tolerations: ['not-ready', 'unreachable'].map((condition) => ({
      key: `node.kubernetes.io/${condition}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
    ...{ priority: 0, enableServiceLinks: true, preemptionPolicy: 'PreemptLowerPriority' },
  },
  status: {},
})

/** The body of a request about a pod of a managed namespace that says itself which workload it is of. */
export const podReview = (namespace: string): string =>
  JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      requestKind: { group: '', version: 'v1', kind: 'Pod' },
      requestResource: { group: '', version: 'v1', resource: 'pods' },
      namespace,
      operation: 'CREATE',
      userInfo: {
        username: 'system:serviceaccount:kube-system:replicaset-controller',
        uid: '0f0a8a4e-3c55-4f0a-8a7e-0d8a7a2f9b10',
        groups: [
          'system:serviceaccounts',
          'system:serviceaccounts:kube-system',
          'system:authenticated',
        ],
      },
      object: ordersPod(namespace),
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  })
