#include "daemon/core/incident/triage.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "base/clean_text.h"
#include "daemon/core/incident/incident_words.h"
#include "daemon/core/incident/triage_rules.h"
#include "detectors/catalog.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

constexpr size_t kHypothesesMax = 5;
constexpr int kArgumentsMax = 8;
// Weight of the second and each further signal with the same finding, at most four of them.
constexpr double kRepeated = 0.25;
constexpr int kRepeatedMax = 4;
constexpr double kHighShare = 0.6;
constexpr double kMediumShare = 0.4;
constexpr uint64_t kRowsMin = 20;
// Maximum relative difference between the factors of centre and spread; larger for few rows, whose
// spread is uncertain.
constexpr double kSameFactor = 1.08;
constexpr double kSameFactorErrors = 2.5;
constexpr double kSameFactorMax = 1.35;
// Smaller factors are drift, not units.
constexpr double kFactorMin = 1.7;
constexpr double kStuckShare = 0.995;
constexpr double kVariedShare = 0.9;
constexpr size_t kLabelBytesMax = 64;

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// The factor if `now` = factor x `was`, in both centre and spread; otherwise 0. Uses the ends of
// the range where values are outside the range of moments.
double FactorOf(const Summary& was, const Summary& now) {
  if (was.shape().constant() || was.values() < kRowsMin || now.values() < kRowsMin) return 0;
  const double middle = now.mean() / was.mean();
  const double spread = std::sqrt(now.variance() / was.variance());
  const double same =
      std::min(kSameFactorMax,
               kSameFactor + kSameFactorErrors / std::sqrt(static_cast<double>(now.values())));
  const auto fits = [same](double a, double b) {
    return a > 0 && b > 0 && std::max(a, b) / std::min(a, b) < same &&
           (a > kFactorMin || a < 1 / kFactorMin);
  };
  if (fits(middle, spread)) return std::sqrt(middle * spread);
  const double largest = now.largest() / was.largest();
  const double least = now.least() / was.least();
  const bool far = Share(now.over(), now.values()) > kVariedShare;
  if (far && largest > 0 && least > 0 && std::max(largest, least) < 8 * std::min(largest, least) &&
      std::min(largest, least) > kFactorMin) {
    return std::sqrt(largest * least);
  }
  return 0;
}

std::string StuckNumber(const Summary& was, const Summary& now) {
  if (was.shape().constant() || now.values() < kRowsMin) return {};
  if (!(now.least() == now.largest()) || was.least() == was.largest()) return {};
  // A value that most reference rows have may fill a pane by chance.
  uint64_t most = 0;
  for (uint32_t i = 0; i < was.shape().bins(); ++i) most = std::max(most, was.cells()[i]);
  if (Share(most, was.values()) > kVariedShare) return {};
  return absl::StrFormat("%.6g", now.least());
}

std::string StuckCategory(const Summary& was, const Summary& now) {
  if (now.values() < kRowsMin) return {};
  const auto& categories = was.shape().categories;
  for (size_t i = 0; i < categories.size(); ++i) {
    if (Share(now.cells()[i], now.values()) >= kStuckShare &&
        Share(was.cells()[i], was.values()) < kVariedShare) {
      return absl::StrCat("\"", CleanText(categories[i], kLabelBytesMax), "\"");
    }
  }
  return {};
}

// Letters and digits in lower case: a category without its spelling.
std::string Plain(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    // Bytes beyond ASCII stay unchanged.
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || (c & 0x80) != 0) {
      plain.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    }
  }
  return plain;
}

void FindRewritten(const Summary& reference, const Summary& window, SignalFinding* finding) {
  for (const TopK::Entry& entry : window.unseen_top().Ranked()) {
    const std::string plain = Plain(entry.label);
    if (plain.empty()) continue;
    for (const std::string& category : reference.shape().categories) {
      if (Plain(category) != plain) continue;
      finding->written_was = CleanText(category, kLabelBytesMax);
      finding->written_is = CleanText(entry.label, kLabelBytesMax);
      return;
    }
  }
}

