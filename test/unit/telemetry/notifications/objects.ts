/**
 * Transitions as the engine tells them, for tests of notifications.
 *
 * @module
 */
import type { Transition } from '../../../../kube/decision.ts'

/** Something that is told of an app version. */
export const transition = (more: Partial<Transition> = {}): Transition => ({
  id: 'uid-1/AppDeploy/Started',
  subject: {
    ...{ apiVersion: 'lifecycle.keptn.sh/v1', kind: 'KeptnAppVersion', namespace: 'shop' },
    ...{ name: 'shop-1-6b86b273', uid: 'uid-1' },
  },
  reason: 'AppDeployStarted',
  severity: 'Normal',
  message: 'App Deployment: has started',
  at: new Date(),
  attributes: { appName: 'shop', appVersion: '1', version: '1' },
  ...more,
})
