#include "daemon/core/incident/incident_words.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/time.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <tuple>
#include <vector>

#include "detectors/catalog.h"

namespace faultline {
namespace {

// Means that differ by less than this share of the larger one are not a finding; the shape is.
constexpr double kMeanDifferenceMin = 0.02;
// Number of signals to name after the first one.
constexpr size_t kNamedMax = 3;

struct SpecialCell {
  std::string_view label;
  const char* words;
};

constexpr SpecialCell kSpecialCells[] = {
    {"(missing)", "is missing"},
    {"(invalid)", "is NaN or infinite"},
    {"(under)", "is below its reference range"},
    {"(over)", "is above its reference range"},
    {"(unseen)", "has categories that the reference does not have"},
};

// nullptr if the cell is not special.
const char* SpecialWords(std::string_view label) {
  for (const SpecialCell& cell : kSpecialCells) {
    if (cell.label == label) return cell.words;
  }
  return nullptr;
}

std::string NumberWords(double value) { return absl::StrFormat("%.4g", value); }

std::string Shares(const v1::DistributionCell& cell) {
  return absl::StrCat(" in ", ShareWords(cell.window_share()), " of rows (reference ",
                      ShareWords(cell.reference_share()), ")");
}

// The special cell whose share grew most, or null if no share grew.
const v1::DistributionCell* GrownSpecialCell(const v1::SignalEvidence& evidence) {
  const v1::DistributionCell* found = nullptr;
  double most = 0;
  for (const v1::DistributionCell& cell : evidence.cells()) {
    const double growth = cell.window_share() - cell.reference_share();
    if (growth > most && SpecialWords(cell.label()) != nullptr) {
      most = growth;
      found = &cell;
    }
  }
  return found;
}

// The cell whose share changed most, or null if no share changed.
const v1::DistributionCell* ChangedCell(const v1::SignalEvidence& evidence) {
  const v1::DistributionCell* found = nullptr;
  double most = 0;
  for (const v1::DistributionCell& cell : evidence.cells()) {
    const double change = std::abs(cell.window_share() - cell.reference_share());
    if (change > most) {
      most = change;
      found = &cell;
    }
  }
  return found;
}

// The value of a constant reference, whose only bin is not a range; otherwise empty.
std::string ConstantOf(const v1::SignalEvidence& evidence) {
  if (evidence.cells_size() < 2 || evidence.cells(1).label() != "(under)") return {};
  const std::string& label = evidence.cells(0).label();
  return label.find(" .. ") == std::string::npos ? label : std::string();
}

std::string QualityFinding(const v1::SignalEvidence& evidence) {
  const v1::DistributionCell* cell = GrownSpecialCell(evidence);
  if (cell == nullptr) return {};
  const std::string constant = ConstantOf(evidence);
  const bool outside = cell->label() == "(under)" || cell->label() == "(over)";
  if (!constant.empty() && outside) {
    double left = 0;
    for (const v1::DistributionCell& each : evidence.cells()) {
      if (each.label() == "(under)" || each.label() == "(over)") left += each.window_share();
    }
    return absl::StrCat("left its constant ", constant, " in ", ShareWords(left), " of rows");
  }
  return absl::StrCat(SpecialWords(cell->label()), Shares(*cell));
}

std::string ShapeFinding(const v1::SignalEvidence& evidence) {
  const v1::DistributionCell* cell = ChangedCell(evidence);
  if (cell == nullptr) return {};
  const char* special = SpecialWords(cell->label());
  if (special != nullptr) return absl::StrCat(special, Shares(*cell));
  return absl::StrCat("is ", cell->label(), Shares(*cell));
}

std::string MeanFinding(const v1::SignalEvidence& evidence) {
  if (!evidence.has_reference_mean() || !evidence.has_window_mean()) return {};
  const double reference = evidence.reference_mean();
  const double window = evidence.window_mean();
  const double size = std::max(std::abs(reference), std::abs(window));
  if (!(std::abs(window - reference) >= kMeanDifferenceMin * size) || size == 0) return {};
  return absl::StrCat("has mean ", NumberWords(window), " (reference ", NumberWords(reference),
                      ")");
}

// " 0.41 (threshold 0.25)", or empty.
std::string ScoreWords(const v1::Verdict& verdict) {
  if (!verdict.has_score()) return {};
  std::string words = " " + NumberWords(verdict.score());
  if (verdict.has_threshold()) {
    absl::StrAppend(&words, " (threshold ", NumberWords(verdict.threshold()), ")");
  }
  return words;
}

// The alert to name first: the strongest one of the incident's failure mode.
const v1::Alert& LeadingAlert(const v1::Incident& incident) {
  // Every kind of alert can show drift.
  if (incident.failure_mode() == v1::FAILURE_MODE_INPUT_DRIFT) return incident.alerts(0);
  for (const v1::Alert& alert : incident.alerts()) {
    const CatalogEntry* entry = FindKind(std::string_view(alert.detector()));
    if (entry == nullptr) continue;
    if (static_cast<v1::FailureMode>(entry->failure_mode) == incident.failure_mode()) return alert;
  }
  return incident.alerts(0);
}

// Signals of the alerts, the leading one first, then in order of the alerts.
std::vector<std::string> SignalNames(const v1::Incident& incident, const std::string& leading) {
  std::vector<std::string> names = {leading};
  for (const v1::Alert& alert : incident.alerts()) {
    if (std::find(names.begin(), names.end(), alert.signal()) == names.end()) {
      names.push_back(alert.signal());
    }
  }
  return names;
}

const v1::SignalEvidence* EvidenceOf(const v1::Incident& incident, std::string_view signal) {
  for (const v1::SignalEvidence& evidence : incident.evidence()) {
    if (evidence.signal() == signal) return &evidence;
  }
  return nullptr;
}

}  // namespace

std::string TimeWords(int64_t time_ns) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixNanos(time_ns),
                          absl::UTCTimeZone());
}