struct Scored {
  double score = 0;
  v1::Hypothesis hypothesis;
};

Scored Unscored(v1::Cause cause, v1::FailureMode mode, const char* title, const char* next_step) {
  Scored scored;
  scored.hypothesis.set_cause(cause);
  scored.hypothesis.set_failure_mode(mode);
  scored.hypothesis.set_title(title);
  scored.hypothesis.set_next_step(next_step);
  return scored;
}

void AddArgument(bool speaks_for, const SignalFinding* signal, double weight, std::string text,
                 Scored* scored) {
  scored->score += speaks_for ? weight : -weight;
  auto* list = speaks_for ? scored->hypothesis.mutable_arguments_for()
                          : scored->hypothesis.mutable_arguments_against();
  if (list->size() >= kArgumentsMax) return;
  v1::Argument* argument = list->Add();
  argument->set_text(std::move(text));
  if (signal != nullptr) argument->set_signal(signal->name);
  argument->set_weight(weight);
}

// `finds`: returns the finding on a signal in words, or empty.
template <typename Finds>
void AskSignals(const TriageFacts& facts, bool speaks_for, double weight, const Finds& finds,
                Scored* scored) {
  int found = 0;
  for (const SignalFinding& signal : facts.signals) {
    std::string text = finds(signal);
    if (text.empty()) continue;
    const double part = found == 0 ? weight : weight * kRepeated;
    if (found <= kRepeatedMax) AddArgument(speaks_for, &signal, part, std::move(text), scored);
    ++found;
  }
}

void ApplyRule(const TriageRule& rule, const TriageFacts& facts, Scored* scored) {
  if (rule.per_signal) {
    const auto finds = [&](const SignalFinding& signal) { return rule.finds(facts, &signal); };
    return AskSignals(facts, rule.speaks_for, rule.weight, finds, scored);
  }
  std::string text = rule.finds(facts, nullptr);
  if (!text.empty()) AddArgument(rule.speaks_for, nullptr, rule.weight, std::move(text), scored);
}

// Causes that detectors identify, each once, in the order of the catalog.
std::vector<const DetectorCause*> BroughtCauses() {
  std::vector<const DetectorCause*> causes;
  for (const CatalogEntry& entry : Catalog()) {
    const bool known = std::find(causes.begin(), causes.end(), entry.cause) != causes.end();
    if (entry.cause == nullptr || entry.cause->title == nullptr || known) continue;
    causes.push_back(entry.cause);
  }
  return causes;
}

std::vector<Scored> ScoreCauses(const TriageFacts& facts) {
  std::vector<Scored> scores;
  for (const CauseRow& row : CauseTable()) {
    Scored& scored =
        scores.emplace_back(Unscored(row.cause, row.failure_mode, row.title, row.next_step));
    for (const TriageRule& rule : row.rules) ApplyRule(rule, facts, &scored);
  }
  for (const DetectorCause* brought : BroughtCauses()) {
    const auto cause = static_cast<v1::Cause>(brought->cause);
    Scored& scored =
        scores.emplace_back(Unscored(cause, static_cast<v1::FailureMode>(brought->failure_mode),
                                     brought->title, brought->next_step));
    const auto finds = [&](const SignalFinding& signal) { return SaidOf(cause, signal); };
    AskSignals(facts, true, brought->weight, finds, &scored);
  }
  return scores;
}

// Among equal scores a deployment comes last, because it may explain anything.
bool RanksBefore(const Scored& a, const Scored& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.hypothesis.cause() != v1::CAUSE_DEPLOYMENT &&
         b.hypothesis.cause() == v1::CAUSE_DEPLOYMENT;
}

