{{/* Values of Keptn's documentation and of older charts that would change nothing here, and what would hold pods for ever: each is refused with what
     to use instead. */}}
{{- define "gatekept.refuse" -}}
{{- if hasKey .Values "certificateManager" }}
{{- fail "certificateManager: there is no such process; global.certManagerEnabled says whether Gatekept makes its own certificates" }}
{{- end }}
{{- if hasKey .Values.global "certManager" }}
{{- fail "global.certManager: the value is called global.certManagerEnabled" }}
{{- end }}
{{- if hasKey .Values.lifecycleOperator "lifecycleOperator" }}
{{- fail "lifecycleOperator.lifecycleOperator: as in Keptn since 2.4.0, these values stand under lifecycleOperator itself" }}
{{- end }}
{{- if hasKey .Values.lifecycleOperator "scheduler" }}
{{- fail "lifecycleOperator.scheduler: pods are held by a scheduling gate, without a scheduler of our own; leave it out (docs/permit.md tells of clusters before 1.27)" }}
{{- end }}
{{- if and (eq .Values.webhook.holding "gate") (semverCompare "<1.27.0-0" .Capabilities.KubeVersion.Version) }}
{{- fail (printf "webhook.holding: Kubernetes %s drops scheduling gates silently, so that no pod would be held; upgrade to 1.27 or newer, or set webhook.holding: permit and permit.enabled: true (docs/permit.md)" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- if and (eq .Values.webhook.holding "permit") (not .Values.permit.enabled) }}
{{- fail "webhook.holding: permit gives pods to a scheduler that would not be there; set permit.enabled: true as well (docs/permit.md)" }}
{{- end }}
{{- end -}}