std::string ShareWords(double share) {
  const double percent = 100 * share;
  if (share > 0 && percent < 0.1) return "under 0.1 %";
  if (share < 1 && percent > 99) return "over 99 %";
  if (percent >= 10) return absl::StrFormat("%.0f %%", percent);
  std::string digits = absl::StrFormat("%.1f", percent);
  if (digits.ends_with(".0")) digits.resize(digits.size() - 2);
  return digits + " %";
}

std::string AlertName(const v1::Alert& alert) {
  return absl::StrCat(alert.detector(), " of ", alert.signal());
}

std::string AlertWords(const v1::Alert& alert) {
  const bool resolved = alert.state() == v1::ALERT_STATE_RESOLVED;
  const std::string score = ScoreWords(resolved ? alert.verdict() : alert.peak());
  return absl::StrCat(AlertName(alert), resolved ? " resolved" : " fired", score.empty() ? "" : ":",
                      score);
}

double Strength(const v1::Alert& alert) {
  const v1::Verdict& peak = alert.peak();
  const double ratio = peak.threshold() > 0 ? peak.score() / peak.threshold() : 0;
  return std::isnan(ratio) ? 0 : ratio;
}

bool ComesBefore(const v1::Alert& a, const v1::Alert& b) {
  const auto rank = [](const v1::Alert& alert) {
    return std::tuple(alert.state() != v1::ALERT_STATE_FIRING, -Strength(alert),
                      std::string_view(alert.signal()), std::string_view(alert.detector()));
  };
  return rank(a) < rank(b);
}

std::string Finding(const v1::Alert& alert, const v1::SignalEvidence* evidence) {
  std::string finding;
  if (evidence != nullptr) {
    const CatalogEntry* entry = FindKind(std::string_view(alert.detector()));
    const bool quality = entry != nullptr && entry->concern == Concern::kQuality;
    if (quality) finding = QualityFinding(*evidence);
    if (finding.empty()) finding = MeanFinding(*evidence);
    if (finding.empty()) finding = ShapeFinding(*evidence);
  }
  if (!finding.empty()) return finding;
  // For signals that only count rows.
  if (evidence == nullptr && !alert.peak().detail().empty()) {
    return absl::StrCat("is in alarm: ", alert.peak().detail());
  }
  const std::string score = ScoreWords(alert.peak());
  if (score.empty()) return absl::StrCat("is in alarm (", alert.detector(), ")");
  return absl::StrCat("has ", alert.detector(), score);
}

std::string SummarySentence(const v1::Incident& incident) {
  if (incident.test()) return "test alert: nothing is wrong, it resolves by itself";
  if (incident.alerts().empty()) return {};
  std::string model = incident.model();
  if (!incident.version().empty()) absl::StrAppend(&model, " ", incident.version());
  const v1::Alert& leading = LeadingAlert(incident);
  const std::vector<std::string> names = SignalNames(incident, leading.signal());
  const std::string finding = Finding(leading, EvidenceOf(incident, leading.signal()));
  const google::protobuf::Timestamp& began =
      incident.has_change_time() ? incident.change_time().time() : incident.start_time();
  const std::string since = absl::StrCat(
      " since ", TimeWords(google::protobuf::util::TimeUtil::TimestampToNanoseconds(began)));
  if (names.size() == 1) {
    return absl::StrCat(leading.signal(), " of ", model, " ", finding, since);
  }
  const uint32_t unlisted = incident.alerts_total() - static_cast<uint32_t>(incident.alerts_size());
  std::string sentence =
      absl::StrCat(unlisted > 0 ? "at least " : "", names.size(), " signals of ", model, ": ",
                   leading.signal(), " ", finding, since, "; also ", names[1]);
  for (size_t i = 2; i < std::min(names.size(), kNamedMax + 1); ++i) {
    absl::StrAppend(&sentence, ", ", names[i]);
  }
  if (names.size() > kNamedMax + 1) {
    absl::StrAppend(&sentence, " and ", names.size() - kNamedMax - 1, " more");
  }
  return sentence;
}

}  // namespace faultline
