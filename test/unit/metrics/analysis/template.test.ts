import { expect, test } from '@jest/globals'
import { fill } from '../../../../metrics/analysis/template.ts'

const args = { ns: 'shop', 'with-dash': 'a b', größe: '7', empty: '', braces: '{{.ns}}' }

test.each([
  ['up', 'up'],
  ['', ''],
  ['sum(up{namespace="{{.ns}}"})', 'sum(up{namespace="shop"})'],
  ['{{.ns}}{{.ns}}', 'shopshop'],
  ['{{ .ns }} } {{\t.größe\n}}', 'shop } 7'],
  ['{{index . "with-dash"}}', 'a b'],
  ['{{ index . `with-dash` }}', 'a b'],
  ['a {{- .ns -}} b', 'ashopb'],
  ['a {{.ns -}} \n b', 'a shopb'],
  ['a\n {{- .ns}} b', 'ashop b'],
  ['a {{/* why */}}b', 'a b'],
  ['a {{- /* why */ -}} b', 'ab'],
  ['{{"{{"}} {{`}}`}} {{"\\u0041"}}', '{{ }} A'],
  // Nothing in an argument is read again, nor trimmed.
  ['{{.braces}}', '{{.ns}}'],
  ['{{index . "with-dash" -}}  c', 'a bc'],
  ['x{{.empty}}y', 'xy'],
  ['rate(a[5m]) > {b}', 'rate(a[5m]) > {b}'],
])('%s becomes %s', (template, query) => {
  expect(fill(template, args)).toEqual({ kind: 'filled', query })
})

test.each([
  ['{{.nope}} {{.other}} {{.nope}}', ['nope', 'other']],
  ['{{index . "no-such"}}', ['no-such']],
  // What every object has is no argument.
  ['{{.constructor}}', ['constructor']],
])('%s misses %j', (template, names) => {
  expect(fill(template, args)).toEqual({ kind: 'missing', names })
})

test.each([
  ['{{if .ns}}a{{end}}', '{{if .ns}}'],
  ['{{.ns | printf "%s"}}', '{{.ns | printf "%s"}}'],
  ['{{ns}}', '{{ns}}'],
  ['{{.a.b}}', '{{.a.b}}'],
  ['{{.}}', '{{.}}'],
  ['{{}}', '{{}}'],
  ['a {{.ns', '{{.ns'],
  ['{{.ns -}} {{- if}}', '{{- if}}'],
  ['{{-.ns}}', '{{-.ns}}'],
  ['{{.ns-}}', '{{.ns-}}'],
  ['{{"\\x41"}}', '{{"\\x41"}}'],
  ['{{index .ns "a"}}', '{{index .ns "a"}}'],
])('%s cannot be read', (template, place) => {
  expect(fill(template, args)).toEqual({ kind: 'unreadable', place })
})
