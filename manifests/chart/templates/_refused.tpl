{{/* Values of Keptn's documentation and of older charts that would change nothing here: each is refused with what to use instead. */}}
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
{{- end -}}
