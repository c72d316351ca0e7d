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
{{- range $key := list "serviceCIDRs" "hostRoutes" -}}
{{- range get $entry $key | default list -}}
{{- if include "branchline.hasHostBits" . -}}
{{- fail (printf "entry.%s has %q, whose address is not the first of its network: it would be refused by every agent" $key .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ toJson $entry }}
{{- end }}

{{/* Something if an IPv4 network's address is not its first. The schema knows the rest; IPv6 is left to the agent. */}}
{{- define "branchline.hasHostBits" -}}
{{- if not (contains ":" .) -}}
{{- $address := 0 -}}
{{- range splitList "." (dir .) -}}
{{- $address = add (mul $address 256) (atoi .) -}}
{{- end -}}
{{- $size := 1 -}}
{{- range until (sub 32 (atoi (base .)) | int) -}}
{{- $size = mul $size 2 -}}
{{- end -}}
{{- if mod $address $size -}}yes{{- end -}}
{{- end -}}
{{- end }}

{{/* What says that AWS's controller is at work, EKS's or one that somebody runs, as far as helm can know; nothing otherwise. */}}
{{- define "branchline.awsController" -}}
{{- if contains "-eks-" .Capabilities.KubeVersion.Version -}}
the API server's version is {{ .Capabilities.KubeVersion.Version }}
{{- else -}}
{{- $found := list -}}
{{- range (lookup "admissionregistration.k8s.io/v1" "MutatingWebhookConfiguration" "" "").items -}}
{{- $name := .metadata.name -}}
{{- range .webhooks -}}
{{- if eq .name "mpod.vpc.k8s.aws" -}}
{{- $found = append $found (printf "there is its webhook, in the MutatingWebhookConfiguration %s" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $found }}{{ first . }}{{ end -}}
{{- end -}}
{{- end }}

{{/* Something if only the node itself reaches an ADDRESS:PORT. */}}
{{- define "branchline.isLoopback" -}}
{{- if regexMatch "^(127\\.|localhost:|\\[::1\\])" . -}}yes{{- end -}}
{{- end }}

{{/* A name of deploy/rbac, as this release has it. */}}
{{- define "branchline.of" -}}
{{ .context.Release.Name }}{{ trimPrefix "branchline" .name }}
{{- end }}

{{/*
Objects of a file in deploy/rbac, with the release's names and namespace; settings stay in kube-system. Takes context, file,
annotations for each object, and accountAnnotations for the ServiceAccount.
*/}}
{{- define "branchline.rbac" -}}
{{- $root := .context }}
{{- range splitList "\n---\n" ($root.Files.Get (printf "files/rbac/%s.yaml" .file)) }}
{{- $object := fromYaml . }}
{{- $isOfSettings := hasSuffix "-settings" $object.metadata.name }}
{{- $_ := set $object.metadata "name" (include "branchline.of" (dict "context" $root "name" $object.metadata.name)) }}
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
{{- $_ := set . "name" (include "branchline.of" (dict "context" $root "name" .name)) }}
{{- $_ := set . "namespace" $root.Release.Namespace }}
{{- end }}
{{- if $object.roleRef }}
{{- $_ := set $object.roleRef "name" (include "branchline.of" (dict "context" $root "name" $object.roleRef.name)) }}
{{- end }}
{{- range $object.rules }}
{{- if has "branchline-agent" .resourceNames }}
{{- $_ := set . "resourceNames" (prepend (without .resourceNames "branchline-agent") (include "branchline.agent" $root)) }}
{{- end }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}

{{/* Namespaces in which there can be no SecurityGroupPolicy: our own, and those that the agents' entry exempts. */}}
{{- define "branchline.exemptNamespaces" -}}
{{- concat (list .Release.Namespace) (default list .Values.entry.exemptNamespaces) | uniq | toJson -}}
{{- end }}

{{/*
Objects of a file in deploy/admission, for the release's accounts and namespaces. Their own names stay: they are for the
whole cluster, and a second release of it is refused by them. Takes context and path.
*/}}
{{- define "branchline.admission" -}}
{{- $root := .context }}
{{- $text := $root.Files.Get .path | replace "system:serviceaccount:kube-system:branchline-" (printf "system:serviceaccount:%s:%s-" $root.Release.Namespace $root.Release.Name) }}
{{- range splitList "\n---\n" $text }}
{{- $object := fromYaml . }}
{{- $_ := set $object.metadata "labels" (include "branchline.labels" $root | fromYaml) }}
{{- if $object.metadata.namespace }}
{{- $_ := set $object.metadata "namespace" $root.Release.Namespace }}
{{- end }}
{{- $selector := dig "spec" "matchConstraints" "namespaceSelector" dict $object }}
{{- range $selector.matchExpressions }}
{{- $_ := set . "values" (include "branchline.exemptNamespaces" $root | fromJsonArray) }}
{{- end }}
{{- range $object.webhooks }}
{{- $_ := set .clientConfig.service "namespace" $root.Release.Namespace }}
{{- range .namespaceSelector.matchExpressions }}
{{- $_ := set . "values" (list $root.Release.Namespace) }}
{{- end }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}

{{/* What the alerts and the dashboard know a target by: its job, and its node. */}}
{{- define "branchline.target" -}}
- targetLabel: job
  replacement: {{ . }}
- sourceLabels: [__meta_kubernetes_pod_node_name]
  targetLabel: node
{{- end }}
