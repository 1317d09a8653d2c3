// References: learning them, importing them, and the score fitted to their rows.
#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/core/model/model_state.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

SignalType SummaryType(const SignalFacts& facts) {
  return facts.numeric() ? SignalType::kNumeric : SignalType::kCategorical;
}

// Adds a column of reference rows, without the rows that were refused.
void AddImported(const EventBatch& batch, const Column& column, LearningRows* imported) {
  const uint64_t* nulls = column.nulls.empty() ? nullptr : column.nulls.data();
  std::vector<double> norms;
  if (column.type == ColumnType::kEmbedding) norms = NormsOf(column, batch.rows);
  for (uint32_t row = 0; row < batch.rows;) {
    RowRange range = {row, row};
    while (range.end < batch.rows && !batch.IsRefused(range.end)) ++range.end;
    if (column.type == ColumnType::kString) {
      imported->AddCategories(column.codes, column.dictionary, nulls, range);
    } else {
      imported->AddNumbers(column.type == ColumnType::kEmbedding ? norms : column.numbers, nulls,
                           range);
    }
    const std::span<const int64_t> times(batch.times_ns);
    imported->AddTimes(times.subspan(range.begin, range.end - range.begin));
    row = range.end + 1;
  }
}

}  // namespace

// Signals that wait and whose column is in the batch at hand begin to learn, as far as the memory
// for reference rows goes.
void ModelState::BeginLearning() {
  if (judged_ + learners_.size() == signals_.size()) return;
  bool began = false;
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    SignalState& state = signals_[signal];
    if (state.ignored || state.reference != nullptr || state.learns()) continue;
    if (!schema_[signal].counted() || !shard_->columns[signal].sent) continue;
    const SignalType type = SummaryType(schema_[signal]);
    const uint64_t bytes = LearningRows::RowBytes(type, settings_->learn_rows);
    state.memory_refused =
        shard_->learning_bytes + bytes > shard_->PartOf(shard_->settings->limits.reference_bytes);
    signals_changed_ = changed_ = true;
    if (state.memory_refused) continue;
    state.learning = std::make_unique<LearningRows>(type);
    state.learn_rows = settings_->learn_rows;
    shard_->learning_bytes += bytes;
    learning_from_[signal / kBlockSignals] = 0;
    began = true;
  }
  if (began) Recount();
}

void ModelState::StopLearning(uint32_t signal) {
  SignalState& state = signals_[signal];
  if (!state.learns()) return;
  shard_->learning_bytes -= state.learning_bytes();
  state.learning.reset();
  learning_from_[signal / kBlockSignals] = 0;  // Its rows leave all chunks.
  signals_changed_ = changed_ = true;
}

void ModelState::FinishLearning(int64_t now_ns, Effects* effects) {
  std::vector<uint32_t> done;
  bool stopped = false;
  for (const uint32_t signal : learners_) {
    SignalState& state = signals_[signal];
    if (state.rows_to_learn() == 0) {
      done.push_back(signal);
    } else if (shard_->learning_bytes > shard_->PartOf(shard_->settings->limits.reference_bytes) &&
               state.learning->type() == SignalType::kCategorical) {
      StopLearning(signal);
      state.memory_refused = stopped = true;
    }
  }
  if (!done.empty()) {
    const uint64_t rows = signals_[done.front()].learning->rows();
    const uint32_t version = static_cast<uint32_t>(
        NewReferenceVersion(rows, static_cast<uint32_t>(done.size()), false, now_ns));
    std::vector<std::pair<uint32_t, std::vector<double>>> score_rows;
    // Those that began under another setting may end together, but are not the same rows.
    std::vector<uint32_t> together;
    std::vector<const LearningRows*> learnt_rows;
    for (const uint32_t signal : done) {
      if (signals_[signal].learning->rows() != rows) continue;
      together.push_back(signal);
      learnt_rows.push_back(signals_[signal].learning.get());
    }
    FitRows(learnt_rows, together, static_cast<uint32_t>(rows), version, false, effects);
    for (const uint32_t signal : done) {
      const LearningRows& learnt = *signals_[signal].learning;
      if (learnt.rows() == rows && ScoreTakes(signal)) {
        score_rows.emplace_back(signal, learnt.NumbersOrNaN());
      }
      TakeReference(signal, learnt.MakeReference(
                                version, settings_->ForColumn(schema_[signal].name).sketches));
      StopLearning(signal);
    }
    effects->notes.push_back(absl::StrCat("model ", name_, " version ", version_, ": ", done.size(),
                                          " signals learnt their reference from ", rows, " rows"));
    if (!score_.ready()) FitScore(score_rows, version, effects);
  }
  if (stopped || !done.empty()) Recount();
}

