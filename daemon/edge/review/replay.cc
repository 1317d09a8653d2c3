#include "daemon/edge/review/replay.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/core/contract/version.h"
#include "daemon/core/signal/signal_state.h"
#include "daemon/core/signal/verdict_codec.h"
#include "daemon/edge/review/evidence.h"
#include "daemon/edge/review/recorded_rows.h"
#include "faultline/v1/evidence.pb.h"

namespace faultline::review {
namespace {

// Verdicts of one detector on one signal: as they were, and recomputed.
struct Replayed {
  v1::ReplaySeries series;
  v1::VerdictSeries points;  // recomputed
};
using ReplayedSeries = std::map<std::pair<std::string, std::string>, Replayed>;

std::string BytesOf(const Verdict& verdict) {
  std::string bytes;
  Encoder out(&bytes);
  EncodeVerdict(verdict, &out);
  return bytes;
}

Replayed& SeriesOf(const std::string& signal, const std::string& detector, ReplayedSeries* all) {
  Replayed& replayed = (*all)[{signal, detector}];
  replayed.series.set_signal(signal);
  replayed.series.set_detector(detector);
  return replayed;
}

bool IsAlarm(const Verdict& verdict) { return verdict.state == VerdictState::kAlarm; }

// One verdict as it was, and the recomputed one (null: it could not be recomputed).
void Hold(const EvidencePane& pane, const Verdict& was, const Verdict* is, Replayed* replayed) {
  v1::ReplaySeries& series = replayed->series;
  series.set_verdicts(series.verdicts() + 1);
  const v1::VerdictPoint was_point = MakePoint(pane, was);
  if (IsAlarm(was) && !series.has_alarm_was()) *series.mutable_alarm_was() = was_point.time();
  if (is == nullptr) return;
  series.set_recomputed(series.recomputed() + 1);
  if (BytesOf(was) == BytesOf(*is)) {
    series.set_equal(series.equal() + 1);
  } else if (!series.has_first_was()) {
    *series.mutable_first_was() = was_point;
    *series.mutable_first_is() = MakePoint(pane, *is);
  }
}

void Note(const EvidencePane& pane, const Verdict& is, Replayed* replayed) {
  const v1::VerdictPoint point = MakePoint(pane, is);
  if (IsAlarm(is) && !replayed->series.has_alarm_is()) {
    *replayed->series.mutable_alarm_is() = point.time();
  }
  *replayed->points.add_points() = point;
}

// Whether it is worse than the current one.
void SetBasis(v1::ReplayBasis basis, const std::string& note, Replayed* replayed) {
  if (basis <= replayed->series.basis()) return;
  replayed->series.set_basis(basis);
  if (!note.empty()) replayed->series.set_note(note);
}

// The state of a signal as it was before a pin's first pane, under the settings.
class PinReplay {
 public:
  PinReplay(const EvidencePin& pin, const ModelSettings& settings)
      : pin_(pin), settings_(settings) {
    state_.SetReference(pin.reference, settings);
    state_.ChooseDetectors(pin.facts, settings);
    for (FollowState& follow : state_.follow) Resume(&follow);
  }

  absl::Status Start() {
    if (state_.window->AddEncoded(pin_.window)) return absl::OkStatus();
    return absl::DataLossError("evidence: a window is damaged");
  }

  absl::StatusOr<std::vector<DetectorReading>> Judge(const EvidencePane& pane,
                                                     const EvidenceEntry& entry) {
    std::optional<Summary> summary;
    if (entry.counted) {
      absl::StatusOr<Summary> decoded = Summary::Decode(&pin_.reference->shape(), entry.summary);
      if (!decoded.ok()) return absl::DataLossError(decoded.status().message());
      summary.emplace(*std::move(decoded));
    }
    if (pane.number > pin_.from && summary.has_value()) {
      state_.window->Add(pane.number, entry.sent, *summary);
    }
    if (!TakeRolling(entry)) return absl::DataLossError("evidence: quiet panes are damaged");
    state_.window->DropBefore(
        std::max(pane.window_from, pane.number + 1 - int64_t{settings_.window_panes}));
    std::vector<DetectorReading> readings;
    JudgeSignal(settings_, pane.increment.division, EvidenceOf(settings_.budget, pane.increment),
                summary.has_value() ? &*summary : nullptr, rolling_.get(), &state_, &readings);
    return readings;
  }