// Findings against a cause only count if there is one for it.
std::vector<Scored> Rank(const TriageFacts& facts) {
  std::vector<Scored> ranked = ScoreCauses(facts);
  std::erase_if(ranked, [](const Scored& each) { return each.hypothesis.arguments_for().empty(); });
  for (Scored& scored : ranked) scored.score = std::max(scored.score, 0.5);
  std::stable_sort(ranked.begin(), ranked.end(), RanksBefore);
  if (ranked.size() > kHypothesesMax) ranked.resize(kHypothesesMax);
  return ranked;
}

v1::Certainty CertaintyOf(const v1::Triage& triage) {
  if (triage.hypotheses().empty()) return v1::CERTAINTY_LOW;
  const v1::Hypothesis& best = triage.hypotheses(0);
  const bool contradicted = !best.arguments_against().empty();
  if (best.share() >= kHighShare && !contradicted) return v1::CERTAINTY_HIGH;
  return best.share() >= kMediumShare ? v1::CERTAINTY_MEDIUM : v1::CERTAINTY_LOW;
}

const char* CertaintyWords(v1::Certainty certainty) {
  switch (certainty) {
    case v1::CERTAINTY_HIGH:
      return "Very likely ";
    case v1::CERTAINTY_MEDIUM:
      return "Probably ";
    default:
      return "Perhaps ";
  }
}

std::string IntervalWords(const v1::TimeEstimate& change) {
  if (!change.has_earliest() || !change.has_latest()) return {};
  const std::string earliest = TimeWords(TimeUtil::TimestampToNanoseconds(change.earliest()));
  const std::string latest = TimeWords(TimeUtil::TimestampToNanoseconds(change.latest()));
  if (earliest == latest) return {};
  return absl::StrCat(" (it began between ", earliest, " and ", latest, ")");
}

}  // namespace

void LookAt(const Summary& reference, const Summary& window, const Summary* newest,
            SignalFinding* finding) {
  finding->missing_was = Share(reference.missing(), reference.rows());
  finding->missing_is = Share(window.missing(), window.rows());
  finding->invalid_was = Share(reference.invalid(), reference.rows());
  finding->invalid_is = Share(window.invalid(), window.rows());
  const Summary& now = newest != nullptr && newest->rows() >= kRowsMin ? *newest : window;
  finding->numeric = reference.shape().type == SignalType::kNumeric;
  if (reference.values() == 0) return;
  if (finding->numeric) {
    finding->outside_is = Share(window.under() + window.over(), window.values());
    finding->stuck_at = StuckNumber(reference, now);
    if (finding->stuck_at.empty()) finding->factor = FactorOf(reference, now);
  } else {
    finding->unseen_is = Share(window.unseen(), window.values());
    finding->stuck_at = StuckCategory(reference, now);
    FindRewritten(reference, window, finding);
  }
}

v1::Triage RankCauses(const TriageFacts& facts) {
  v1::Triage triage;
  std::vector<Scored> ranked = Rank(facts);
  double total = 0;
  for (const Scored& scored : ranked) total += scored.score;
  for (Scored& scored : ranked) {
    scored.hypothesis.set_share(scored.score / total);
    *triage.add_hypotheses() = std::move(scored.hypothesis);
  }
  triage.set_certainty(CertaintyOf(triage));
  return triage;
}

std::string TriageSentence(const std::string& summary, const v1::TimeEstimate& change,
                           const v1::Triage& triage) {
  const std::string sentence = absl::StrCat(summary, IntervalWords(change), ".");
  if (triage.hypotheses().empty()) {
    return absl::StrCat(sentence, " No known cause fits. Next: read the evidence.");
  }
  const v1::Hypothesis& best = triage.hypotheses(0);
  return absl::StrCat(sentence, " ", CertaintyWords(triage.certainty()), best.title(), ": ",
                      best.arguments_for(0).text(), ". Next: ", best.next_step(), ".");
}

}  // namespace faultline
