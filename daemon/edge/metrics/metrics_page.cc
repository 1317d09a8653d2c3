#include "daemon/edge/metrics/metrics_page.h"

#include <google/protobuf/descriptor.h>

#include <cmath>
#include <cstdio>
#include <set>
#include <string_view>

#include "base/clock.h"
#include "daemon/edge/metrics/page_text.h"

namespace faultline {
namespace {

using Pages = std::map<std::pair<std::string, std::string>, ModelPage>;

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;

double Seconds(int64_t ns) { return static_cast<double>(ns) * 1e-9; }
double Flag(bool flag) { return flag ? 1 : 0; }

// Families with one line per signal and detector.
struct DetectorFamily {
  std::string_view name;
  std::string_view help;
  double (*value)(const DetectorReading& reading);
};
constexpr DetectorFamily kDetectorFamilies[] = {
    {"faultline_detector_score", "Score of a detector on a signal, in the detector's unit.",
     [](const DetectorReading& r) { return r.verdict.score; }},
    {"faultline_detector_score_ratio", "Score over threshold; at 1 the detector is in alarm.",
     [](const DetectorReading& r) { return r.verdict.ratio(); }},
    {"faultline_detector_threshold", "Threshold of the score.",
     [](const DetectorReading& r) { return r.verdict.threshold; }},
    {"faultline_detector_p_value", "p-value of this one look, where it is defined.",
     [](const DetectorReading& r) { return r.verdict.p_value; }},
    {"faultline_detector_firing", "1 while the alert of this detector on this signal fires.",
     [](const DetectorReading& r) { return Flag(r.firing); }},
    {"faultline_detector_window_samples", "Rows of the window behind the score.",
     [](const DetectorReading& r) { return static_cast<double>(r.verdict.rows); }},
    {"faultline_detector_reference_samples", "Rows of the reference behind the score.",
     [](const DetectorReading& r) { return static_cast<double>(r.verdict.reference_rows); }},
};
static_assert(std::size(kDetectorFamilies) == kSeriesPerDetector);

// Families with one line per signal.
struct SignalFamily {
  std::string_view name;
  std::string_view help;
  double (*value)(const SignalReading& reading);
};
constexpr SignalFamily kSignalFamilies[] = {
    {"faultline_signal_missing_ratio", "Share of the window's rows without a value.",
     [](const SignalReading& r) { return r.missing_ratio; }},
    {"faultline_signal_out_of_range_ratio",
     "Share of the window's values outside the range of the reference.",
     [](const SignalReading& r) { return r.out_of_range_ratio; }},
    {"faultline_signal_new_category_ratio",
     "Share of the window's values that the reference does not have.",
     [](const SignalReading& r) { return r.unseen_ratio; }},
};
static_assert(std::size(kSignalFamilies) == kSeriesPerSignal);

std::string_view UnitOf(const AlarmBudget& budget) { return budget.in_rows ? "rows" : "seconds"; }

// Families with lines per model.
struct ModelFamily {
  std::string_view name;
  MetricType type;
  std::string_view help;
  void (*write)(const ModelPage& model, int64_t now_ns, PageText* text);
};
constexpr ModelFamily kModelFamilies[] = {
    {"faultline_inferences_total", kCounter, "Inferences counted into panes.",
     [](const ModelPage& m, int64_t, PageText* t) {
       t->Line(m.labels(), m.snapshot().totals.applied_rows);
     }},
    {"faultline_model_late_rows_total", kCounter,
     "Rows that came after their pane had closed: counted and recorded, never judged.",
     [](const ModelPage& m, int64_t, PageText* t) {
       t->Line(m.labels(), m.snapshot().totals.late_rows);
     }},
    {"faultline_model_rejected_rows_total", kCounter, "Rows refused for a known model.",
     [](const ModelPage& m, int64_t, PageText* t) {
       t->Line(m.labels(), m.snapshot().totals.rejected_rows);
     }},
    {"faultline_client_dropped_total", kCounter,
     "Rows that senders said they dropped before sending.",
     [](const ModelPage& m, int64_t, PageText* t) {
       t->Line(m.labels(), m.snapshot().totals.client_dropped_rows);
     }},
    {"faultline_panes_closed_total", kCounter, "Panes closed and judged.",
     [](const ModelPage& m, int64_t, PageText* t) {
       t->Line(m.labels(), m.snapshot().totals.panes_closed);
     }},
    {"faultline_detector_evaluations_total", kCounter, "Verdicts given.",
     [](const ModelPage& m, int64_t, PageText* t) {
       t->Line(m.labels(), m.snapshot().totals.verdicts);
     }},
    {"faultline_last_event_timestamp_seconds", kGauge, "Event time of the newest row.",
     [](const ModelPage& m, int64_t, PageText* t) {
       const int64_t ns = m.snapshot().totals.last_event_ns;
       if (ns > 0) t->Line(m.labels(), Seconds(ns));
     }},
    {"faultline_last_evaluation_timestamp_seconds", kGauge,
     "Event time at the end of the newest closed pane.",
     [](const ModelPage& m, int64_t, PageText* t) {
       const auto& signals = m.snapshot().signals;
       if (signals != nullptr && signals->evaluated_ns > 0) {
         t->Line(m.labels(), Seconds(signals->evaluated_ns));
       }
     }},
    {"faultline_reference_learning_ratio", kGauge,
     "Share of the reference that is learnt, while it is being learnt.",
     [](const ModelPage& m, int64_t, PageText* t) {
       const auto& signals = m.snapshot().signals;
       if (signals == nullptr || signals->learn_rows == 0) return;
       const double learnt = static_cast<double>(signals->learning_rows);
       t->Line(m.labels(), std::fmin(1, learnt / static_cast<double>(signals->learn_rows)));
     }},
    {"faultline_model_signals", kGauge, "Signals by the state of their verdicts.",
     [](const ModelPage& m, int64_t, PageText* t) {
       t->Line(m.LabelsWith("state", "quiet"), m.signals_quiet());
       t->Line(m.LabelsWith("state", "alarm"), m.signals_alarm());
       t->Line(m.LabelsWith("state", "cannot_tell"), m.signals_cannot_tell());
     }},
    {"faultline_signals_hidden", kGauge, "Signals without series of their own on this page.",
     [](const ModelPage& m, int64_t, PageText* t) { t->Line(m.labels(), m.signals_hidden()); }},
    {"faultline_model_drift_score_ratio_max", kGauge,
     "The highest score over threshold of all signals.",
     [](const ModelPage& m, int64_t, PageText* t) {
       for (const auto& rollup : m.rollups()) t->Line(rollup.labels, rollup.ratio_max);
     }},
    {"faultline_model_drifted_signals", kGauge, "Signals over the threshold of a detector.",
     [](const ModelPage& m, int64_t, PageText* t) {
       for (const auto& rollup : m.rollups()) t->Line(rollup.labels, rollup.signals_in_alarm);
     }},
    {"faultline_alert_active", kGauge, "1 for every alert that fires and is not silenced.",
     [](const ModelPage& m, int64_t, PageText* t) {
       for (const std::string& labels : m.alerts()) t->Line(labels, 1);
     }},
    {"faultline_alerts_firing", kGauge, "Alerts that fire and are not silenced.",
     [](const ModelPage& m, int64_t, PageText* t) { t->Line(m.labels(), m.alerts_firing()); }},
    {"faultline_alerts_silenced", kGauge, "Alerts that fire and are silenced.",
     [](const ModelPage& m, int64_t, PageText* t) { t->Line(m.labels(), m.alerts_silenced()); }},
    {"faultline_incidents_open", kGauge, "Incidents that are not resolved.",
     [](const ModelPage& m, int64_t, PageText* t) {
       t->Line(m.labels(), m.snapshot().incidents_open);
     }},
    {"faultline_incidents_total", kCounter, "Incidents opened.",
     [](const ModelPage& m, int64_t, PageText* t) {
       t->Line(m.labels(), m.snapshot().incidents_total);
     }},
    {"faultline_alarm_budget_threshold", kGauge,
     "Alarm threshold of the evidence: seconds or rows per false alarm.",
     [](const ModelPage& m, int64_t, PageText* t) {
       const ModelSnapshot& model = m.snapshot();
       if (std::isnan(model.budget_threshold)) return;
       t->Line(m.LabelsWith("unit", UnitOf(model.budget)), model.budget_threshold);
     }},
    {"faultline_alarm_budget_deposited_ratio", kGauge,
     "Budget increments over the alarm threshold: an upper bound on the average number of false "
     "alarms so far.",
     [](const ModelPage& m, int64_t, PageText* t) {
       t->Line(m.labels(), m.snapshot().totals.mean_false_alarms_max);
     }},
    {"faultline_alarm_budget_alarms_total", kCounter,
     "Alarms of detectors on the alarm budget, true and false ones.",
     [](const ModelPage& m, int64_t, PageText* t) {
       t->Line(m.labels(), m.snapshot().totals.budget_alarms);
     }},
    {"faultline_model_silenced", kGauge, "1 while a silence covers the model.",
     [](const ModelPage& m, int64_t now_ns, PageText* t) {
       t->Line(m.labels(), m.snapshot().silenced_until_ns > now_ns);
     }},
    {"faultline_model_deploy_timestamp_seconds", kGauge, "When the newest deployment was marked.",
     [](const ModelPage& m, int64_t, PageText* t) {
       if (m.snapshot().deployed_ns > 0) t->Line(m.labels(), Seconds(m.snapshot().deployed_ns));
     }},
    {"faultline_model_labels_info", kGauge, "1, with the labels of the model's owner.",
     [](const ModelPage& m, int64_t, PageText* t) {
       Labels labels{{"model", m.snapshot().name}, {"version", m.snapshot().version}};
       std::set<std::string> names;
       for (const auto& [name, value] : m.snapshot().labels) {
         std::string label = LabelName("label_", name);
         while (!names.insert(label).second) label.push_back('_');
         labels.Add(label, value);
       }
       t->Line(labels.text(), 1);
     }},
};

// Families of the pipeline as a whole.
struct PipelineFamily {
  std::string_view name;
  MetricType type;
  std::string_view help;
  void (*write)(const PipelineReading& reading, PageText* text);
};

void WriteRejected(const PipelineReading& reading, PageText* text) {
  constexpr std::string_view kPrefix = "REJECT_REASON_";
  std::map<std::string, uint64_t> by_reason = reading.rows.rejected_by_reason;
  const auto& reasons = *v1::RejectReason_descriptor();
  for (int i = 0; i < reasons.value_count(); ++i) {
    if (reasons.value(i)->number() == v1::REJECT_REASON_UNSPECIFIED) continue;
    std::string name = reasons.value(i)->name().substr(kPrefix.size());
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    by_reason.emplace(name, 0);
  }
  for (const auto& [reason, rows] : by_reason) {
    text->Line(Labels{{"reason", reason}}.text(), rows);
  }
}

constexpr std::string_view kNone = " ";

void WriteCommitTimes(const PipelineReading& reading, PageText* text) {
  uint64_t count = 0;
  for (size_t i = 0; i < CommitTimes::kBounds.size(); ++i) {
    count += reading.commit_times.counts[i];
    char bound[16];
    std::snprintf(bound, sizeof bound, "%g", CommitTimes::kBounds[i]);
    text->LineOf("_bucket", Labels{{"le", bound}}.text(), count);
  }
  count += reading.commit_times.counts.back();
  text->LineOf("_bucket", "{le=\"+Inf\"} ", count);
  text->LineOf("_sum", kNone, reading.commit_times.sum);
  text->LineOf("_count", kNone, count);
}

// Totals of the models that share the deployment's alarm budget.
struct SharedBudget {
  const AlarmBudget* budget = nullptr;  // null: no model shares it
  double mean_false_alarms_max = 0;
  uint64_t alarms = 0;

