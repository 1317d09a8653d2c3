#include "daemon/core/alert/alert_book.h"

#include <absl/status/status.h>
#include <google/protobuf/util/time_util.h>

#include <cmath>

#include "base/clean_text.h"
#include "daemon/core/settings/limits.h"
#include "daemon/core/signal/verdict_codec.h"

namespace faultline {
namespace {

constexpr uint8_t kVersion = 1;
// Factor by which a peak must rise to be reported again: a score that climbs for hours then renews
// its incident a few dozen times, not at every pane.
constexpr double kRise = 1.1;

Verdict Bounded(const Verdict& verdict) {
  Verdict bounded = verdict;
  bounded.detail = CleanText(verdict.detail, kVerdictDetailBytesMax);
  return bounded;
}

bool Higher(double score, double than) {
  return std::isnan(than) ? !std::isnan(score) : score > than;
}

bool IsUnder(const Verdict& verdict, double margin) {
  // A quiet verdict without a score or a threshold (a reload removed it) counts as under.
  return verdict.state == VerdictState::kQuiet &&
         !(verdict.score > verdict.threshold * (1 - margin));
}

}  // namespace

bool AlertBook::Advance(const AlertPolicy& policy, const Verdict& verdict, int64_t pane_end_ns,
                        Entry* entry) {
  Alert& alert = entry->alert;
  if (alert.state == v1::ALERT_STATE_PENDING) {
    if (verdict.state == VerdictState::kQuiet) return false;
    if (verdict.state != VerdictState::kAlarm || ++entry->over_panes < policy.fire_panes) {
      return true;
    }
    alert.state = v1::ALERT_STATE_FIRING;
    alert.fire_ns = pane_end_ns;
    return true;
  }
  if (IsUnder(verdict, policy.resolve_margin)) {
    if (++entry->under_panes < policy.resolve_panes) return true;
    alert.state = v1::ALERT_STATE_RESOLVED;
    alert.resolve_ns = pane_end_ns;
    return false;
  }
  if (verdict.state != VerdictState::kCannotTell) entry->under_panes = 0;
  return true;
}

void AlertBook::Judge(std::string_view signal, std::string_view detector, const AlertPolicy& policy,
                      bool silenced, const Verdict& verdict, int64_t pane_start_ns,
                      int64_t pane_end_ns, std::vector<AlertTransition>* transitions) {
  auto it = entries_.find(Key{signal, detector});
  const bool alarm = verdict.state == VerdictState::kAlarm;
  if (it == entries_.end() && !alarm) return;
  ++revision_;
  if (it == entries_.end()) {
    if (entries_.size() >= kAlertsPerModelMax) {
      ++untracked_;
      return;
    }
    AlertKey key{std::string(signal), std::string(detector)};
    it = entries_.emplace(std::move(key), Entry{}).first;
    it->second.alert.start_ns = pane_start_ns;
    it->second.alert.silenced = silenced;
  }
  Entry& entry = it->second;
  Alert& alert = entry.alert;
  const bool silence_turned = alert.silenced != silenced;
  alert.silenced = silenced;
  alert.severity = policy.severity;
  alert.unbudgeted = policy.unbudgeted;
  alert.newest = Bounded(verdict);
  const bool first = alert.peak.state != VerdictState::kAlarm;
  if (alarm && (first || Higher(verdict.score, alert.peak.score))) alert.peak = alert.newest;

  const auto report = [&](AlertTransition::Kind kind) {
    entry.reported = true;
    entry.reported_peak = alert.peak.score;
    transitions->push_back({kind, it->first, alert});
  };
  if (!Advance(policy, verdict, pane_end_ns, &entry)) {
    if (entry.reported) report(AlertTransition::Kind::kResolved);
    entries_.erase(it);
    return;
  }
  if (alert.state != v1::ALERT_STATE_FIRING) return;
  if (!entry.reported) {
    if (!silenced) report(AlertTransition::Kind::kFired);
    return;
  }
  const bool rose = Higher(alert.peak.score, entry.reported_peak) &&
                    !(alert.peak.score < entry.reported_peak * kRise);
  if (silence_turned || rose) report(AlertTransition::Kind::kRenewed);
}

void AlertBook::Retain(const std::function<bool(const AlertKey&)>& keep, int64_t at_ns,
                       std::vector<AlertTransition>* transitions) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (keep(it->first)) {
      ++it;
      continue;
    }
    ++revision_;
    if (it->second.reported) {
      Alert& alert = it->second.alert;
      alert.state = v1::ALERT_STATE_RESOLVED;
      alert.resolve_ns = at_ns;
      transitions->push_back({AlertTransition::Kind::kResolved, it->first, alert});
    }
    it = entries_.erase(it);
  }
}