  // Its state could not be decoded.
  bool BeganAnew(std::string_view detector) const {
    return std::find(anew_.begin(), anew_.end(), detector) != anew_.end();
  }

 private:
  void Resume(FollowState* follow) {
    for (const FollowState& pinned : pin_.follow) {
      if (pinned.detector != follow->detector || pinned.fingerprint != follow->fingerprint ||
          pinned.state.size() != follow->state.size()) {
        continue;
      }
      follow->state = pinned.state;
      follow->newest = pinned.newest;
      return;
    }
    anew_.push_back(follow->detector);
  }

  bool TakeRolling(const EvidenceEntry& entry) {
    rolling_.reset();
    if (!entry.rolling.has_value()) return true;
    const Shape* shape = &pin_.reference->shape();
    const absl::StatusOr<Summary> quiet = Summary::Decode(shape, *entry.rolling);
    if (!quiet.ok()) return false;
    rolling_ = std::make_unique<RollingReference>(shape);
    rolling_->Add(*quiet, 0, 0, 1);
    return true;
  }

  const EvidencePin& pin_;
  const ModelSettings& settings_;
  SignalState state_;
  std::unique_ptr<RollingReference> rolling_;
  std::vector<std::string_view> anew_;
};

// Replays the panes of one pin.
absl::Status ReplayPin(const StoredEvidence& evidence, uint32_t index,
                       const ModelSettings& settings, ReplayedSeries* all) {
  const EvidencePin& pin = evidence.pins[index];
  PinReplay replay(pin, settings);
  if (absl::Status started = replay.Start(); !started.ok()) return started;
  for (const EvidencePane& pane : evidence.panes) {
    for (const EvidenceEntry& entry : pane.entries) {
      if (entry.pin != index || pane.number < pin.from) continue;
      const auto readings = replay.Judge(pane, entry);
      if (!readings.ok()) return readings.status();
      for (const auto& [detector, was] : entry.verdicts) {
        const auto is = std::find_if(
            readings->begin(), readings->end(),
            [&name = detector](const DetectorReading& each) { return each.detector == name; });
        Hold(pane, was, is == readings->end() ? nullptr : &is->verdict,
             &SeriesOf(pin.facts.name, detector, all));
      }
      for (const DetectorReading& is : *readings) {
        Replayed& replayed = SeriesOf(pin.facts.name, std::string(is.detector), all);
        Note(pane, is.verdict, &replayed);
        if (replay.BeganAnew(is.detector)) {
          SetBasis(v1::REPLAY_BASIS_PANES_AFRESH,
                   "its memory began anew with the first pane of the incident: with other options "
                   "what it knew before does not fit, and its alarm may come later than it would "
                   "have",
                   &replayed);
        } else {
          SetBasis(v1::REPLAY_BASIS_PANES, "", &replayed);
        }
      }
    }
  }
  return absl::OkStatus();
}

// With another reference: the recorded rows are counted again, pane by pane.
absl::Status ReplayRows(const v1::Incident& incident, const StoredEvidence& evidence,
                        uint32_t index, const ModelSettings& settings, const WhatIf& what_if,
                        const Recorder* recorder, RecordedShare* share, ReplayedSeries* all) {
  const EvidencePin& pin = evidence.pins[index];
  std::vector<const EvidencePane*> panes;
  for (const EvidencePane& pane : evidence.panes) {
    for (const EvidenceEntry& entry : pane.entries) {
      if (entry.pin != index || pane.number < pin.from) continue;
      panes.push_back(&pane);
      for (const auto& [detector, was] : entry.verdicts) {
        Hold(pane, was, nullptr, &SeriesOf(pin.facts.name, detector, all));
      }
    }
  }
  absl::StatusOr<RecountedSignal> recounted =
      RecountSignal(incident, pin, panes, settings.window_panes, what_if.reference_first_ns,
                    what_if.reference_last_ns, recorder, share);
  if (!recounted.ok()) {
    if (!absl::IsFailedPrecondition(recounted.status())) return recounted.status();
    for (auto& [key, replayed] : *all) {
      if (key.first != pin.facts.name) continue;
      SetBasis(v1::REPLAY_BASIS_NONE, std::string(recounted.status().message()), &replayed);
    }
    return absl::OkStatus();
  }
  SignalState state;
  state.SetReference(recounted->reference, settings);
  state.ChooseDetectors(pin.facts, settings);
  size_t next = 0;
  for (const RecountedPane& pane : recounted->panes) {
    state.window->Add(pane.number, pane.sent, pane.summary);
    state.window->DropBefore(pane.number + 1 - int64_t{settings.window_panes});
    std::vector<DetectorReading> readings;
    JudgeSignal(settings, pane.increment.division, EvidenceOf(settings.budget, pane.increment),
                &pane.summary, nullptr, &state, &readings);
    if (pane.number < panes.front()->number) continue;  // Only fills the window.
    for (const DetectorReading& is : readings) {
      Replayed& replayed = SeriesOf(pin.facts.name, std::string(is.detector), all);
      if (FindKind(is.detector)->on_rolling) {
        SetBasis(v1::REPLAY_BASIS_NONE, "quiet panes are not counted again", &replayed);
        continue;
      }
      Note(*panes[next], is.verdict, &replayed);
      replayed.series.set_recomputed(replayed.series.recomputed() + 1);
      SetBasis(recounted->all_rows ? v1::REPLAY_BASIS_EVENTS : v1::REPLAY_BASIS_SOME_EVENTS,
               "counted again from recorded events, with bins of the new reference", &replayed);
    }
    ++next;
  }
  return absl::OkStatus();
}

bool HasAnswer(const v1::ReplaySeries& series) { return series.basis() != v1::REPLAY_BASIS_NONE; }

// Series, and how many of them were in alarm then.
struct Unanswered {
  uint64_t series = 0;
  uint64_t alarms = 0;
};

Unanswered CountUnanswered(const v1::ReplayIncidentResponse& response) {
  Unanswered count;
  for (const v1::ReplaySeries& series : response.series()) {
    if (HasAnswer(series)) continue;
    ++count.series;
    count.alarms += series.has_alarm_was() ? 1 : 0;
  }
  return count;
}

const char* WasOrWere(uint64_t count) { return count == 1 ? " was" : " were"; }

// Why nothing could be recomputed: the distinct notes of the series.
std::string NothingComputed(const v1::ReplayIncidentResponse& response) {
  std::string why;
  for (const v1::ReplaySeries& series : response.series()) {
    if (series.note().empty() || why.find(series.note()) != std::string::npos) continue;
    absl::StrAppend(&why, why.empty() ? ": " : "; ", series.note());
  }
  return "nothing could be recomputed, so this says nothing about alarms" + why;
}

std::string WhatIfAnswer(const v1::ReplayIncidentResponse& response) {
  uint64_t was = 0;
  uint64_t is = 0;
  for (const v1::ReplaySeries& series : response.series()) {
    if (!HasAnswer(series)) continue;
    was += series.has_alarm_was() ? 1 : 0;
    is += series.has_alarm_is() ? 1 : 0;
  }
  const Unanswered none = CountUnanswered(response);
  if (none.series == static_cast<uint64_t>(response.series_size())) {
    return NothingComputed(response);
  }
  std::string answer = absl::StrCat(
      is == 0 ? "no" : absl::StrCat(is), is > 1 ? " detectors" : " detector",
      " would have been in alarm, where ", was == 0 ? "none" : absl::StrCat(was), WasOrWere(was));
  if (none.series > 0) {
    absl::StrAppend(&answer, "; ", none.series, " more could not be recomputed");
    if (none.alarms > 0) {
      absl::StrAppend(&answer, ", of which ", none.alarms, WasOrWere(none.alarms), " in alarm");
    }
  }
  return answer;
}

std::string ExactAnswer(const v1::ReplayIncidentResponse& response) {
  if (response.verdicts() == 0) return NothingComputed(response);
  if (response.equal() == response.verdicts()) {
    return absl::StrCat("all ", response.verdicts(),
                        " verdicts were recomputed from stored panes and are equal bit for bit");
  }
  return absl::StrCat(response.equal(), " of ", response.verdicts(),
                      " verdicts are equal bit for bit, ", response.recomputed() - response.equal(),
                      " differ, ", response.verdicts() - response.recomputed(),
                      " could not be recomputed");
}

std::string Exactness(const StoredEvidence& evidence, const WhatIf& what_if,
                      const RecordedShare& share, const v1::ReplayIncidentResponse& response) {
  std::string words =
      absl::StrCat("from ", evidence.panes.size(), evidence.panes.size() == 1 ? " pane" : " panes",
                   " kept with the incident");
  if (evidence.panes_left_out > 0) {
    absl::StrAppend(
        &words, "; ", evidence.panes_left_out,
        " later ones were not kept because the evidence was full; their verdicts are unknown");
  }
  if (what_if.other_reference()) {
    absl::StrAppend(&words, "; the recorder holds ", share.found, " of the ", share.counted,
                    " rows that were counted in them");
  }
  if (what_if.settings != nullptr) {
    absl::StrAppend(&words,
                    "; tried were the settings that verdicts follow from (detectors, thresholds, "
                    "window, budget): panes stay as they were counted, and how many of them it "
                    "takes until an alert fires is not asked");
  }
  if (const uint64_t none = CountUnanswered(response).series; none > 0) {
    absl::StrAppend(&words, "; ", none, none == 1 ? " series has" : " series have",
                    " no answer: see their notes");
  }
  return words;
}

}  // namespace

absl::StatusOr<v1::Config> PinnedConfig(const StoredEvidence& evidence) {
  v1::Config config;
  if (evidence.pins.empty() || !config.ParseFromString(evidence.pins.back().config)) {
    return absl::FailedPreconditionError("the incident has no pinned settings");
  }
  return config;
}

absl::StatusOr<std::shared_ptr<const ModelSettings>> SettingsOf(const v1::Config& config) {
  const auto settings = Settings::Make(config, 1);
  if (!settings.ok()) return settings.status();
  return (*settings)->ForModel("*");
}

absl::StatusOr<v1::ReplayIncidentResponse> ReplayIncident(const v1::Incident& incident,
                                                          const StoredEvidence& evidence,
                                                          const WhatIf& what_if,
                                                          const Recorder* recorder) {
  if (evidence.pins.empty() || evidence.panes.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "incident ", incident.id(),
        " has no stored evidence: it is a test, was opened before evidence was kept, or ",
        kBundlesMax, " newer ones of its model have taken its place"));
  }
  ReplayedSeries all;
  RecordedShare share;
  for (uint32_t pin = 0; pin < evidence.pins.size(); ++pin) {
    std::shared_ptr<const ModelSettings> settings = what_if.settings;
    if (settings == nullptr) {
      v1::Config config;
      if (!config.ParseFromString(evidence.pins[pin].config)) {
        return absl::DataLossError("evidence: pinned settings are damaged");
      }
      auto made = SettingsOf(config);
      if (!made.ok()) return made.status();
      settings = *std::move(made);
    }
    const absl::Status status =
        what_if.other_reference()
            ? ReplayRows(incident, evidence, pin, *settings, what_if, recorder, &share, &all)
            : ReplayPin(evidence, pin, *settings, &all);
    if (!status.ok()) return status;
  }
  v1::ReplayIncidentResponse response;
  for (auto& [key, replayed] : all) {
    v1::ReplaySeries& series = replayed.series;
    if (series.basis() == v1::REPLAY_BASIS_UNSPECIFIED) {
      SetBasis(v1::REPLAY_BASIS_NONE, "no detector of these settings looks at it", &replayed);
    }
    ThinPoints(&replayed.points);
    *series.mutable_points() = replayed.points.points();
    response.set_verdicts(response.verdicts() + series.verdicts());
    response.set_recomputed(response.recomputed() + series.recomputed());
    response.set_equal(response.equal() + series.equal());
    *response.add_series() = std::move(series);
  }
  response.set_identical(what_if.nothing() && response.verdicts() > 0 &&
                         response.equal() == response.verdicts() && evidence.panes_left_out == 0);
  response.set_answer(what_if.nothing() ? ExactAnswer(response) : WhatIfAnswer(response));
  response.set_exactness(Exactness(evidence, what_if, share, response));
  if (what_if.other_reference() && share.counted > 0) {
    response.set_events_share(static_cast<double>(share.found) /
                              static_cast<double>(share.counted));
  }
  if (evidence.pins.front().daemon != kDaemonVersion) {
    response.set_daemon_then(evidence.pins.front().daemon);
  }
  return response;
}

}  // namespace faultline::review