void ModelState::TakeReference(uint32_t signal, std::shared_ptr<const SignalReference> reference) {
  DropReference(signal);
  const uint32_t version = reference->version();
  signals_[signal].SetReference(std::move(reference), *settings_);
  signals_[signal].counts_from = static_cast<int64_t>(totals_.panes_closed);
  signals_[signal].memory_refused = false;
  reference_blocks_.insert({version, signal / kBlockSignals});
  detector_blocks_.insert(signal / kBlockSignals);
}

void ModelState::DropReference(uint32_t signal) {
  SignalState& state = signals_[signal];
  for (OpenPane& pane : panes_) pane.Drop(signal);
  DropRolling(signal);
  if (state.reference != nullptr) {
    reference_blocks_.insert({state.reference->version(), signal / kBlockSignals});
    detector_blocks_.insert(signal / kBlockSignals);
    state.SetReference(nullptr, *settings_);
  }
  review_.insert(signal);
  changed_ = signals_changed_ = true;
}

uint64_t ModelState::NewReferenceVersion(uint64_t rows, uint32_t signals, bool imported,
                                         int64_t now_ns) {
  for (v1::Reference& reference : references_) reference.set_active(false);
  v1::Reference& reference = references_.emplace_back();
  reference.set_version(++reference_version_);
  reference.set_rows(rows);
  reference.set_signals(signals);
  reference.set_imported(imported);
  reference.set_active(true);
  *reference.mutable_create_time() = TimeUtil::NanosecondsToTimestamp(now_ns);
  *reference.mutable_activate_time() = reference.create_time();
  if (references_.size() > kReferencesRememberedMax) references_.erase(references_.begin());
  changed_ = book_changed_ = true;
  return reference_version_;
}

const DetectorSettings* ModelState::ScoreSettings() const {
  for (const DetectorSettings& detector : settings_->detectors) {
    if (detector.detector.score != nullptr) return &detector;
  }
  return nullptr;
}

bool ModelState::ScoreTakes(uint32_t signal) const {
  const SignalFacts& facts = schema_[signal];
  if (!facts.numeric() || facts.derived || facts.role != v1::COLUMN_ROLE_FEATURE) return false;
  if (signals_[signal].ignored) return false;
  const DetectorSettings* score = ScoreSettings();
  if (score == nullptr || score->signals.empty()) return score != nullptr;
  return std::any_of(score->signals.begin(), score->signals.end(), [&](const std::string& pattern) {
    return MatchesPattern(pattern, facts.name);
  });
}

// Fits the score detector to reference rows of signals that have them in common; the scores of
// these rows are the reference of the scores.
void ModelState::FitScore(const std::vector<std::pair<uint32_t, std::vector<double>>>& rows,
                          uint32_t version, Effects* effects) {
  const DetectorSettings* score = ScoreSettings();
  if (score == nullptr || rows.empty()) return;
  const std::optional<uint32_t> known = schema_.Find(kRowScoreSignal);
  if (known.has_value() && !schema_[*known].derived) return;  // A column has the name.
  FittedScore fitted;
  fitted.detector = std::string(score->entry->name);
  std::vector<NumericColumn> columns;
  for (const auto& [signal, numbers] : rows) {
    if (columns.size() == score->detector.score->columns_max()) break;
    fitted.signals.push_back(signal);
    columns.emplace_back(numbers);
  }
  absl::Status status = known.has_value() ? absl::OkStatus() : CheckRoom(1);
  if (status.ok()) status = score->detector.score->Fit(columns, &fitted.fitted);
  if (!status.ok()) {
    effects->notes.push_back(absl::StrCat("model ", name_, " version ", version_, ": ",
                                          fitted.detector, ": ", std::string(status.message())));
    return;
  }
  const uint32_t count = static_cast<uint32_t>(columns.front().size());
  std::vector<double> scores(count, kUnset);
  score->detector.score->Score(fitted.fitted, columns, {0, count}, scores);
  std::vector<uint64_t> nulls((count + 63) / 64);
  for (uint32_t row = 0; row < count; ++row) {
    if (std::isnan(scores[row])) nulls[row / 64] |= uint64_t{1} << (row % 64);
  }
  if (!known.has_value()) {
    schema_.AddDerived(kRowScoreSignal);
    AddStates();
    shard_->columns.LayAdded(schema_);
  }
  score_ = std::move(fitted);
  score_changed_ = true;
  const uint32_t signal = *schema_.Find(kRowScoreSignal);
  signals_[signal].ignored = Ignores(signal);
  KeepPrevious(signal);
  TakeReference(signal, SignalReference::OfNumbers(scores, nulls.data(), {}, version,
                                                   settings_->ForColumn(kRowScoreSignal).sketches));
}

