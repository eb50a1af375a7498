{{/* The version of the kube-scheduler, as v1.26.15: the one that is said, or else the cluster's. */}}
{{- define "gatekept.schedulerVersion" -}}
{{- $said := .Values.permit.scheduler.image.tag | toString -}}
{{- $isKnown := not (empty (lookup "v1" "Namespace" "" "kube-system")) -}}
{{- if $said -}}
{{ $said }}
{{- else if $isKnown -}}
{{ regexFind "^v[0-9]+[.][0-9]+[.][0-9]+" .Capabilities.KubeVersion.Version }}
{{- else -}}
{{ fail "permit.scheduler.image.tag: say the version of the cluster (v1.26.15), which a chart that is rendered without one does not know" }}
{{- end -}}
{{- end -}}

{{/* A kube-scheduler for held pods alone. It asks the permit beside it before it gives a pod a node. */}}
{{- define "gatekept.schedulerConfiguration" -}}
# Before 1.25 this format has another version.
apiVersion: kubescheduler.config.k8s.io/{{ ternary "v1beta2" "v1" (semverCompare "<1.25.0-0" (include "gatekept.schedulerVersion" .)) }}
kind: KubeSchedulerConfiguration
leaderElection:
  leaderElect: true
  resourceNamespace: {{ .Release.Namespace }}
  resourceName: {{ include "gatekept.names.permitScheduler" . }}
profiles:
  - schedulerName: {{ include "gatekept.names.permitScheduler" . }}
# Extenders can't be limited to a profile, so this is a process of its own, and the cluster's scheduler is left as it is.
extenders:
  - urlPrefix: http://127.0.0.1:9700
    filterVerb: filter
    # Names of nodes instead of all that is known of them.
    nodeCacheCapable: true
    # Without an answer no pod gets a node.
    ignorable: false
    httpTimeout: 2s
    weight: 1
{{- end -}}