void AlertBook::ForEach(const std::function<void(const AlertKey&, const Alert&)>& visit) const {
  for (const auto& [key, entry] : entries_) visit(key, entry.alert);
}

const Alert* AlertBook::Firing(std::string_view signal, std::string_view detector) const {
  const auto it = entries_.find(Key{signal, detector});
  const bool firing = it != entries_.end() && it->second.alert.state == v1::ALERT_STATE_FIRING;
  return firing ? &it->second.alert : nullptr;
}

uint32_t AlertBook::PendingPanes(std::string_view signal, std::string_view detector) const {
  const auto it = entries_.find(Key{signal, detector});
  if (it == entries_.end() || it->second.alert.state != v1::ALERT_STATE_PENDING) return 0;
  return it->second.over_panes;
}

void AlertBook::EncodeEntry(const AlertKey& key, const Entry& entry, Encoder* out) {
  const Alert& alert = entry.alert;
  out->String(key.signal);
  out->String(key.detector);
  out->Fixed8(static_cast<uint8_t>(alert.state));
  out->Fixed8(static_cast<uint8_t>(alert.severity));
  out->Signed(alert.start_ns);
  out->Signed(alert.fire_ns);
  EncodeVerdict(alert.newest, out);
  EncodeVerdict(alert.peak, out);
  out->Fixed8(alert.unbudgeted ? 1 : 0);
  out->Fixed8(alert.silenced ? 1 : 0);
  out->Varint(entry.over_panes);
  out->Varint(entry.under_panes);
  out->Fixed8(entry.reported ? 1 : 0);
  out->Double(CanonicalNumber(entry.reported_peak));
}

void AlertBook::Encode(std::string* bytes) const {
  Encoder out(bytes);
  out.Fixed8(kVersion);
  out.Varint(untracked_);
  out.Varint(entries_.size());
  for (const auto& [key, entry] : entries_) EncodeEntry(key, entry, &out);
}

bool AlertBook::DecodeEntry(Decoder* in, Entries* entries) {
  AlertKey key;
  Entry entry;
  Alert& alert = entry.alert;
  key.signal = in->String();
  key.detector = in->String();
  alert.state = static_cast<v1::AlertState>(in->Fixed8());
  alert.severity = static_cast<v1::Severity>(in->Fixed8());
  alert.start_ns = in->Signed();
  alert.fire_ns = in->Signed();
  if (!DecodeVerdict(in, &alert.newest) || !DecodeVerdict(in, &alert.peak)) return false;
  if (std::max(alert.newest.detail.size(), alert.peak.detail.size()) > kVerdictDetailBytesMax) {
    return false;
  }
  alert.unbudgeted = in->Fixed8() != 0;
  alert.silenced = in->Fixed8() != 0;
  entry.over_panes = static_cast<uint32_t>(in->Varint());
  entry.under_panes = static_cast<uint32_t>(in->Varint());
  entry.reported = in->Fixed8() != 0;
  entry.reported_peak = in->Double();
  const bool pending = alert.state == v1::ALERT_STATE_PENDING;
  if (!in->ok() || !v1::Severity_IsValid(alert.severity) ||
      (!pending && alert.state != v1::ALERT_STATE_FIRING) || (pending && entry.reported)) {
    return false;
  }
  return entries->emplace(std::move(key), std::move(entry)).second;
}

