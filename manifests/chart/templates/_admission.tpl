{{/* Which namespaces are ours to look at, and who adds the gate. */}}

{{/* "true" where the API server takes a kind of admission policy. A chart that is rendered without a cluster does not know. */}}
{{- define "gatekept.hasPolicies" -}}
{{- $isKnown := not (empty (lookup "v1" "Namespace" "" "kube-system")) -}}
{{- $isServed := .root.Capabilities.APIVersions.Has (printf "admissionregistration.k8s.io/v1/%s" .kind) -}}
{{- if and $isKnown $isServed }}true{{ end -}}
{{- end -}}

{{/* Who adds the gate: `policy` or `webhook`. */}}
{{- define "gatekept.admissionMode" -}}
{{- if eq .Values.webhook.holding "permit" -}}
webhook
{{- else if ne .Values.admission "auto" -}}
{{ .Values.admission }}
{{- else if include "gatekept.hasPolicies" (dict "root" . "kind" "MutatingAdmissionPolicy") -}}
policy
{{- else -}}
webhook
{{- end -}}
{{- end -}}

{{/* "true" where the guard's policies are installed. */}}
{{- define "gatekept.isGuarded" -}}
{{- if eq .Values.webhook.holding "permit" -}}
{{- else if eq .Values.guard.enabled "always" -}}
true
{{- else if eq .Values.guard.enabled "auto" -}}
{{- include "gatekept.hasPolicies" (dict "root" . "kind" "ValidatingAdmissionPolicy") -}}
{{- end -}}
{{- end -}}

{{/* Namespaces that can't opt in, whatever they say: the cluster's, our own, and those that are denied. */}}
{{- define "gatekept.exemptNamespaces" -}}
{{- $exempt := append (splitList " " (include "gatekept.names.systemNamespaces" .)) .Release.Namespace -}}
{{- if not .Values.lifecycleOperator.allowedNamespaces -}}
{{- $exempt = concat $exempt .Values.lifecycleOperator.deniedNamespaces -}}
{{- end -}}
{{- join "," (uniq $exempt) -}}
{{- end -}}

{{/* Namespaces that may opt in, by name. */}}
{{- define "gatekept.eligibleNamespaces" -}}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values: [{{ include "gatekept.exemptNamespaces" . | replace "," ", " }}]
{{- with .Values.lifecycleOperator.allowedNamespaces }}
- key: kubernetes.io/metadata.name
  operator: In
  values: [{{ join ", " . }}]
{{- end }}
{{- end -}}

{{/* A selector of the namespaces that have opted in. */}}
{{- define "gatekept.managedNamespaces" -}}
matchLabels:
  {{ include "gatekept.names.optIn" . }}: enabled
matchExpressions:
  {{- include "gatekept.eligibleNamespaces" . | nindent 2 }}
{{- end -}}

{{/* The same scope, for our processes. */}}
{{- define "gatekept.scope" -}}
- name: DENIED_NAMESPACES
  value: {{ ternary "" (join "," .Values.lifecycleOperator.deniedNamespaces) (not (empty .Values.lifecycleOperator.allowedNamespaces)) | quote }}
- name: ALLOWED_NAMESPACES
  value: {{ join "," .Values.lifecycleOperator.allowedNamespaces | quote }}
{{- end -}}

{{/* What takes the place of our own certificates: "true" where cert-manager writes Secret and bundles. */}}
{{- define "gatekept.injection" -}}
{{- if .Values.global.certManagerEnabled -}}
keptn.sh/inject-cert: 'true'
{{- end -}}
{{- end -}}
