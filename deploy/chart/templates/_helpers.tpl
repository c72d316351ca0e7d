{{/* Names, as in deploy/rbac for a release called branchline. */}}
{{- define "branchline.agent" -}}
{{ .Release.Name }}-agent
{{- end }}

{{- define "branchline.uninstall" -}}
{{ .Release.Name }}-uninstall
{{- end }}

{{- define "branchline.controller" -}}
{{ .Release.Name }}-controller
{{- end }}

{{- define "branchline.selector" -}}
app.kubernetes.io/name: branchline
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: agent
{{- end }}

{{- define "branchline.controllerSelector" -}}
app.kubernetes.io/name: branchline
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "branchline.labels" -}}
app.kubernetes.io/name: branchline
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "branchline.image" -}}
{{- $repository := required "image.repository is missing: there is no published image; deploy/image says how to build one" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Our entry as JSON. What the agent would refuse at its start is refused here. */}}
{{- define "branchline.entry" -}}
{{- $entry := .Values.entry -}}
{{- if and (ne $entry.datapath "routed") (not (kindIs "slice" $entry.serviceCIDRs)) -}}
{{- fail (printf "entry.serviceCIDRs is missing: datapath %q needs the ranges of the cluster's Services, such as [\"172.20.0.0/16\"], or [] for none" $entry.datapath) -}}
{{- end -}}
{{- if and (ne $entry.datapath "routed") (eq (toString $entry.podSGEnforcingMode) "strict") -}}
{{- fail (printf "entry.podSGEnforcingMode \"strict\" is not possible with datapath %q: use \"standard\", or datapath \"routed\"" $entry.datapath) -}}
{{- end -}}
{{ toJson $entry }}
{{- end }}

{{/*
Objects of a file in deploy/rbac, with the release's names and namespace; settings stay in kube-system. Takes context, file,
name, annotations for each object, and accountAnnotations for the ServiceAccount.
*/}}
{{- define "branchline.rbac" -}}
{{- $root := .context }}
{{- range splitList "\n---\n" ($root.Files.Get (printf "files/rbac/%s.yaml" .file)) }}
{{- $object := fromYaml . }}
{{- $isOfSettings := hasSuffix "-settings" $object.metadata.name }}
{{- $source := printf "branchline-%s" $.file }}
{{- $_ := set $object.metadata "name" (replace $source $.name $object.metadata.name) }}
{{- if and $object.metadata.namespace (not $isOfSettings) }}
{{- $_ := set $object.metadata "namespace" $root.Release.Namespace }}
{{- end }}
{{- $_ := set $object.metadata "labels" (include "branchline.labels" $root | fromYaml) }}
{{- if $.annotations }}
{{- $_ := set $object.metadata "annotations" $.annotations }}
{{- end }}
{{- if and $.accountAnnotations (eq $object.kind "ServiceAccount") }}
{{- $_ := set $object.metadata "annotations" $.accountAnnotations }}
{{- end }}
{{- range $object.subjects }}
{{- $_ := set . "name" (replace $source $.name .name) }}
{{- $_ := set . "namespace" $root.Release.Namespace }}
{{- end }}
{{- if $object.roleRef }}
{{- $_ := set $object.roleRef "name" (replace $source $.name $object.roleRef.name) }}
{{- end }}
{{- range $object.rules }}
{{- if has "daemonsets" .resources }}
{{- $_ := set . "resourceNames" (list (include "branchline.agent" $root)) }}
{{- end }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
