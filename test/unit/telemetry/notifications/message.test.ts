import { describe, expect, test } from '@jest/globals'
import { bodyOf, templateOf } from '../../../../telemetry/notifications/message.ts'
import { transition } from './objects.ts'

const at = new Date('2026-03-01T12:00:30Z')
const failed = transition({
  at,
  severity: 'Warning',
  reason: 'AppPreDeployTasksErrored',
  phase: { name: 'AppPreDeployTasks', longName: 'App Pre-Deployment Tasks', state: 'Errored' },
  message: 'App Pre-Deployment Tasks: has failed: <!channel> & "more"',
})
const usual = templateOf('')

const read = (body: string): unknown => JSON.parse(body)

describe('a message', () => {
  test('for Slack has a text, and nothing in it means anything to Slack', () => {
    expect(read(bodyOf('slack', usual, failed))).toEqual({
      text: '❌ App Pre-Deployment Tasks: has failed: &lt;!channel&gt; &amp; "more"',
    })
  })

  test('for Teams is an Adaptive Card whose text is shown as it is', () => {
    const text = '❌ App Pre-Deployment Tasks: has failed: <!channel> & "more"'
    expect(read(bodyOf('teams', usual, failed))).toEqual({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          content: {
            $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
            type: 'AdaptiveCard',
            version: '1.4',
            body: [{ type: 'RichTextBlock', inlines: [{ type: 'TextRun', text }] }],
          },
        },
      ],
    })
  })

  test('for any webhook is JSON with all that it was made from', () => {
    expect(read(bodyOf('webhook', templateOf('{{appName}} {{appVersion}}'), failed))).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
      text: 'shop 1',
      outcome: 'Failed',
      message: failed.message,
      reason: 'AppPreDeployTasksErrored',
      severity: 'Warning',
      time: '2026-03-01T12:00:30.000Z',
      kind: 'KeptnAppVersion',
      namespace: 'shop',
      name: 'shop-1-6b86b273',
      phase: 'AppPreDeployTasks',
      phaseName: 'App Pre-Deployment Tasks',
      attributes: { appName: 'shop', appVersion: '1', version: '1' },
    })
  })

  test('is cut off where chats would', () => {
    const long = transition({ message: 'x'.repeat(10_000) })
    const { text } = read(bodyOf('slack', usual, long)) as { readonly text: string }
    expect(text).toHaveLength(3_501)
  })
})

describe('a template', () => {
  const said = (template: string): unknown =>
    (read(bodyOf('slack', templateOf(template), failed)) as { readonly text: string }).text

  test.each([
    [
      '*{{ outcome }}*: <https://example.com|{{name}}>',
      '*Failed*: <https://example.com|shop-1-6b86b273>',
    ],
    ['no place', 'no place'],
    ['{{taskName}}', ''],
    ['{ {name} } {{{name}}}', '{ {name} } {shop-1-6b86b273}'],
    ['{{phase}}{{phaseName}}', 'AppPreDeployTasksApp Pre-Deployment Tasks'],
  ])('%j says %j', (template, text) => {
    expect(said(template)).toBe(text)
  })

  test.each(['{{token}}', '{{constructor}}', '{{}}', '{{name.length}}'])(
    '%j is refused',
    (text) => {
      expect(() => templateOf(text)).toThrow(
        /^its template has "\{\{.*\}\}", and may have .*appName/,
      )
    },
  )
})