// The columns of all batches must be the same; what the schema lacks goes into *declared.
bool ModelState::CheckImport(const faultline::InstallReference& command, v1::Model* declared,
                             absl::Status* status) const {
  const EventBatch& first = *command.rows.front();
  for (const auto& batch : command.rows) {
    const bool same = std::equal(
        batch->columns.begin(), batch->columns.end(), first.columns.begin(), first.columns.end(),
        [](const Column& a, const Column& b) { return a.name == b.name && a.type == b.type; });
    if (!same) {
      *status = absl::InvalidArgumentError("the columns change between the rows of the reference");
      return false;
    }
  }
  for (const Column& column : first.columns) {
    if (IsIgnored(column.name)) continue;
    const std::optional<uint32_t> known = schema_.Find(column.name);
    if (!known.has_value()) {
      v1::Signal& signal = *declared->add_signals();
      signal.set_name(column.name);
      signal.set_type(SignalTypeOf(column.type));
      signal.set_role(column.role);
      continue;
    }
    const ColumnType expected = ColumnTypeOf(schema_[*known].type);
    if (schema_[*known].derived || expected != column.type) {
      *status = absl::InvalidArgumentError(absl::StrCat(
          "column ", column.name, ": the signal has ", std::string(DescribeType(expected)),
          ", the reference ", std::string(DescribeType(column.type))));
      return false;
    }
  }
  return true;
}

absl::Status ModelState::InstallReference(const faultline::InstallReference& command,
                                          int64_t now_ns, v1::Reference* reference,
                                          Effects* effects) {
  uint64_t rows = 0;
  for (const auto& batch : command.rows) rows += batch->rows - batch->refused_rows;
  if (rows == 0 || rows > UINT32_MAX) {
    return absl::InvalidArgumentError("a reference has 1 to 4294967295 rows");
  }
  absl::Status status;
  v1::Model declared;
  if (!CheckImport(command, &declared, &status)) return status;
  status = DeclareSignals(declared);
  if (!status.ok()) return status;

  ForgetPrevious();
  previous_score_ = score_;
  score_changed_ = true;
  std::vector<std::pair<uint32_t, std::vector<double>>> score_rows;
  std::vector<uint32_t> taken;
  std::vector<std::unique_ptr<LearningRows>> kept;
  const uint32_t version = static_cast<uint32_t>(NewReferenceVersion(rows, 0, true, now_ns));
  ColumnPlan plan;
  plan.Make(*command.rows.front(), schema_);
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    if (plan.ColumnOf(signal) < 0 || signals_[signal].ignored || !schema_[signal].counted()) {
      continue;
    }
    const auto& imported =
        kept.emplace_back(std::make_unique<LearningRows>(SummaryType(schema_[signal])));
    for (const auto& batch : command.rows) {
      AddImported(*batch, batch->columns[static_cast<size_t>(plan.ColumnOf(signal))],
                  imported.get());
    }
    if (ScoreTakes(signal)) score_rows.emplace_back(signal, imported->NumbersOrNaN());
    StopLearning(signal);
    KeepPrevious(signal);
    TakeReference(signal, imported->MakeReference(
                              version, settings_->ForColumn(schema_[signal].name).sketches));
    taken.push_back(signal);
    if (!AnyRowDetector()) kept.pop_back();
  }
  references_.back().set_signals(static_cast<uint32_t>(taken.size()));
  std::vector<const LearningRows*> imported_rows;
  for (const auto& imported : kept) imported_rows.push_back(imported.get());
  FitRows(imported_rows, taken, static_cast<uint32_t>(rows), version, true, effects);
  FitScore(score_rows, version, effects);
  Recount();
  *reference = references_.back();
  return absl::OkStatus();
}

void ModelState::RelearnReference(Effects* effects) {
  ForgetPrevious();
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    StopLearning(signal);
    KeepPrevious(signal);
    DropReference(signal);
    signals_[signal].memory_refused = false;
  }
  for (v1::Reference& reference : references_) reference.set_active(false);
  previous_score_ = std::exchange(score_, FittedScore());
  score_changed_ = book_changed_ = true;
  derived_changed_ = memories_changed_ = true;
  derived_.clear();
  Recount();
  effects->notes.push_back(
      absl::StrCat("model ", name_, " version ", version_, ": learns its reference again"));
}

}  // namespace faultline