  explicit SharedBudget(const PipelineReading& reading) {
    for (const auto& model : reading.models) {
      if (!model->budget.of_deployment || !model->budget.granted()) continue;
      budget = &model->budget;
      mean_false_alarms_max += model->totals.mean_false_alarms_max;
      alarms += model->totals.budget_alarms;
    }
  }
};

constexpr PipelineFamily kPipelineFamilies[] = {
    {"faultline_watchdog", kGauge, "1, always: proves that scraping and alerting work.",
     [](const PipelineReading&, PageText* t) { t->Line(kNone, 1); }},
    {"faultline_rows_received_total", kCounter, "Rows received, whatever their outcome.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.rows.received); }},
    {"faultline_rows_total", kCounter,
     "Rows by outcome; with those in flight they add up to those received.",
     [](const PipelineReading& r, PageText* t) {
       t->Line("{result=\"applied\"} ", r.rows.applied);
       t->Line("{result=\"duplicate\"} ", r.rows.duplicate);
       t->Line("{result=\"late\"} ", r.rows.late);
       t->Line("{result=\"rejected\"} ", r.rows.rejected);
       t->Line("{result=\"shed\"} ", r.rows.shed);
     }},
    {"faultline_rows_in_flight", kGauge, "Rows taken in and not yet committed.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.rows.in_flight); }},
    {"faultline_ingest_rejected_total", kCounter, "Rows refused, by reason.", WriteRejected},
    {"faultline_ingest_queue_bytes", kGauge, "Bytes of batches waiting for the core.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.queue_bytes); }},
    {"faultline_ingest_queue_capacity_bytes", kGauge,
     "Bytes of batches that may wait before senders must wait.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.queue_bytes_max); }},
    {"faultline_producers", kGauge, "Producers whose committed sequence is remembered.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.producers); }},
    {"faultline_models", kGauge, "Models and versions.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, uint64_t{r.models.size()}); }},
    {"faultline_deployment_alarm_budget_threshold", kGauge,
     "Seconds or rows per false alarm of the shared alarm budget, if there is one.",
     [](const PipelineReading& r, PageText* t) {
       const SharedBudget shared(r);
       if (shared.budget == nullptr) return;
       t->Line(Labels{{"unit", UnitOf(*shared.budget)}}.text(), shared.budget->threshold());
     }},
    {"faultline_deployment_alarm_budget_deposited_ratio", kGauge,
     "Of the models that share the budget: an upper bound on the average number of false alarms so "
     "far.",
     [](const PipelineReading& r, PageText* t) {
       const SharedBudget shared(r);
       if (shared.budget != nullptr) t->Line(kNone, shared.mean_false_alarms_max);
     }},
    {"faultline_deployment_alarm_budget_alarms", kGauge,
     "Alarms so far of the models that share the budget, true and false ones.",
     [](const PipelineReading& r, PageText* t) {
       const SharedBudget shared(r);
       if (shared.budget != nullptr) t->Line(kNone, shared.alarms);
     }},
    {"faultline_commits_total", kCounter, "Commits.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.commits); }},
    {"faultline_commit_bytes_total", kCounter, "Bytes written by commits.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.commit_bytes); }},
    {"faultline_commit_failures_total", kCounter,
     "Commits that the store refused; they are retried.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.commit_failures); }},
    {"faultline_commit_last_duration_seconds", kGauge, "How long the newest commit took.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.commit_seconds_last); }},
    {"faultline_commit_duration_seconds", MetricType::kHistogram,
     "How long commits took, from the cut to the store's answer.", WriteCommitTimes},
    {"faultline_commit_interval_seconds", kGauge, "The last commit interval.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, Seconds(r.commit_interval_ns)); }},
    {"faultline_commit_timestamp_seconds", kGauge, "When the newest commit was.",
     [](const PipelineReading& r, PageText* t) {
       if (r.commit_time_ns > 0) t->Line(kNone, Seconds(r.commit_time_ns));
     }},
    {"faultline_store_up", kGauge, "1 while the store takes commits; 0: nothing is acknowledged.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.store_status.ok()); }},
    {"faultline_core_bytes", kGauge, "Approximate memory of the core.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.core_bytes); }},
    {"faultline_memory_limit_bytes", kGauge, "Resident memory allowed; 0: no limit.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.memory_bytes_max); }},
    {"faultline_state_bytes", kGauge, "Bytes of the state on disk.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.state_bytes); }},
    {"faultline_state_compaction_debt_bytes", kGauge,
     "Approximate bytes of the state still to be compacted in the background.",
     [](const PipelineReading& r, PageText* t) { t->Line(kNone, r.compaction_debt_bytes); }},
};

void WriteSignals(const Pages& models, PageText* text) {
  for (const SignalFamily& family : kSignalFamilies) {
    text->Family(family.name, kGauge, family.help);
    for (const auto& [key, model] : models) {
      for (const auto& line : model.signals()) {
        text->Line(model.labels(line), family.value(*line.signal));
      }
    }
  }
  for (const DetectorFamily& family : kDetectorFamilies) {
    text->Family(family.name, kGauge, family.help);
    for (const auto& [key, model] : models) {
      for (const auto& line : model.detectors()) {
        text->Line(model.labels(line), family.value(*line.reading));
      }
    }
  }
}

}  // namespace

void PageWriter::TakeModels(const PipelineReading& reading, const PageOptions& options) {
  if (options != options_) models_.clear();
  options_ = options;
  Pages models;
  uint64_t wanted = 0;
  for (const auto& snapshot : reading.models) {
    auto key = std::pair(snapshot->name, snapshot->version);
    auto kept = models_.extract(key);
    const auto at = kept.empty() ? models.try_emplace(std::move(key)).first
                                 : models.insert(std::move(kept)).position;
    wanted += at->second.Choose(snapshot, options);
  }
  models_ = std::move(models);
  for (auto& [key, model] : models_) {
    const double share = wanted <= options.series_max ? 1
                                                      : static_cast<double>(options.series_max) /
                                                            static_cast<double>(wanted);
    model.Render(static_cast<uint64_t>(static_cast<double>(model.wanted()) * share));
  }
}

void PageWriter::Write(const PipelineReading& reading, const PageOptions& options, int64_t now_ns,
                       std::string* page) {
  TakeModels(reading, options);
  const size_t begin = page->size();
  PageText text(page);
  for (const PipelineFamily& family : kPipelineFamilies) {
    text.Family(family.name, family.type, family.help);
    family.write(reading, &text);
  }
  for (const ModelFamily& family : kModelFamilies) {
    text.Family(family.name, family.type, family.help);
    for (const auto& [key, model] : models_) family.write(model, now_ns, &text);
  }
  const uint64_t before = text.lines();
  WriteSignals(models_, &text);
  signal_series_ = text.lines() - before;
  bytes_ = page->size() - begin;
}

PageOptions PageOptionsOf(const Settings& settings) {
  PageOptions options;
  options.signals_top = settings.metrics.signals_top;
  options.signals_always = settings.metrics.signals_always;
  return options;
}

std::string WriteMetricsPage(const PipelineReading& reading, const PageOptions& options,
                             PageWriter* writer, DaemonMetrics* daemon) {
  const int64_t begin_ns = SteadyNowNs();
  std::string page;
  page.reserve(writer->bytes() + writer->bytes() / 8 + (64 << 10));
  writer->Write(reading, options, WallNowNs(), &page);
  daemon->Write(&page);
  daemon->ObserveScrape(Seconds(SteadyNowNs() - begin_ns));
  return page;
}

}  // namespace faultline
