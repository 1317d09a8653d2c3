#!/usr/bin/env python3
"""Makes dashboards/*.json for Grafana (10 and later) out of the tables below.

  deploy/grafana/make.py           writes them
  deploy/grafana/make.py --check   prints what would change, and fails if anything would

Every query uses only series of docs/metrics.md; a test runs each of them against a Prometheus that
scrapes a daemon.
"""
import json
import pathlib
import sys

from blocks import (ALARM, MUTED, PLAIN, QUIET, SOURCE, UNSURE, dashboard, lines, query, row,
                    stat, steps, table, text, timeline, variable)

FOLDER = pathlib.Path(__file__).resolve().parent / "dashboards"

# Selectors: of daemons, of one model, of one signal.
DAEMON = 'job=~"$job", instance=~"$instance"'
MODEL = DAEMON + ', model=~"$model", version=~"$version"'
SIGNAL = MODEL + ', signal=~"$signal"'
DETECTOR = SIGNAL + ', detector=~"$detector"'

VARIABLES = [
    {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"},
    variable("job", "Job", "faultline_watchdog", "job"),
    variable("instance", "Daemon", 'faultline_watchdog{job=~"$job"}', "instance"),
]
MODEL_VARIABLES = VARIABLES + [
    variable("model", "Model", f"faultline_inferences_total{{{DAEMON}}}", "model", many=False),
    variable("version", "Version",
             f'faultline_inferences_total{{{DAEMON}, model=~"$model"}}', "version"),
]
SIGNAL_VARIABLES = MODEL_VARIABLES + [
    variable("signal", "Signal", f"faultline_detector_score_ratio{{{MODEL}}}", "signal"),
    variable("detector", "Detector", f"faultline_detector_score_ratio{{{SIGNAL}}}", "detector"),
]
REPORTS = {"type": "textbox", "name": "reports", "label": "Reports at",
           "query": "http://127.0.0.1:7072",
           "current": {"text": "http://127.0.0.1:7072", "value": "http://127.0.0.1:7072"}}

DEPLOYS = {"name": "Deploys", "enable": True, "datasource": SOURCE, "iconColor": PLAIN,
           "expr": f"changes(faultline_model_deploy_timestamp_seconds{{{MODEL}}}[$__interval]) > 0",
           "titleFormat": "{{model}} {{version}} deployed", "useValueForTime": False}


RED_ABOVE_ZERO = steps((None, QUIET), (1, ALARM))
TO_MODEL = "/d/faultline-model?var-model=${__value.raw}&${__url_time_range}"


def fleet():
    per_model = "sum by (model, version)"
    return dashboard(
        "faultline-fleet", "Faultline / Fleet", "All models of all daemons, and which need attention.",
        VARIABLES, [
            stat("Open incidents", "Incidents that are not resolved.",
                 f"sum(faultline_incidents_open{{{DAEMON}}})", thresholds=RED_ABOVE_ZERO),
            stat("Alerts firing", "One per signal and detector, without silenced ones.",
                 f"sum(faultline_alerts_firing{{{DAEMON}}})", thresholds=RED_ABOVE_ZERO),
            stat("Models", "Models and versions that are monitored.",
                 f"sum(faultline_models{{{DAEMON}}})", graph=False),
            stat("Signals that cannot be judged",
                 "They lack rows, a reference or a threshold; see faultline status.",
                 f'sum(faultline_model_signals{{{DAEMON}, state="cannot_tell"}})'
                 f" / sum(faultline_model_signals{{{DAEMON}}})", "percentunit",
                 steps((None, QUIET), (0.5, UNSURE))),
            stat("Inferences", "Counted into panes.",
                 f"sum(rate(faultline_inferences_total{{{DAEMON}}}[$__rate_interval]))", "reqps"),
            stat("Daemons", "Daemons that answer scrapes.",
                 f"count(faultline_watchdog{{{DAEMON}}})", graph=False),
            table("Models, worst first",
                  "The highest score over threshold of each model; 1 and above is an alarm.", [
                      query(f"max by (model, version) "
                            f"(faultline_model_drift_score_ratio_max{{{DAEMON}}})", instant=True),
                      query(f"{per_model} (faultline_incidents_open{{{DAEMON}}})", instant=True),
                      query(f"{per_model} (faultline_alerts_firing{{{DAEMON}}})", instant=True),
                      query(f'{per_model} (faultline_model_signals{{{DAEMON}, '
                            f'state="cannot_tell"}})', instant=True),
                      query(f"{per_model} (rate(faultline_inferences_total{{{DAEMON}}}[5m]))",
                            instant=True),
                  ], ["model", "version", ("A", "score / threshold", "none"),
                      ("B", "open incidents", "none"), ("C", "alerts firing", "none"),
                      ("D", "signals not judged", "none"), ("E", "inferences/s", "reqps")],
                  links=("model", "Show this model", TO_MODEL), sort="score / threshold"),
            lines("Worst score over threshold, by model", "1 and above is an alarm.",
                  [query(f"topk(10, max by (model, version) "
                         f"(faultline_model_drift_score_ratio_max{{{DAEMON}}}))",
                         "{{model}} {{version}}")], "none", limit=1, low=0),
            lines("Alerts firing, by concern", "What kind of failure it is.",
                  [query(f"sum by (concern) (faultline_alert_active{{{DAEMON}}})", "{{concern}}")],
                  stack=True, low=0),
            lines("Incidents opened", "Per hour, over the last hour.",
                  [query(f"{per_model} (increase(faultline_incidents_total{{{DAEMON}}}[1h]))",
                         "{{model}} {{version}}")], low=0),
            lines("Inferences, by model", "Counted into panes.",
                  [query(f"topk(10, {per_model} "
                         f"(rate(faultline_inferences_total{{{DAEMON}}}[$__rate_interval])))",
                         "{{model}} {{version}}")], "reqps", low=0),
        ])


def model():
    quality = [("missing", "faultline_signal_missing_ratio", "Rows without a value."),
               ("outside the reference's range", "faultline_signal_out_of_range_ratio",
                "Values outside the range of the reference."),
               ("new categories", "faultline_signal_new_category_ratio",
                "Values of categories that the reference does not have.")]
    return dashboard(
        "faultline-model", "Faultline / Model",
        "One model: its signals, and whether they can be judged.",
        MODEL_VARIABLES + [REPORTS], [
            stat("Open incidents", "Incidents that are not resolved.",
                 f"sum(faultline_incidents_open{{{MODEL}}})", thresholds=RED_ABOVE_ZERO),
            stat("Alerts firing", "One per signal and detector, without silenced ones.",
                 f"sum(faultline_alerts_firing{{{MODEL}}})", thresholds=RED_ABOVE_ZERO),
            stat("Silenced", "Whether a silence covers the model.",
                 f"max(faultline_model_silenced{{{MODEL}}})", graph=False,
                 thresholds=steps((None, QUIET), (1, UNSURE)),
                 mappings=[{"type": "value", "options": {"0": {"text": "no"},
                                                         "1": {"text": "yes"}}}]),
            stat("Newest event", "Age of the newest event, by event time.",
                 f"time() - max(faultline_last_event_timestamp_seconds{{{MODEL}}})", "s",
                 steps((None, QUIET), (900, UNSURE)), graph=False),
            stat("Inferences", "Counted into panes.",
                 f"sum(rate(faultline_inferences_total{{{MODEL}}}[$__rate_interval]))", "reqps"),
            stat("Reference learnt", "Share of the reference learnt so far; empty once it is complete.",
                 f"min(faultline_reference_learning_ratio{{{DAEMON}}})", "percentunit",
                 graph=False),
            text("Incidents with their evidence: [${reports}/incidents?model=${model}]"
                 "(${reports}/incidents?model=${model}) · `faultline incidents list --model "
                 "${model}` · `faultline status ${model}`", height=2),
            lines("Worst score over threshold, by detector", "1 and above is an alarm.",
                  [query(f"max by (detector) (faultline_model_drift_score_ratio_max{{{MODEL}}})",
                         "{{detector}}")], "none", limit=1, low=0),
            lines("Signals, by state", "The three possible verdicts.",
                  [query(f"sum by (state) (faultline_model_signals{{{MODEL}}})", "{{state}}")],
                  stack=True, low=0,
                  colours={"quiet": QUIET, "alarm": ALARM, "cannot_tell": UNSURE}),
            table("Firing now", "Firing alerts that are not silenced.",
                  [query(f"faultline_alert_active{{{MODEL}}}", instant=True)],
                  ["signal", "detector", "severity", "concern", "role", "unbudgeted"], width=12,
                  links=("signal", "Show this signal",
                         "/d/faultline-incident?var-model=${model}&var-signal=${__value.raw}"
                         "&${__url_time_range}")),
            lines("Signals over their threshold, by detector", "Whether shown on this page or not.",
                  [query(f"sum by (detector) (faultline_model_drifted_signals{{{MODEL}}})",
                         "{{detector}}")], low=0, height=9),
            lines("Alarm budget",
                  "False alarms granted so far, an upper bound on the expected number, and "
                  "the alarms of budgeted detectors, true and false.", [
                      query(f"sum(faultline_alarm_budget_deposited_ratio{{{MODEL}}})",
                            "false alarms granted"),
                      query(f"sum(faultline_alarm_budget_alarms_total{{{MODEL}}})", "alarms")],
                  "short", width=24, low=0),
            row("Worst signals"),
            lines("Score over threshold, worst ten", "1 and above is an alarm.",
                  [query(f"topk(10, max by (signal, detector) "
                         f"(faultline_detector_score_ratio{{{MODEL}}}))",
                         "{{signal}} · {{detector}}")], "none", width=24, height=9, limit=1, low=0),
            row("Quality"),
        ] + [
            lines(f"Share of rows: {name}", about + " The worst ten.",
                  [query(f"topk(10, max by (signal) ({metric}{{{MODEL}}}))", "{{signal}}")],
                  "percentunit", width=8, low=0)
            for name, metric, about in quality
        ] + [
            row("Traffic"),
            lines("Inferences", "Counted into panes.",
                  [query(f"sum by (version) "
                         f"(rate(faultline_inferences_total{{{MODEL}}}[$__rate_interval]))",
                         "{{version}}")], "reqps", width=8, low=0),
            lines("Rows that were not judged",
                  "Late: older than the open panes. Rejected: reported to the sender. Dropped: by "
                  "the sender itself.", [
                      query(f"sum(rate(faultline_model_late_rows_total{{{MODEL}}}"
                            f"[$__rate_interval]))", "late"),
                      query(f"sum(rate(faultline_model_rejected_rows_total{{{MODEL}}}"
                            f"[$__rate_interval]))", "rejected"),
                      query(f"sum(rate(faultline_client_dropped_total{{{MODEL}}}"
                            f"[$__rate_interval]))", "dropped by senders")], "rowsps", width=8,
                  low=0),
            lines("Panes closed", "Each one is judged once.",
                  [query(f"sum(rate(faultline_panes_closed_total{{{MODEL}}}[$__rate_interval]))",
                         "panes")], "ops", width=8, low=0),
            table("Owner", "Labels of the owner, from the configuration.",
                  [query(f"faultline_model_labels_info{{{MODEL}}}", instant=True)],
                  ["model", "version", "label_team", "instance"], width=12, height=5),
            stat("Signals without series of their own",
                 "metrics: {signals_top, signals_always} selects which have them.",
                 f"sum(faultline_signals_hidden{{{MODEL}}})", width=6, graph=False),
            stat("Alerts silenced", "Firing alerts that are silenced.",
                 f"sum(faultline_alerts_silenced{{{MODEL}}})", width=6, graph=False),
        ], [DEPLOYS])


def incident():
    return dashboard(
        "faultline-incident", "Faultline / Incident",
        "The evidence of one incident over time: its signals, their detectors, the traffic.",
        SIGNAL_VARIABLES + [REPORTS], [
            text("What changed, when and where is in the report: "
                 "[${reports}/incidents?model=${model}](${reports}/incidents?model=${model}) · "
                 "`faultline incidents show ID`. This page shows how it developed.", height=2),
            timeline("Firing detectors", "Each detector on each signal that has series of its own.",
                     f"max by (signal, detector) (faultline_detector_firing{{{DETECTOR}}})",
                     "{{signal}} · {{detector}}"),
            lines("Score over threshold", "1 and above is an alarm.",
                  [query(f"max by (signal, detector) (faultline_detector_score_ratio{{{DETECTOR}}})",
                         "{{signal}} · {{detector}}")], "none", width=24, height=9, limit=1, low=0),
            lines("Score", "In the detector's own unit: do not compare across detectors.",
                  [query(f"max by (signal, detector) (faultline_detector_score{{{DETECTOR}}})",
                         "{{signal}} · {{detector}}"),
                   query(f"max by (detector) (faultline_detector_threshold{{{DETECTOR}}})",
                         "threshold of {{detector}}")], "none"),
            lines("p-value of a single look", "Says nothing about repeated looks.",
                  [query(f"min by (signal, detector) (faultline_detector_p_value{{{DETECTOR}}})",
                         "{{signal}} · {{detector}}")], "none", log=True),
            lines("Share of rows with a fault", "Missing, out of the reference's range, new.", [
                query(f"max by (signal) (faultline_signal_missing_ratio{{{SIGNAL}}})",
                      "{{signal}} missing"),
                query(f"max by (signal) (faultline_signal_out_of_range_ratio{{{SIGNAL}}})",
                      "{{signal}} out of range"),
                query(f"max by (signal) (faultline_signal_new_category_ratio{{{SIGNAL}}})",
                      "{{signal}} new categories")], "percentunit", low=0),
            lines("Rows behind the verdicts", "Window and reference.", [
                query(f"min by (signal) (faultline_detector_window_samples{{{DETECTOR}}})",
                      "{{signal}} window"),
                query(f"min by (signal) (faultline_detector_reference_samples{{{DETECTOR}}})",
                      "{{signal}} reference")], low=0),
            lines("Alerts of the model, by concern", "All of them, regardless of the selection above.",
                  [query(f"sum by (concern, severity) (faultline_alert_active{{{MODEL}}})",
                         "{{concern}}, {{severity}}")], stack=True, low=0),
            lines("Traffic of the model", "A change of traffic is the most common harmless cause.",
                  [query(f"sum by (version) "
                         f"(rate(faultline_inferences_total{{{MODEL}}}[$__rate_interval]))",
                         "{{version}}")], "reqps", low=0),
        ], [DEPLOYS])


def daemon():
    each = "by (instance)"
    rate = "[$__rate_interval]"
    return dashboard(
        "faultline-daemon", "Faultline / Daemon",
        "The daemon itself: counting, storing and reporting.", VARIABLES, [
            stat("Ready", "Daemons that accept events.",
                 f"sum(faultline_ready{{{DAEMON}}}) / count(faultline_ready{{{DAEMON}}})",
                 "percentunit", steps((None, ALARM), (1, QUIET)), graph=False),
            stat("Store", "1 while the store accepts commits; otherwise nothing is acknowledged.",
                 f"min(faultline_store_up{{{DAEMON}}})", thresholds=steps((None, ALARM),
                                                                          (1, QUIET)),
                 graph=False, mappings=[{"type": "value", "options": {
                     "0": {"text": "broken"}, "1": {"text": "takes commits"}}}]),
            stat("Rows received", "Whatever their result.",
                 f"sum(rate(faultline_rows_received_total{{{DAEMON}}}{rate}))", "rowsps"),
            stat("Memory", "Resident memory of the largest daemon.",
                 f"max(process_resident_memory_bytes{{{DAEMON}}})", "bytes"),
            stat("State on disk", "All daemons.", f"sum(faultline_state_bytes{{{DAEMON}}})",
                 "bytes"),
            stat("Configuration", "Whether the last reload succeeded.",
                 f"min(faultline_config_last_reload_successful{{{DAEMON}}})", graph=False,
                 thresholds=steps((None, ALARM), (1, QUIET)), mappings=[
                     {"type": "value", "options": {"0": {"text": "refused"},
                                                   "1": {"text": "in use"}}}]),
            row("Rows"),
            lines("Rows by result", "Received = these + in flight, at every scrape.",
                  [query(f"sum by (result) (rate(faultline_rows_total{{{DAEMON}}}{rate}))",
                         "{{result}}")], "rowsps", stack=True, low=0,
                  colours={"applied": QUIET, "rejected": ALARM, "shed": ALARM, "late": UNSURE,
                           "duplicate": MUTED}),
            lines("Rejected, by reason", "Reported to their senders.",
                  [query(f"sum by (reason) "
                         f"(rate(faultline_ingest_rejected_total{{{DAEMON}}}{rate}))",
                         "{{reason}}")], "rowsps", low=0),
            lines("Queue", "Batches waiting for the core; when it is full, senders wait.", [
                query(f"sum {each} (faultline_ingest_queue_bytes{{{DAEMON}}})",
                      "{{instance}} waiting"),
                query(f"sum {each} (faultline_ingest_queue_capacity_bytes{{{DAEMON}}})",
                      "{{instance}} capacity")], "bytes", width=8, low=0),
            lines("Rows in flight", "Received and not yet committed.",
                  [query(f"sum {each} (faultline_rows_in_flight{{{DAEMON}}})", "{{instance}}")],
                  width=8, low=0),
            lines("Producers", "With a stored committed sequence.",
                  [query(f"sum {each} (faultline_producers{{{DAEMON}}})", "{{instance}}")],
                  width=8, low=0),
            row("Commits and the store"),
            lines("Commit duration", "From the checkpoint to the store's answer.", [
                query(f"histogram_quantile(0.5, sum by (le) "
                      f"(rate(faultline_commit_duration_seconds_bucket{{{DAEMON}}}{rate})))",
                      "median"),
                query(f"histogram_quantile(0.99, sum by (le) "
                      f"(rate(faultline_commit_duration_seconds_bucket{{{DAEMON}}}{rate})))",
                      "99 %"),
                query(f"max(faultline_commit_interval_seconds{{{DAEMON}}})", "interval")], "s",
                  low=0),
            lines("Bytes written by commits", "Limited by commit.bytes_per_second_max.",
                  [query(f"sum {each} (rate(faultline_commit_bytes_total{{{DAEMON}}}{rate}))",
                         "{{instance}}")], "Bps", low=0),
            lines("Commits", "Failures are retried; meanwhile nothing is acknowledged.", [
                query(f"sum(rate(faultline_commits_total{{{DAEMON}}}{rate}))", "commits"),
                query(f"sum(rate(faultline_commit_failures_total{{{DAEMON}}}{rate}))",
                      "failures")], "ops", width=8, low=0, colours={"failures": ALARM}),
            lines("On disk", "State and recorded events.", [
                query(f"sum {each} (faultline_state_bytes{{{DAEMON}}})", "{{instance}} state"),
                query(f"sum {each} (faultline_recorder_bytes{{{DAEMON}}})",
                      "{{instance}} recorded")], "bytes", width=8, low=0),
            lines("Recorder", "Dropped: over the byte rate, or a failed write.", [
                query(f"sum(rate(faultline_recorder_rows_total{{{DAEMON}}}{rate}))", "recorded"),
                query(f"sum(rate(faultline_recorder_dropped_rows_total{{{DAEMON}}}{rate}))",
                      "dropped")], "rowsps", width=8, low=0, colours={"dropped": UNSURE}),
            row("Saying it"),
            lines("HTTP requests", "By route and code.",
                  [query(f"sum by (route, code) "
                         f"(rate(faultline_http_requests_total{{{DAEMON}}}{rate}))",
                         "{{route}} {{code}}")], "reqps", width=8, low=0),
            lines("Time to write the metrics page", "99 % of scrapes.",
                  [query(f"histogram_quantile(0.99, sum by (le) "
                         f"(rate(faultline_scrape_duration_seconds_bucket{{{DAEMON}}}{rate})))",
                         "99 %")], "s", width=8, low=0),
            lines("Alertmanager", "Only if the daemon posts to one.", [
                query(f"sum by (result) "
                      f"(rate(faultline_alertmanager_alerts_total{{{DAEMON}}}{rate}))",
                      "alerts {{result}}"),
                query(f"sum(rate(faultline_alertmanager_posts_failed_total{{{DAEMON}}}{rate}))",
                      "posts failed"),
                query(f"sum(faultline_alertmanager_alerts{{{DAEMON}}})", "active alerts")],
                  "short", width=8, low=0),
            row("The machine"),
            lines("CPU", "Cores in use.",
                  [query(f"sum {each} (rate(process_cpu_seconds_total{{{DAEMON}}}{rate}))",
                         "{{instance}}")], "none", width=8, low=0),
            lines("Memory", "Resident memory, and the part held by the core.", [
                query(f"max {each} (process_resident_memory_bytes{{{DAEMON}}})",
                      "{{instance}} resident"),
                query(f"max {each} (faultline_core_bytes{{{DAEMON}}})", "{{instance}} core")],
                  "bytes", width=8, low=0),
            lines("Connections", "Open ones.",
                  [query(f"sum by (protocol) (faultline_connections{{{DAEMON}}})",
                         "{{protocol}}")], width=8, low=0),
            lines("File descriptors in use", "And their limit.",
                  [query(f"max {each} (process_open_fds{{{DAEMON}}} / "
                         f"process_max_fds{{{DAEMON}}})", "{{instance}}")], "percentunit", width=8,
                  low=0),
            lines("Suppressed log lines", "Too many lines were alike.",
                  [query(f"sum {each} (rate(faultline_log_lines_dropped_total{{{DAEMON}}}{rate}))",
                         "{{instance}}")], width=8, low=0),
            table("Versions", "Versions by instance.",
                  [query(f"faultline_build_info{{{DAEMON}}}", instant=True)],
                  ["instance", "version", "revision", "compiler"], width=8, height=8),
        ])


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    stale = []
    for one in (fleet(), model(), incident(), daemon()):
        path = FOLDER / (one["uid"] + ".json")
        made = json.dumps(one, indent=1, ensure_ascii=False) + "\n"
        if check:
            if not path.is_file() or path.read_text(encoding="utf-8") != made:
                stale.append(path.name)
        else:
            path.write_text(made, encoding="utf-8")
    if stale:
        sys.exit("out of date, run deploy/grafana/make.py: " + ", ".join(stale))


if __name__ == "__main__":
    main()
