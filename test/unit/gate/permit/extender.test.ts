import { describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { buildExtender } from '../../../../gate/permit/app.ts'
import { formatAnswer, parseQuestion, type Answer } from '../../../../gate/permit/extender.ts'

const body = {
  Pod: { metadata: { namespace: 'shop', name: 'web-1', uid: 'web-1-uid' }, spec: {} },
  Nodes: null,
  NodeNames: ['node-1', 'node-2'],
}

const post = (payload: unknown, ask: () => Answer = () => ({ passes: true })) =>
  buildExtender({ ask, log: pino({ level: 'silent' }) }).inject({
    method: 'POST',
    url: '/filter',
    headers: { 'content-type': 'application/json' },
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  })

describe('a question', () => {
  test('is read as a scheduler asks it', () => {
    expect(parseQuestion(body)).toEqual({
      pod: { namespace: 'shop', name: 'web-1', uid: 'web-1-uid' },
      nodeNames: ['node-1', 'node-2'],
    })
  })

  test.each([
    ['no object', 7],
    ['no pod', { ...body, Pod: null }],
    ['a pod without a UID', { ...body, Pod: { metadata: { namespace: 'shop', name: 'web-1' } } }],
    ['whole nodes', { ...body, NodeNames: null, Nodes: { items: [] } }],
    ['something else than names', { ...body, NodeNames: [1] }],
  ])('with %s is refused, so that nothing is let go', async (_, malformed) => {
    expect((await post(malformed)).statusCode).toBe(400)
  })

  test('that is not JSON is refused', async () => {
    expect((await post('{')).statusCode).toBe(400)
  })
})

describe('an answer', () => {
  const question = parseQuestion(body)

  test('that lets a pod go leaves the nodes as they were', () => {
    expect(formatAnswer(question, { passes: true })).toEqual({
      NodeNames: ['node-1', 'node-2'],
      FailedNodes: {},
    })
  })

  test('that holds it makes no room for it anywhere', () => {
    expect(formatAnswer(question, { passes: false, message: 'waits' })).toEqual({
      NodeNames: [],
      FailedAndUnresolvableNodes: { 'node-1': 'waits', 'node-2': 'waits' },
    })
  })

  test('is none when it can not be made', async () => {
    const response = await post(body, () => {
      throw new Error('broken')
    })
    expect(response.statusCode).toBe(500)
    expect(response.body).not.toContain('NodeNames')
  })
})
