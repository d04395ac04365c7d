{{- define "taskdesk.name" -}}
{{- if contains "taskdesk" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-taskdesk" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* The labels of a part. Arguments: the root, the part. */}}
{{- define "taskdesk.selector" -}}
app.kubernetes.io/name: taskdesk
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "taskdesk.labels" -}}
{{ include "taskdesk.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* A name with a registry or a tag stays as it is. Arguments: the root, the image. */}}
{{- define "taskdesk.image" -}}
{{- $images := .root.Values.images -}}
{{- $name := .image -}}
{{- if and $images.registry (not (contains "/" $name)) }}{{ $name = printf "%s/%s" $images.registry $name }}{{ end -}}
{{- if contains ":" (last (splitList "/" $name)) }}{{ $name }}{{ else }}{{ $name }}:{{ $images.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* The queues of all groups, separated by commas. */}}
{{- define "taskdesk.queues" -}}
{{- $queues := list -}}
{{- range .Values.workers }}{{ $queues = concat $queues .queues }}{{ end -}}
{{- $queues | uniq | join "," -}}
{{- end }}

{{- define "taskdesk.pod" -}}
automountServiceAccountToken: false
{{- with .root.Values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
shareProcessNamespace: true # its first process removes what ended processes of jobs leave
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid | default 10001 }}
  runAsGroup: {{ .uid | default 10001 }}
  fsGroup: {{ .uid | default 10001 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "taskdesk.container" -}}
image: {{ include "taskdesk.image" . | quote }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* Settings, then the part's own, then secrets by reference. Arguments: root, own (a map), env (a map), secrets. */}}
{{- define "taskdesk.env" -}}
{{- range $name, $value := merge (dict) .env .own .root.Values.settings (dict "HOME" "/tmp" "DATA_DIR" "/data") }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- $root := .root }}
{{- range $name, $optional := merge (dict "AWS_ACCESS_KEY_ID" true "AWS_SECRET_ACCESS_KEY" true) .secrets }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: { name: {{ $root.Values.secretName }}, key: {{ $name }}, optional: {{ $optional }} }
{{- end }}
{{- end }}

{{- define "taskdesk.volumes" -}}
- name: tmp
  emptyDir: { sizeLimit: {{ .tmp }} }
{{- if .data }}
- name: data
{{- if .root.Values.data.enabled }}
  persistentVolumeClaim: { claimName: {{ .root.Values.data.existingClaim | default (printf "%s-data" (include "taskdesk.name" .root)) }} }
{{- else }}
  emptyDir: {}
{{- end }}
{{- end }}
{{- end }}

{{/* /healthz, not /readyz: while Redis is full or away, the pages say so, and a restart would help nobody. */}}
{{- define "taskdesk.probes" -}}
startupProbe:
  httpGet: &healthz { path: /healthz, port: http, httpHeaders: [{ name: Host, value: localhost }] }
  periodSeconds: 2
  failureThreshold: 30
readinessProbe:
  httpGet: *healthz
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  httpGet: *healthz
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}
