{{/* What the pods of our processes have in common. `values`: of one process; `name`: its Deployment's. */}}

{{- define "gatekept.podSpec" -}}
serviceAccountName: {{ .name }}
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .values.hostNetwork }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
{{- with .values.priorityClassName | default (ternary "gatekept" "" .root.Values.priorityClass.create) }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- with .values.topologySpreadConstraints }}
  {{- toYaml . | nindent 2 }}
  {{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- toYaml .selector | nindent 8 }}
  {{- end }}
securityContext:
  runAsNonRoot: true
  {{- if not .root.Values.global.openShift.enabled }}
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "gatekept.container" -}}
name: {{ .name }}
image: {{ include "gatekept.image" (dict "root" .root "image" .values.image) }}
imagePullPolicy: {{ .values.image.imagePullPolicy | default .root.Values.global.imagePullPolicy | default "IfNotPresent" }}
livenessProbe:
  {{- toYaml .values.livenessProbe | nindent 2 }}
readinessProbe:
  {{- toYaml .values.readinessProbe | nindent 2 }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
securityContext:
  {{- toYaml .values.containerSecurityContext | nindent 2 }}
{{- end -}}

{{/* Small over fast: young garbage in few MiB (`youngMiB`, or 1) instead of 16, and free memory back to the system at once. */}}
{{- define "gatekept.environment" -}}
- name: NODE_OPTIONS
  value: --max-semi-space-size={{ .youngMiB | default 1 }} --v8-pool-size=1
- name: MALLOC_TRIM_THRESHOLD_
  value: '65536'
- name: MALLOC_ARENA_MAX
  value: '1'
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: LOG_LEVEL
  value: {{ .values.logLevel }}
{{- end -}}

{{- define "gatekept.podAnnotations" -}}
{{- with mergeOverwrite (dict) (.annotations | default dict) (.values.podAnnotations | default dict) (.root.Values.global.commonAnnotations | default dict) }}
annotations:
  {{- tpl (toYaml .) $.root | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Pods that run once, for Helm: where they may run, and as whom. */}}
{{- define "gatekept.onceInTheCluster" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.lifecycleOperator.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.lifecycleOperator.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- if not .Values.global.openShift.enabled }}
  runAsUser: 65532
  runAsGroup: 65532
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "gatekept.onceContainer" -}}
image: {{ include "gatekept.image" (dict "root" . "image" .Values.lifecycleOperator.image) }}
imagePullPolicy: {{ .Values.lifecycleOperator.image.imagePullPolicy | default .Values.global.imagePullPolicy | default "IfNotPresent" }}
env:
  - name: POD_NAMESPACE
    valueFrom:
      fieldRef:
        fieldPath: metadata.namespace
resources:
  requests: { cpu: 20m, memory: 96Mi }
  limits: { memory: 256Mi }
securityContext:
  {{- toYaml .Values.lifecycleOperator.containerSecurityContext | nindent 2 }}
{{- end -}}