absl::Status AlertBook::Decode(std::string_view bytes) {
  Decoder in(bytes);
  const uint8_t version = in.Fixed8();
  if (in.ok() && version > kVersion) {
    return absl::FailedPreconditionError("alerts were written by a newer version");
  }
  AlertBook book;
  book.untracked_ = in.Varint();
  const uint64_t count = in.Varint();
  bool sound = in.ok() && version == kVersion && count <= kAlertsPerModelMax;
  for (uint64_t i = 0; sound && i < count; ++i) sound = DecodeEntry(&in, &book.entries_);
  // Encoding must give the same bytes; this also detects a wrong order or range.
  std::string again;
  if (sound) book.Encode(&again);
  if (!sound || again != bytes) return absl::DataLossError("alerts are damaged");
  book.revision_ = revision_ + 1;
  *this = std::move(book);
  return absl::OkStatus();
}

double EvidenceRatio(const Verdict& verdict) {
  if (!(verdict.budget_share > 0)) return kUnset;
  // Score and threshold are log10(1 + mass / increment) of the evidence and of the alarm level.
  constexpr double kLn10 = 2.302585092994046;
  constexpr double kScoreMax = 300;
  return std::expm1(std::min(verdict.score, kScoreMax) * kLn10) /
         std::expm1(verdict.threshold * kLn10);
}

v1::Verdict VerdictMessage(std::string_view detector, const Verdict& verdict, bool unbudgeted) {
  v1::Verdict message;
  message.set_detector(std::string(detector));
  message.set_state(static_cast<v1::VerdictState>(verdict.state));
  if (!std::isnan(verdict.score)) message.set_score(verdict.score);
  if (!std::isnan(verdict.threshold)) message.set_threshold(verdict.threshold);
  if (!std::isnan(verdict.effect_size)) message.set_effect_size(verdict.effect_size);
  if (!std::isnan(verdict.noise_floor)) message.set_noise_floor(verdict.noise_floor);
  if (!std::isnan(verdict.p_value)) message.set_p_value(verdict.p_value);
  if (!std::isnan(verdict.effect_low)) message.set_effect_low(verdict.effect_low);
  if (!std::isnan(verdict.effect_high)) message.set_effect_high(verdict.effect_high);
  if (!std::isnan(verdict.budget_share)) message.set_budget_share(verdict.budget_share);
  if (const double ratio = EvidenceRatio(verdict); !std::isnan(ratio)) {
    message.set_evidence_ratio(ratio);
  }
  if (!std::isnan(verdict.dispersion)) message.set_rows_per_independent_row(verdict.dispersion);
  if (verdict.season != Season::kNone) {
    message.set_season_hours(static_cast<uint32_t>(verdict.season));
  }
  if (verdict.change_ns != 0 && verdict.state == VerdictState::kAlarm) {
    using google::protobuf::util::TimeUtil;
    v1::TimeEstimate* change = message.mutable_change_time();
    *change->mutable_time() = TimeUtil::NanosecondsToTimestamp(verdict.change_ns);
    *change->mutable_earliest() = TimeUtil::NanosecondsToTimestamp(verdict.change_from_ns);
    *change->mutable_latest() = TimeUtil::NanosecondsToTimestamp(verdict.change_to_ns);
    change->set_basis(
        "two standard deviations of the posterior time of change, plus the length of a batch");
  }
  message.set_rows(verdict.rows);
  message.set_reference_rows(verdict.reference_rows);
  message.set_detail(CleanText(verdict.detail, kVerdictDetailBytesMax));
  message.set_unbudgeted(unbudgeted);
  return message;
}

v1::Alert AlertMessage(const AlertKey& key, const Alert& alert) {
  using google::protobuf::util::TimeUtil;
  v1::Alert message;
  message.set_signal(key.signal);
  message.set_detector(key.detector);
  message.set_state(alert.state);
  message.set_severity(alert.severity);
  if (alert.start_ns != 0) {
    *message.mutable_start_time() = TimeUtil::NanosecondsToTimestamp(alert.start_ns);
  }
  if (alert.fire_ns != 0) {
    *message.mutable_fire_time() = TimeUtil::NanosecondsToTimestamp(alert.fire_ns);
  }
  if (alert.resolve_ns != 0) {
    *message.mutable_resolve_time() = TimeUtil::NanosecondsToTimestamp(alert.resolve_ns);
  }
  *message.mutable_verdict() = VerdictMessage(key.detector, alert.newest, alert.unbudgeted);
  *message.mutable_peak() = VerdictMessage(key.detector, alert.peak, alert.unbudgeted);
  message.set_silenced(alert.silenced);
  return message;
}

}  // namespace faultline
