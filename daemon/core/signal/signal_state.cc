#include "daemon/core/signal/signal_state.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <string>
#include <utility>

#include "detectors/evidence/reference_law.h"

namespace faultline {
namespace {

bool LooksAt(const DetectorSettings& detector, const SignalFacts& facts) {
  if (!facts.counted()) return false;
  const Transform* transform = detector.detector.transform.get();
  if (transform != nullptr) {
    return facts.transform == transform->facts().name && transform->Makes(facts.name);
  }
  const SignalType type = facts.numeric() ? SignalType::kNumeric : SignalType::kCategorical;
  const bool judges = detector.detector.compare != nullptr ? detector.detector.compare->Judges(type)
                                                           : detector.detector.follow->Judges(type);
  if (!judges) return false;
  if (detector.signals.empty()) {
    if (facts.owned) return false;
    return detector.entry->watched == Watched::kColumns || facts.role == v1::COLUMN_ROLE_STATUS;
  }
  return std::any_of(
      detector.signals.begin(), detector.signals.end(),
      [&](const std::string& pattern) { return MatchesPattern(pattern, facts.name); });
}

FollowState StartFollow(const DetectorSettings& detector) {
  FollowState follow;
  follow.detector = detector.entry->name;
  follow.fingerprint = detector.fingerprint;
  follow.state.resize(detector.detector.follow->state_bytes());
  detector.detector.follow->Start(follow.state);
  follow.newest.detail = "no pane has closed yet";
  return follow;
}

Verdict CannotTell(const SignalState& signal, std::string detail) {
  Verdict verdict;
  verdict.reference_rows = signal.reference->summary().rows();
  verdict.rows = signal.window->merged().rows();
  verdict.detail = std::move(detail);
  return verdict;
}

Verdict CompareOne(const DetectorSettings& detector, const RollingReference* rolling,
                   const SignalState& signal) {
  const Summary& reference = signal.reference->summary();
  if (detector.entry->on_rolling) {
    if (rolling == nullptr) return CannotTell(signal, "no quiet panes yet");
    return detector.detector.compare->Compare(reference, rolling->merged());
  }
  return detector.detector.compare->Compare(reference, signal.window->merged());
}

// Why no detector can judge the signal, or nullptr.
const char* WhyNot(const SignalState& signal) {
  if (signal.window->panes() == 0) return "no pane has closed yet";
  return signal.window->sent_panes() == 0 ? "column not sent" : nullptr;
}

std::string MissingOf(const SignalFacts& facts, const ModelSettings& settings,
                      const SignalState& signal, std::string_view waiting,
                      const std::vector<DetectorReading>& readings) {
  if (signal.ignored) return "ignored by the configuration";
  if (!facts.counted()) {
    std::vector<std::string> made;
    for (const SignalFacts& by : Schema::MadeOf(facts.name, facts.type)) {
      made.push_back(absl::StrCat(by.transform, ": ", by.name));
    }
    return absl::StrCat("vectors are judged by their ", absl::StrJoin(made, ", "));
  }
  if (signal.reference == nullptr) return std::string(waiting);
  if (const char* why = WhyNot(signal)) return why;
  if (readings.empty()) return "no detector judges it";
  bool any_threshold = false;
  bool applies = false;
  std::string inapplicable;
  for (size_t i = 0; i < readings.size(); ++i) {
    if (!settings.detectors[signal.detectors[i]].has_threshold) continue;
    any_threshold = true;
    const Verdict& verdict = readings[i].verdict;
    applies = applies || !verdict.inapplicable;
    if (verdict.inapplicable) {
      inapplicable = verdict.detail;
    } else if (verdict.state == VerdictState::kCannotTell) {
      return verdict.detail;
    }
  }
  if (!any_threshold) return "no threshold or alarm budget is set";
  return applies ? "" : inapplicable;
}

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? kUnset : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void SignalState::SetReference(std::shared_ptr<const SignalReference> to,
                               const ModelSettings& settings) {
  window.reset();  // It points to the reference.
  reference = std::move(to);
  ClearWindow();
  follow.clear();
  ChooseFollow(settings);
}

void SignalState::ClearWindow() {
  window = reference == nullptr ? nullptr : std::make_unique<SignalWindow>(&reference->shape());
}

bool SignalState::ChooseDetectors(const SignalFacts& facts, const ModelSettings& settings) {
  detectors.clear();
  for (size_t i = 0; i < settings.detectors.size(); ++i) {
    const DetectorSettings& detector = settings.detectors[i];
    if (!LooksAt(detector, facts)) continue;
    // The first matching entry of a kind applies, as everywhere in settings.
    const bool taken = std::any_of(detectors.begin(), detectors.end(), [&](uint16_t other) {
      return settings.detectors[other].entry == detector.entry;
    });
    if (!taken) detectors.push_back(static_cast<uint16_t>(i));
  }
  return ChooseFollow(settings);
}

bool SignalState::ChooseFollow(const ModelSettings& settings) {
  std::vector<FollowState> before = std::exchange(follow, {});
  bool changed = false;
  if (reference == nullptr) return !before.empty();
  follow.reserve(std::count_if(detectors.begin(), detectors.end(), [&](uint16_t index) {
    return settings.detectors[index].detector.follow != nullptr;
  }));
  for (const uint16_t index : detectors) {
    const DetectorSettings& detector = settings.detectors[index];
    if (detector.detector.follow == nullptr) continue;
    const auto kept = std::find_if(before.begin(), before.end(), [&](const FollowState& state) {
      return state.detector == detector.entry->name && state.fingerprint == detector.fingerprint &&
             state.state.size() == detector.detector.follow->state_bytes();
    });
    changed = changed || kept == before.end();
    follow.push_back(kept == before.end() ? StartFollow(detector) : std::move(*kept));
    follow.back().index = index;
  }
  return changed || follow.size() != before.size();
}

size_t SignalState::memory_bytes() const {
  size_t bytes = sizeof *this + detectors.capacity() * sizeof(uint16_t);
  if (reference != nullptr) bytes += reference->memory_bytes();
  if (window != nullptr) bytes += window->memory_bytes();
  for (const FollowState& state : follow) {
    bytes += sizeof state + state.state.capacity() + state.newest.detail.capacity();
  }
  return bytes;
}

uint32_t JudgeSignal(const ModelSettings& settings, const BudgetDivision& division,
                     const PaneEvidence& evidence, const Summary* pane,
                     const RollingReference* rolling, SignalState* signal,
                     std::vector<DetectorReading>* readings) {
  if (!signal->judged() || signal->window->panes() == 0) return 0;
  const bool sent = signal->window->sent_panes() > 0;
  uint32_t alarms = 0;
  for (FollowState& follow : signal->follow) {
    if (!sent) {
      follow.newest = CannotTell(*signal, WhyNot(*signal));
      continue;
    }
    if (pane == nullptr) continue;
    const DetectorSettings& detector = settings.detectors[follow.index];
    const FollowInput input = {.reference = signal->reference->summary(),
                               .law = signal->reference->law(),
                               .pane = *pane,
                               .begin_s = evidence.begin_s,
                               .end_s = evidence.end_s,
                               .budget_increment = evidence.increment * division.ShareOf(detector),
                               .threshold = evidence.threshold,
                               .resolve_looks = settings.resolve_panes};
    const bool alarmed = follow.newest.state == VerdictState::kAlarm;
    follow.newest = detector.detector.follow->Follow(input, follow.state);
    if (detector.entry->budgeted) follow.newest.budget_share = division.ShareOf(detector);
    alarms += detector.entry->budgeted && !alarmed && follow.newest.state == VerdictState::kAlarm;
  }
  ReviewSignal(settings, rolling, *signal, readings);
  return alarms;
}

void ReviewSignal(const ModelSettings& settings, const RollingReference* rolling,
                  const SignalState& signal, std::vector<DetectorReading>* readings) {
  if (!signal.judged()) return;
  readings->reserve(signal.detectors.size());
  const char* why_not = WhyNot(signal);
  for (const uint16_t index : signal.detectors) {
    const DetectorSettings& detector = settings.detectors[index];
    DetectorReading& reading = readings->emplace_back();
    reading.detector = detector.entry->name;
    reading.unbudgeted = !detector.entry->budgeted;
    if (why_not != nullptr) {
      reading.verdict = CannotTell(signal, why_not);
    } else if (detector.detector.follow == nullptr) {
      reading.verdict = CompareOne(detector, rolling, signal);
    } else {
      const auto follow = std::find_if(
          signal.follow.begin(), signal.follow.end(),
          [&](const FollowState& state) { return state.detector == detector.entry->name; });
      if (follow != signal.follow.end()) reading.verdict = follow->newest;
    }
  }
}

SignalReading ReadSignal(const SignalFacts& facts, const ModelSettings& settings,
                         const SignalState& signal, std::string_view waiting,
                         std::vector<DetectorReading> readings) {
  SignalReading reading;
  reading.name = facts.name;
  reading.type = static_cast<uint8_t>(facts.type);
  reading.role = facts.role;
  reading.derived = facts.derived();
  const bool alarm =
      std::any_of(readings.begin(), readings.end(), [](const DetectorReading& detector) {
        return detector.verdict.state == VerdictState::kAlarm;
      });
  if (alarm) {
    reading.state = VerdictState::kAlarm;
  } else {
    reading.missing = MissingOf(facts, settings, signal, waiting, readings);
    reading.state = reading.missing.empty() ? VerdictState::kQuiet : VerdictState::kCannotTell;
  }
  reading.readings = std::move(readings);
  if (signal.reference == nullptr) return reading;
  const Summary& window = signal.window->merged();
  reading.reference_rows = signal.reference->summary().rows();
  reading.window_rows = window.rows();
  if (facts.owned && signal.reference->empty()) return reading;  // Its rows have no values.
  reading.missing_ratio = Ratio(window.missing(), window.rows());
  if (signal.reference->empty()) return reading;
  if (facts.numeric()) {
    reading.out_of_range_ratio = Ratio(window.under() + window.over(), window.values());
  } else {
    reading.unseen_ratio = Ratio(window.unseen(), window.values());
  }
  return reading;
}

}  // namespace faultline
