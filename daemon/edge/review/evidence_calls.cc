#include "daemon/edge/review/evidence_calls.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/codec.h"
#include "base/escape.h"
#include "daemon/core/settings/limits.h"
#include "daemon/core/signal/distribution.h"
#include "daemon/edge/review/answer.h"
#include "daemon/edge/review/csv_text.h"
#include "daemon/edge/review/evidence.h"
#include "daemon/edge/review/examples.h"
#include "daemon/edge/review/incident_reader.h"
#include "daemon/edge/review/page_token.h"
#include "daemon/edge/review/replay.h"
#include "faultline/v1/evidence.pb.h"

namespace faultline::review {
namespace {

using google::protobuf::util::TimeUtil;

constexpr uint32_t kEventsPerPage = 256;
constexpr uint32_t kEventsPerPageMax = 1'000;

struct FoundEvidence {
  FoundIncident found;
  StoredEvidence evidence;
};

absl::StatusOr<FoundEvidence> Find(const Store& store, const std::string& id) {
  FoundEvidence all;
  absl::StatusOr<FoundIncident> found = FindIncident(store, id);
  if (!found.ok()) return found.status();
  all.found = *std::move(found);
  absl::StatusOr<StoredEvidence> evidence = ReadEvidence(store, all.found.id, all.found.incident);
  if (!evidence.ok()) return evidence.status();
  all.evidence = *std::move(evidence);
  return all;
}

absl::StatusOr<v1::EvidenceBundle> BundleOf(const FoundEvidence& all, const Recorder* recorder) {
  absl::StatusOr<v1::EvidenceBundle> bundle = MakeBundle(all.found.incident, all.evidence);
  if (bundle.ok()) AddExamples(all.found.incident, all.evidence, recorder, &*bundle);
  return bundle;
}

const v1::ContributingSignal* SignalOf(const v1::EvidenceBundle& bundle, const std::string& name) {
  if (name.empty()) return bundle.signals().empty() ? nullptr : &bundle.signals(0);
  const auto found =
      std::find_if(bundle.signals().begin(), bundle.signals().end(),
                   [&](const v1::ContributingSignal& each) { return each.signal() == name; });
  return found == bundle.signals().end() ? nullptr : &*found;
}

std::string SignalNames(const v1::EvidenceBundle& bundle) {
  std::string names;
  for (const v1::ContributingSignal& signal : bundle.signals()) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", signal.signal());
  }
  return names.empty() ? "none" : names;
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  // Fails only for messages with Any fields.
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return SafeJson(json);
}

std::string VerdictsAsCsv(const v1::EvidenceBundle& bundle) {
  std::string csv = "time,pane,signal,detector,state,score,threshold,log10_evidence\n";
  for (const v1::ContributingSignal& signal : bundle.signals()) {
    for (const v1::VerdictSeries& series : signal.series()) {
      for (const v1::VerdictPoint& point : series.points()) {
        const auto number = [](bool has, double value) {
          return has ? absl::StrFormat("%.17g", value) : std::string();
        };
        absl::StrAppend(&csv, TimeUtil::ToString(point.time()), ",", point.pane(), ",",
                        CsvText(signal.signal()), ",", CsvText(series.detector()), ",",
                        v1::VerdictState_Name(point.state()).substr(14), ",",
                        number(point.has_score(), point.score()), ",",
                        number(point.has_threshold(), point.threshold()), ",",
                        number(point.has_log10_evidence(), point.log10_evidence()), "\n");
      }
    }
  }
  return csv;
}

// "1 per 30d", "2 per 100000 rows" into the model's own budget.
absl::Status SetBudget(const std::string& text, v1::Config* config) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(text, absl::MaxSplits(" per ", 1));
  double false_alarms = 0;
  if (parts.second.empty() || !absl::SimpleAtod(parts.first, &false_alarms)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "alarm_budget: ", text, ": expected false alarms per period, such as \"1 per 30d\""));
  }
  v1::AlarmBudgetConfig* budget = config->mutable_defaults()->mutable_alarm_budget();
  budget->set_false_alarms(false_alarms);
  budget->set_per(parts.second);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const ModelSettings>> SettingsFor(
    const v1::ReplayIncidentRequest& request, const FoundEvidence& all) {
  if (!request.has_config() && request.alarm_budget().empty()) {
    return std::shared_ptr<const ModelSettings>();
  }
  v1::Config config;
  if (request.has_config()) {
    const auto settings = Settings::Make(request.config(), 1);
    if (!settings.ok()) return settings.status();
    const auto of_model = (*settings)->ForModel(all.found.incident.model());
    if (!config.ParseFromString(of_model->config)) {
      return absl::InternalError("settings cannot be written and read again");
    }
  } else {
    absl::StatusOr<v1::Config> pinned = PinnedConfig(all.evidence);
    if (!pinned.ok()) return pinned.status();
    config = *std::move(pinned);
  }
  if (!request.alarm_budget().empty()) {
    const absl::Status set = SetBudget(request.alarm_budget(), &config);
    if (!set.ok()) return set;
  }
  return SettingsOf(config);
}

}  // namespace

