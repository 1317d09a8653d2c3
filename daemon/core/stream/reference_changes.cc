#include "daemon/core/stream/reference_changes.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "daemon/core/stream/row_counter.h"
#include "detectors/transform/column_transforms.h"

namespace faultline {
namespace {

SignalType SummaryType(const SignalFacts& facts) {
  return facts.numeric() ? SignalType::kNumeric : SignalType::kCategorical;
}

// Adds a signal's values in a batch of reference rows, without the refused rows.
void AddImported(const EventBatch& batch, const Column& column, const SignalFacts& signal,
                 LearningRows* imported) {
  const uint64_t* nulls = column.nulls.empty() ? nullptr : column.nulls.data();
  std::vector<double> derived;
  if (signal.derived()) {
    derived = DerivedOf(*FindColumnTransform(signal.transform), column, batch.rows);
  }
  for (uint32_t row = 0; row < batch.rows;) {
    RowRange range = {row, row};
    while (range.end < batch.rows && !batch.IsRefused(range.end)) ++range.end;
    if (signal.numeric()) {
      imported->AddNumbers(signal.derived() ? derived : column.numbers, nulls, range);
    } else {
      imported->AddCategories(column.codes, column.dictionary, nulls, range);
    }
    const std::span<const int64_t> times(batch.times_ns);
    imported->AddTimes(times.subspan(range.begin, range.end - range.begin));
    row = range.end + 1;
  }
}

// INVALID_ARGUMENT unless all batches have the same columns and these fit the schema. *declared:
// columns that are not in the schema.
absl::Status CheckImport(const std::vector<std::unique_ptr<EventBatch>>& rows,
                         const StreamParts& stream, v1::Model* declared) {
  const EventBatch& first = *rows.front();
  for (const auto& batch : rows) {
    const bool same = std::equal(
        batch->columns.begin(), batch->columns.end(), first.columns.begin(), first.columns.end(),
        [](const Column& a, const Column& b) { return a.name == b.name && a.type == b.type; });
    if (!same) {
      return absl::InvalidArgumentError("the batches of reference rows have different columns");
    }
  }
  const Schema& schema = stream.signals.schema();
  for (const Column& column : first.columns) {
    if (stream.IsIgnored(column.name)) continue;
    const std::optional<uint32_t> known = schema.Find(column.name);
    if (!known.has_value()) {
      v1::Signal& signal = *declared->add_signals();
      signal.set_name(column.name);
      signal.set_type(SignalTypeOf(column.type));
      signal.set_role(column.role);
      continue;
    }
    const ColumnType expected = ColumnTypeOf(schema[*known].type);
    if (schema[*known].derived() || expected != column.type) {
      return absl::InvalidArgumentError(absl::StrCat(
          "column ", column.name, ": the signal has ", std::string(DescribeType(expected)),
          ", the reference ", std::string(DescribeType(column.type))));
    }
  }
  return absl::OkStatus();
}

v1::Reference Described(const ReferenceNote& note, uint64_t rows, uint32_t signals) {
  v1::Reference reference;
  reference.set_rows(rows);
  reference.set_signals(signals);
  reference.set_actor(note.actor);
  reference.set_comment(note.comment);
  return reference;
}

}  // namespace

uint64_t ReferenceChanges::LearningBytesMax() const {
  const ShardShare& shard = *stream_.model.shard;
  return shard.PartOf(shard.settings->limits.reference_bytes);
}

void ReferenceChanges::BeginLearning() {
  const Signals& signals = stream_.signals;
  if (signals.judged() + stream_.learners.learning().size() == signals.size()) return;
  for (uint32_t signal = 0; signal < signals.size(); ++signal) {
    const SignalState& state = signals[signal];
    if (state.ignored || state.reference != nullptr || stream_.learners.Learns(signal)) continue;
    const SignalFacts& facts = signals.facts(signal);
    if (!facts.counted() || !stream_.model.shard->columns[signal].sent) continue;
    stream_.learners.Begin(signal, SummaryType(facts), stream_.settings.learn_rows,
                           LearningBytesMax());
    stream_.Change();
  }
}

void ReferenceChanges::FinishLearning(int64_t now_ns, Effects* effects) {
  std::vector<uint32_t> done;
  for (const uint32_t signal : stream_.learners.learning()) {
    if (stream_.learners.RowsMissing(signal) == 0) done.push_back(signal);
  }
  if (stream_.learners.StopBeyond(LearningBytesMax())) stream_.Change();
  if (!done.empty()) TakeLearnt(done, now_ns, effects);
}

void ReferenceChanges::TakeLearnt(const std::vector<uint32_t>& done, int64_t now_ns,
                                  Effects* effects) {
  Learners& learners = stream_.learners;
  const uint64_t rows = learners.RowsOf(done.front()).rows();
  const uint32_t version =
      stream_.reference_list.Add(Described({stream_.reference_list.TakeRelearner(), ""}, rows,
                                           static_cast<uint32_t>(done.size())),
                                 now_ns);
  // Signals that began under another setting may finish together, but with different rows.
  CommonRows together = {.rows = static_cast<uint32_t>(rows), .version = version};
  for (const uint32_t signal : done) {
    if (learners.RowsOf(signal).rows() != rows) continue;
    together.signals.push_back(signal);
    together.learnt.push_back(&learners.RowsOf(signal));
  }
  Fit(together, false, effects);
  for (const uint32_t signal : done) {
    const SketchChoice sketches =
        stream_.model.settings->ForColumn(stream_.signals.facts(signal).name).sketches;
    Take(signal, learners.RowsOf(signal).MakeReference(version, sketches));
    StopLearning(signal);
  }
  effects->AddNote(absl::StrCat(stream_.model.Title(), done.size(),
                                " signals learnt their reference from ", rows, " rows"));
  stream_.signals.Recount();
}

// The reference of a derived signal is made from its values on the reference rows.
void ReferenceChanges::Fit(const CommonRows& rows, bool again, Effects* effects) {
  std::vector<std::string> failures;
  for (FittedSignal& made :
       stream_.transforms.Fit(stream_.signals.schema(), rows, again, &failures)) {
    uint32_t signal = 0;
    if (!AddDerived(made.facts, &signal)) {
      failures.push_back(absl::StrCat(made.facts.transform, ": no room for ", made.facts.name,
                                      ", or a column has that name"));
      continue;
    }
    if (!made.facts.owned) stream_.references.KeepPrevious(signal);
    const SketchChoice sketches = stream_.model.settings->ForColumn(made.facts.name).sketches;
    Take(signal,
         SignalReference::OfNumbers(made.values, made.nulls.data(), {}, rows.version, sketches));
    stream_.transforms.Take(signal, std::move(made.fit));
    stream_.Refresh(signal);
  }
  for (const std::string& failure : failures) {
    effects->AddNote(stream_.model.Title() + failure);
  }
}

// Finds or adds the signal; false if another signal has its name or there is no room.
bool ReferenceChanges::AddDerived(const SignalFacts& facts, uint32_t* signal) {
  const Schema& schema = stream_.signals.schema();
  const std::optional<uint32_t> known = schema.Find(facts.name);
  if (known.has_value()) {
    *signal = *known;
    return schema[*known].transform == facts.transform;
  }
  if (stream_.host.HasElsewhere(stream_.id.ordinal, facts.name)) return false;
  if (!stream_.host.CheckRoom(1).ok()) return false;
  *signal = schema.size();
  Schema extended = schema;
  extended.AddDerived(facts);
  stream_.Extend(std::move(extended));
  stream_.model.shard->columns.LayAdded(stream_.signals.schema());
  return true;
}

void ReferenceChanges::AddRowSignals() {
  const std::vector<SignalFacts>& wanted = stream_.transforms.row_signals();
  const Signals& signals = stream_.signals;
  if (signals.row_signals().size() >= wanted.size() || signals.judged() == 0) return;
  if (!stream_.panes.clock().by_time()) return;
  for (const SignalFacts& facts : wanted) {
    uint32_t signal = 0;
    if (stream_.IsIgnored(facts.name) || !AddDerived(facts, &signal)) continue;
    if (signals[signal].judged()) continue;
    Take(signal,
         SignalReference::OfNumbers({}, nullptr, {}, stream_.reference_list.newest_version(), {}));
    stream_.signals.Recount();
  }
}

void ReferenceChanges::Take(uint32_t signal, std::shared_ptr<const SignalReference> reference) {
  stream_.references.Take(signal, std::move(reference), *stream_.model.settings);
  stream_.learners.ForgetRefusal(signal);
  stream_.shown.Review(signal);
  stream_.Change();
}

void ReferenceChanges::Drop(uint32_t signal) {
  stream_.references.Drop(signal, *stream_.model.settings);
  stream_.shown.Review(signal);
  stream_.Change();
}

// Signals without a fit wait for the next reference.
void ReferenceChanges::DropUnfitted() {
  for (uint32_t signal = 0; signal < stream_.signals.size(); ++signal) {
    const SignalFacts& facts = stream_.signals.facts(signal);
    if (facts.derivation != Derivation::kFitted || stream_.transforms.IsFitted(signal)) continue;
    if (facts.owned) {
      stream_.references.DropPrevious(signal);
    } else {
      stream_.references.KeepPrevious(signal);
    }
    Drop(signal);
  }
}

void ReferenceChanges::StopLearning(uint32_t signal) {
  if (!stream_.learners.Learns(signal)) return;
  stream_.learners.Stop(signal);
  stream_.Change();
}

void ReferenceChanges::ForgetPrevious() {
  for (uint32_t signal = 0; signal < stream_.signals.size(); ++signal) {
    stream_.references.DropPrevious(signal);
  }
  stream_.transforms.ForgetPrevious();
  stream_.Change();
}

absl::Status ReferenceChanges::Install(const std::vector<std::unique_ptr<EventBatch>>& batches,
                                       const ReferenceNote& note, int64_t now_ns,
                                       v1::Reference* reference, Effects* effects) {
  uint64_t rows = 0;
  for (const auto& batch : batches) rows += batch->rows - batch->refused_rows;
  if (rows == 0 || rows > UINT32_MAX) {
    return absl::InvalidArgumentError("a reference has 1 to 4294967295 rows");
  }
  v1::Model declared;
  absl::Status status = CheckImport(batches, stream_, &declared);
  if (status.ok()) status = RowCounter(&stream_).DeclareSignals(declared);
  if (!status.ok()) return status;

  ForgetPrevious();
  const Signals& signals = stream_.signals;
  stream_.transforms.KeepPrevious(signals.schema());
  ColumnPlan plan;
  plan.Make(*batches.front(), signals.schema());
  std::vector<uint32_t> taken;
  for (uint32_t signal = 0; signal < signals.size(); ++signal) {
    const bool sent = plan.ColumnOf(signal).has_value();
    if (sent && !signals[signal].ignored && signals.facts(signal).counted())
      taken.push_back(signal);
  }
  v1::Reference described = Described(note, rows, static_cast<uint32_t>(taken.size()));
  described.set_imported(true);
  const uint32_t version = stream_.reference_list.Add(std::move(described), now_ns);
  std::vector<std::unique_ptr<LearningRows>> kept;
  CommonRows common = {.rows = static_cast<uint32_t>(rows), .version = version};
  for (const uint32_t signal : taken) {
    const SignalFacts& facts = signals.facts(signal);
    auto imported = std::make_unique<LearningRows>(SummaryType(facts));
    for (const auto& batch : batches) {
      AddImported(*batch, batch->columns[*plan.ColumnOf(signal)], facts, imported.get());
    }
    StopLearning(signal);
    stream_.references.KeepPrevious(signal);
    Take(signal,
         imported->MakeReference(version, stream_.model.settings->ForColumn(facts.name).sketches));
    common.signals.push_back(signal);
    common.learnt.push_back(imported.get());
    if (stream_.transforms.FitsRows()) kept.push_back(std::move(imported));
  }
  if (stream_.transforms.FitsRows()) Fit(common, true, effects);
  stream_.signals.Recount();
  *reference = stream_.reference_list.all().back();
  return absl::OkStatus();
}

void ReferenceChanges::Relearn(std::string actor) {
  ForgetPrevious();
  for (uint32_t signal = 0; signal < stream_.signals.size(); ++signal) {
    StopLearning(signal);
    stream_.references.KeepPrevious(signal);
    Drop(signal);
    stream_.learners.ForgetRefusal(signal);
  }
  stream_.reference_list.Relearn(std::move(actor));
  stream_.transforms.KeepPrevious(stream_.signals.schema());
  stream_.transforms.Clear();
  stream_.signals.Recount();
  stream_.Change();
}

absl::Status ReferenceChanges::Promote(const ReferenceNote& note, int64_t now_ns,
                                       v1::Reference* reference) {
  const uint32_t rows_needed = stream_.settings.learn_rows;
  std::vector<uint32_t> ready;
  uint64_t rows = 0;
  for (uint32_t signal = 0; signal < stream_.signals.size(); ++signal) {
    const SignalState& state = stream_.signals[signal];
    const RollingReference* rolling = stream_.references.Rolling(signal);
    if (rolling == nullptr || !state.judged() || state.reference->empty()) continue;
    rows = std::max(rows, rolling->merged().rows());
    if (rolling->merged().rows() >= rows_needed) ready.push_back(signal);
  }
  if (ready.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("no signal has enough rows in quiet panes: at most ", rows, ", and ",
                     rows_needed, " are needed"));
  }
  ForgetPrevious();
  stream_.transforms.KeepPrevious(stream_.signals.schema());  // A promotion keeps the fits.
  v1::Reference described = Described(note, rows, static_cast<uint32_t>(ready.size()));
  described.set_promoted(true);
  const uint32_t version = stream_.reference_list.Add(std::move(described), now_ns);
  for (const uint32_t signal : ready) {
    auto promoted = SignalReference::OfPanes(*stream_.signals[signal].reference,
                                             stream_.references.Rolling(signal)->merged(), version);
    stream_.references.KeepPrevious(signal);
    Take(signal, std::move(promoted));
  }
  stream_.signals.Recount();
  *reference = stream_.reference_list.all().back();
  return absl::OkStatus();
}

absl::Status ReferenceChanges::Rollback(const ReferenceNote& note, int64_t now_ns,
                                        v1::Reference* reference) {
  uint32_t version = 0;
  for (uint32_t signal = 0; signal < stream_.signals.size(); ++signal) {
    auto back = stream_.references.TakePrevious(signal);
    if (back == nullptr) continue;
    version = std::max(version, back->version());
    StopLearning(signal);
    stream_.references.KeepPrevious(signal);
    Take(signal, std::move(back));
  }
  if (version == 0) {
    return absl::FailedPreconditionError(
        "nothing to roll back: no import, promotion or relearning has replaced a reference");
  }
  stream_.transforms.Rollback(stream_.signals.schema(), version);
  DropUnfitted();
  stream_.reference_list.Activate(version, note.actor, note.comment, now_ns);
  stream_.signals.Recount();
  reference->set_version(version);
  const v1::Reference* known = stream_.reference_list.Find(version);
  if (known != nullptr) *reference = *known;
  return absl::OkStatus();
}

}  // namespace faultline
