import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inCluster, tokenFile } from '../../../kube/connection.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'service-account-'))
  writeFileSync(join(folder, 'ca.crt'), 'authority')
  writeFileSync(join(folder, 'token'), 'first\n')
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

test('a pod finds the API server and its credentials', async () => {
  const environment = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '6443' }
  const { server, ca, token } = inCluster(environment, folder)
  expect(server.href).toBe('https://10.0.0.1:6443/')
  expect(ca).toBe('authority')
  expect(await token?.()).toBe('first')
})

test('an address of IP version 6 is written in brackets', () => {
  const { server } = inCluster({ KUBERNETES_SERVICE_HOST: 'fd00::1' }, folder)
  expect(server.href).toBe('https://[fd00::1]/')
})

test('outside of a pod it says so', () => {
  expect(() => inCluster({}, folder)).toThrow('KUBERNETES_SERVICE_HOST is not set')
})

test('a token is read again after a minute, or when it was refused', async () => {
  let now = 0
  const token = tokenFile(join(folder, 'token'), () => now)
  expect(await token()).toBe('first')
  writeFileSync(join(folder, 'token'), 'second')
  now = 59_999
  expect(await token()).toBe('first')
  now = 60_000
  expect(await token()).toBe('second')
  writeFileSync(join(folder, 'token'), 'third')
  expect(await token()).toBe('second')
  expect(await token(true)).toBe('third')
})