absl::Status ListIncidentEvents(const Store& store, const v1::ListIncidentEventsRequest& request,
                                v1::ListIncidentEventsResponse* response) {
  uint32_t page_size = request.page_size();
  absl::Status valid = CheckPageSize(&page_size, kEventsPerPage, kEventsPerPageMax);
  if (!valid.ok()) return valid;
  const absl::StatusOr<FoundIncident> found = FindIncident(store, request.id());
  if (!found.ok()) return found.status();
  std::string query;
  Encoder(&query).Fixed64(found->id);
  uint64_t from = 0;
  if (!request.page_token().empty()) {
    const absl::StatusOr<std::string> position =
        ReadToken(TokenKind::kIncidentEvents, query, request.page_token(), "page_token");
    if (!position.ok()) return position.status();
    Decoder decoder(*position);
    from = decoder.Varint();
    if (!decoder.Done())
      return absl::InvalidArgumentError("page_token: is damaged; start without it");
  }
  const auto& timeline = found->incident.timeline();
  const auto size = static_cast<uint64_t>(timeline.size());
  uint64_t next = from;
  for (; next < size && next - from < page_size; ++next) {
    *response->add_events() = timeline[static_cast<int>(next)];
  }
  if (next < size) {
    std::string position;
    Encoder(&position).Varint(next);
    response->set_next_page_token(MakeToken(TokenKind::kIncidentEvents, query, position));
  }
  return absl::OkStatus();
}

absl::Status GetEvidence(const Store& store, const Recorder* recorder,
                         const v1::GetEvidenceRequest& request, v1::GetEvidenceResponse* response) {
  const absl::StatusOr<FoundEvidence> all = Find(store, request.id());
  if (!all.ok()) return all.status();
  absl::StatusOr<v1::EvidenceBundle> bundle = BundleOf(*all, recorder);
  if (!bundle.ok()) return bundle.status();
  *response->mutable_bundle() = *std::move(bundle);
  return absl::OkStatus();
}

