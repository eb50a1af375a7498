import { describe, expect, test } from '@jest/globals'
import {
  containerEnvironment,
  contextJson,
  scriptEnvironment,
  secretFor,
} from '../../../lifecycle/task/environment.ts'
import { aTask } from './objects.ts'

const valueOf = (
  variables: readonly { readonly name: string; readonly value?: string }[],
  name: string,
): string | undefined => variables.find((variable) => variable.name === name)?.value

describe('KEPTN_CONTEXT', () => {
  test('is the text that the end-to-end tests of Keptn compare', () => {
    const context = {
      metadata: { stage: 'dev', 'test-metadata': 'test-metadata', 'commit-id': '1234' },
      objectType: 'Workload',
      taskType: 'pre',
      workloadVersion: '0.4',
      appVersion: '',
      appName: 'waiter',
      workloadName: 'waiter-waiter',
    }
    expect(contextJson(context)).toBe(
      '{"workloadName":"waiter-waiter","appName":"waiter","appVersion":"","workloadVersion":"0.4","taskType":"pre","objectType":"Workload","metadata":{"commit-id":"1234","stage":"dev","test-metadata":"test-metadata"}}',
    )
  })

  test('has its six texts though nothing is known, and no metadata where there is none', () => {
    const empty =
      '{"workloadName":"","appName":"","appVersion":"","workloadVersion":"","taskType":"","objectType":""}'
    expect(contextJson({})).toBe(empty)
    expect(contextJson({ metadata: {} })).toBe(empty)
  })

  test.each([
    ['<b>&amp;</b>', String.raw`\u003cb\u003e\u0026amp;\u003c/b\u003e`],
    ['a\u2028b\u2029c', String.raw`a\u2028b\u2029c`],
    ['"\\\n\r\t\b\f', String.raw`\"\\\n\r\t\b\f`],
    ['\u0001\u007f\u00e9\u{1f600}', '\\u0001\u007f\u00e9\u{1f600}'],
  ])('writes %j as Go does', (text, written) => {
    expect(contextJson({ appName: text })).toContain(`"appName":"${written}"`)
  })

  test('sorts the keys of the metadata by their bytes, numbers among them', () => {
    const metadata = { b: '1', '9': '2', '10': '3', Z: '4', '\u{1f600}': '5', '\uff61': '6' }
    expect(contextJson({ metadata })).toContain(
      '"metadata":{"10":"3","9":"2","Z":"4","b":"1","\uff61":"6","\u{1f600}":"5"}',
    )
  })

  test('keeps a key that JavaScript has other plans for', () => {
    const metadata = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>
    expect(contextJson({ metadata })).toContain('"metadata":{"__proto__":"x","constructor":"y"}')
  })
})

describe('the environment of a script', () => {
  test('has its variables in the order of Keptn', () => {
    const runtime = {
      parameters: { map: { user: 'myotheruser', other: 'data', data: 'myotherdata' } },
      secureParameters: { secret: 'mysecret' },
      cmdParameters: '-v',
    }
    expect(scriptEnvironment(aTask({ context: {} }), runtime, '/var/data/function.ts')).toEqual([
      { name: 'DATA', value: '{"data":"myotherdata","other":"data","user":"myotheruser"}' },
      { name: 'KEPTN_CONTEXT', value: contextJson({}) },
      { name: 'CMD_ARGS', value: '-v' },
      {
        name: 'SECURE_DATA',
        valueFrom: { secretKeyRef: { name: 'mysecret', key: 'SECURE_DATA' } },
      },
      { name: 'SCRIPT', value: '/var/data/function.ts' },
    ])
  })

  test.each([
    ['no parameters', undefined],
    ['an empty map', {}],
  ])('has neither DATA nor SECURE_DATA with %s and no Secret', (_, map) => {
    const runtime = { parameters: map === undefined ? {} : { map }, secureParameters: {} }
    const names = scriptEnvironment(aTask(), runtime, 'x').map(({ name }) => name)
    expect(names).toEqual(['KEPTN_CONTEXT', 'CMD_ARGS', 'SCRIPT'])
  })

  test('takes from the task the parameters that the definition does not have, and only these', () => {
    const task = aTask({ parameters: { map: { user: 'task', stage: 'dev' } } })
    const runtime = { parameters: { map: { user: 'definition' } } }
    expect(valueOf(scriptEnvironment(task, runtime, 'x'), 'DATA')).toBe(
      '{"stage":"dev","user":"definition"}',
    )
  })

  test.each([
    ['task', 'definition', 'task'],
    ['', 'definition', 'definition'],
    [undefined, 'definition', 'definition'],
    ['task', undefined, 'task'],
    [undefined, '', undefined],
  ])('takes the Secret of the task (%p) before that of the definition (%p)', (own, other, used) => {
    const holder = (secret: string | undefined) =>
      secret === undefined ? {} : { secureParameters: { secret } }
    expect(secretFor(aTask(holder(own)), holder(other))).toBe(used)
  })
})

describe('the results of others', () => {
  const context = { workloadName: 'shop-cart', appName: 'shop', metadata: { a: '1' } }

  test('stand at the end of the context, and nowhere where a task depends on none', () => {
    const plain = contextJson(context)
    expect(plain).not.toContain('results')
    const results = { build: { url: 'a<b', parts: [1, true] }, audit: 'ok' }
    expect(contextJson(context, results)).toBe(
      plain.slice(0, -1) +
        ',"results":{"audit":"ok","build":{"parts":[1,true],"url":"a\\u003cb"}}}',
    )
    expect(contextJson(context, {})).toBe(`${plain.slice(0, -1)},"results":{}}`)
  })

  test('reach the task as they are, whatever Kubernetes replaces in variables', () => {
    const results = { build: '$(DATA) costs $$5' }
    const value = contextJson({}, results)
    expect(value).not.toContain('$')
    expect(JSON.parse(value)).toMatchObject({ results })
  })

  test('are given to scripts and containers alike', () => {
    const task = aTask({ results: { build: 1 } })
    const variables = [scriptEnvironment(task, {}, 'x'), containerEnvironment(task, {})]
    for (const list of variables) {
      expect(valueOf(list, 'KEPTN_CONTEXT')).toMatch(/,"results":{"build":1}}$/)
    }
  })
})

describe('the environment of a container', () => {
  const context = { name: 'KEPTN_CONTEXT', value: contextJson({}) }

  test('is its own with the context at the end', () => {
    const env = [{ name: 'A', value: '1' }]
    expect(containerEnvironment(aTask({ context: {} }), { env })).toEqual([...env, context])
    expect(containerEnvironment(aTask({ context: {} }), {})).toEqual([context])
  })

  test('has the context where the container names it', () => {
    const env = [
      { name: 'KEPTN_CONTEXT', value: 'mine' },
      { name: 'A', value: '1' },
    ]
    expect(containerEnvironment(aTask({ context: {} }), { env })).toEqual([
      context,
      { name: 'A', value: '1' },
    ])
  })
})
