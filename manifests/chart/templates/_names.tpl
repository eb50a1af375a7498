{{/* What objects are called and labelled, and which image a container runs. */}}

{{- define "gatekept.labels" -}}
app.kubernetes.io/part-of: keptn
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.global.commonLabels }}
{{ tpl (toYaml .) $.root }}
{{- end }}
{{- end -}}

{{/* name and labels of an object without a namespace; `object`: its name where that isn't the program's. */}}
{{- define "gatekept.metadata" -}}
name: {{ .object | default .name }}
labels:
  {{- include "gatekept.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with (mergeOverwrite (dict) (.root.Values.global.commonAnnotations | default dict) (.annotations | default dict)) }}
annotations:
  {{- tpl (toYaml .) $.root | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The same of an object in our namespace; `namespace`: where it is in another. */}}
{{- define "gatekept.ownMetadata" -}}
namespace: {{ .namespace | default .root.Release.Namespace }}
{{ include "gatekept.metadata" . }}
{{- end -}}

{{/* `image`: registry, repository, tag and digest, of which the registry may be everybody's and the tag the chart's. */}}
{{- define "gatekept.image" -}}
{{- $registry := .image.registry | default .root.Values.global.imageRegistry -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{- .image.repository -}}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* A list of RBAC rules, a binding or a selector says whose it is. */}}
{{- define "gatekept.subject" -}}
- kind: ServiceAccount
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{- define "gatekept.username" -}}
system:serviceaccount:{{ .root.Release.Namespace }}:{{ .name }}
{{- end -}}