absl::Status CompareDistributions(const Store& store,
                                  const v1::CompareDistributionsRequest& request,
                                  v1::CompareDistributionsResponse* response) {
  absl::Status valid = CheckText("signal", request.signal(), 0, kNameBytesMax);
  if (!valid.ok()) return valid;
  if (!v1::WindowChoice_IsValid(request.window())) {
    return absl::InvalidArgumentError(
        absl::StrCat("window: unknown window ", static_cast<int>(request.window())));
  }
  const absl::StatusOr<FoundEvidence> all = Find(store, request.id());
  if (!all.ok()) return all.status();
  const absl::StatusOr<v1::EvidenceBundle> bundle = MakeBundle(all->found.incident, all->evidence);
  if (!bundle.ok()) return bundle.status();
  const v1::ContributingSignal* signal = SignalOf(*bundle, request.signal());
  if (signal == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("signal: the evidence does not have it; it has: ", SignalNames(*bundle)));
  }
  response->set_signal(signal->signal());
  *response->mutable_reference() = signal->reference();
  switch (request.window()) {
    case v1::WINDOW_CHOICE_AT_OPEN:
      *response->mutable_window() = signal->at_open();
      break;
    case v1::WINDOW_CHOICE_LATEST:
      *response->mutable_window() = signal->latest();
      break;
    default:
      *response->mutable_window() = signal->at_peak();
      break;
  }
  // Of an older reference: the bins differ.
  if (response->window().bins_size() != response->reference().bins_size()) return absl::OkStatus();
  for (v1::BinContribution& each : Contributions(response->reference(), response->window())) {
    *response->add_contributions() = std::move(each);
  }
  return absl::OkStatus();
}

absl::Status ExportIncident(const Store& store, const Recorder* recorder,
                            const v1::ExportIncidentRequest& request,
                            v1::ExportIncidentResponse* response) {
  if (!v1::ExportFormat_IsValid(request.format())) {
    return absl::InvalidArgumentError(
        absl::StrCat("format: unknown format ", static_cast<int>(request.format())));
  }
  const absl::StatusOr<FoundEvidence> all = Find(store, request.id());
  if (!all.ok()) return all.status();
  const absl::StatusOr<v1::EvidenceBundle> bundle = BundleOf(*all, recorder);
  if (!bundle.ok()) return bundle.status();
  const std::string name = absl::StrCat("incident-", all->found.incident.id());
  if (request.format() == v1::EXPORT_FORMAT_CSV) {
    response->set_file_name(name + ".csv");
    response->set_media_type("text/csv");
    response->set_content(VerdictsAsCsv(*bundle));
    return absl::OkStatus();
  }
  response->set_file_name(name + ".json");
  response->set_media_type("application/json");
  response->set_content(absl::StrCat("{\"incident\":", ToJson(all->found.incident),
                                     ",\"bundle\":", ToJson(*bundle), "}\n"));
  return absl::OkStatus();
}

absl::Status ReplayIncident(const Store& store, const Recorder* recorder,
                            const v1::ReplayIncidentRequest& request,
                            v1::ReplayIncidentResponse* response) {
  absl::Status valid = CheckText("alarm_budget", request.alarm_budget(), 0, 128);
  if (!valid.ok()) return valid;
  if (request.has_reference_start_time() != request.has_reference_end_time()) {
    return absl::InvalidArgumentError(
        "reference_start_time, reference_end_time: set both or neither");
  }
  WhatIf what_if;
  if (request.has_reference_end_time()) {
    for (const auto* time : {&request.reference_start_time(), &request.reference_end_time()}) {
      if (!IsTime(*time)) {
        return absl::InvalidArgumentError("reference_start_time, reference_end_time: no times");
      }
    }
    what_if.reference_first_ns = TimeUtil::TimestampToNanoseconds(request.reference_start_time());
    what_if.reference_last_ns = TimeUtil::TimestampToNanoseconds(request.reference_end_time());
    if (what_if.reference_first_ns < 0 || what_if.reference_last_ns <= what_if.reference_first_ns) {
      return absl::InvalidArgumentError("reference_end_time: must be after reference_start_time");
    }
  }
  const absl::StatusOr<FoundEvidence> all = Find(store, request.id());
  if (!all.ok()) return all.status();
  auto settings = SettingsFor(request, *all);
  if (!settings.ok()) return settings.status();
  what_if.settings = *std::move(settings);
  auto replayed = review::ReplayIncident(all->found.incident, all->evidence, what_if, recorder);
  if (!replayed.ok()) return replayed.status();
  *response = *std::move(replayed);
  return absl::OkStatus();
}

}  // namespace faultline::review
