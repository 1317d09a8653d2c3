// For those who build their monitoring with jsonnet (0.18 and later) as a mixin:
//   local faultline = import 'faultline/deploy/mixin.libsonnet';
{
  prometheusAlerts+:: std.parseYaml(importstr 'prometheus/rules/faultline.yml'),
  prometheusRules+:: { groups+: [] },
  grafanaDashboards+:: {
    'faultline-fleet.json': import 'grafana/dashboards/faultline-fleet.json',
    'faultline-model.json': import 'grafana/dashboards/faultline-model.json',
    'faultline-incident.json': import 'grafana/dashboards/faultline-incident.json',
    'faultline-daemon.json': import 'grafana/dashboards/faultline-daemon.json',
  },
}
