import { describe, expect, test } from '@jest/globals'
import type { Container } from '../../../api/kubernetes.ts'
import {
  hashOfTemplate,
  parseImage,
  versionOfImage,
  versionOfTemplate,
} from '../../../identity/version.ts'

const hex = '0123456789abcdef'.repeat(4)
const template = (...containers: Container[]) => ({ spec: { containers } })

describe('the version that an image names', () => {
  test.each([
    ['my-image:1.0.0', '1.0.0'],
    ['localhost:5000/node-web-app:1.0.0', '1.0.0'],
    ['localhost:5000/node-web-app', undefined],
    ['localhost:5000/team/app:v2_1-rc.1', 'v2_1-rc.1'],
    ['my-image', undefined],
    ['my-image:', undefined],
    ['my-image:latest', undefined],
    ['', undefined],
    [':', undefined],
    ['@', undefined],
    [':1', '1'],
    [`my-image@sha256:${hex}`, '0123456789ab'],
    [`my-image:1.0.0@sha256:${hex}`, '1.0.0'],
    [`my-image:latest@sha256:${hex}`, '0123456789ab'],
    [`localhost:5000/my-image@sha256:${hex}`, '0123456789ab'],
    [`my-image@sha512:${hex}${hex}`, '0123456789ab'],
    ['my-image@sha256:abc', undefined],
    ['my-image@sha256', undefined],
    [`my-image:${'t'.repeat(128)}`, 't'.repeat(128)],
    [`my-image:${'t'.repeat(129)}`, undefined],
    ['my-image:.hidden', undefined],
    ['my-image:eins zwei', undefined],
    ['my-image:日本', undefined],
    ['a:1:2', undefined],
    ['[::1]:5000/app:2', '2'],
  ])('%s: %s', (image, expected) => {
    expect(versionOfImage(image)).toBe(expected)
  })

  test('a reference in all its parts', () => {
    expect(parseImage(`reg.example.org:5000/team/app:1.2@sha256:${hex}`)).toEqual({
      repository: 'reg.example.org:5000/team/app',
      tag: '1.2',
      digest: `sha256:${hex}`,
    })
  })
})

describe('the version of a template', () => {
  const app: Container = { name: 'app', image: 'reg:5000/app:1.2' }
  const side: Container = { name: 'side', image: 'mesh:9' }
  test('the tag of the only container', () => {
    expect(versionOfTemplate(template(app))).toBe('1.2')
  })
  test('of several containers the hash', () => {
    expect(versionOfTemplate(template(app, side))).toBe(hashOfTemplate(template(app, side)))
  })
  test('the tag of the container asked for', () => {
    expect(versionOfTemplate(template(side, app), 'app')).toBe('1.2')
  })
  test('the hash where the container asked for has no tag', () => {
    const bare: Container = { name: 'app', image: 'app:latest' }
    expect(versionOfTemplate(template(bare, side), 'app')).toMatch(/^\d+$/)
    expect(versionOfTemplate(template(bare, side), 'app')).toBe(
      hashOfTemplate(template(bare, side)),
    )
  })
  test('the hash where nobody has the name asked for', () => {
    expect(versionOfTemplate(template(app), 'typo')).toBe(hashOfTemplate(template(app)))
  })
  test('a template without containers still has one', () => {
    expect(versionOfTemplate(template())).toBe('2166136261')
  })
})

describe("Keptn's hash", () => {
  test('of names, images and environment in their order', () => {
    const containers: Container[] = [
      { name: '', image: 'ciao' },
      { name: '', image: 'peppe', env: [{ name: 'test', value: '12' }] },
    ]
    expect(hashOfTemplate(template(...containers))).toBe('1253120182')
  })
  test('a value from elsewhere counts by its name alone', () => {
    const from = template({
      name: 'a',
      env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
    })
    expect(hashOfTemplate(from)).toBe(hashOfTemplate(template({ name: 'a', env: [{ name: 'X' }] })))
  })
})
