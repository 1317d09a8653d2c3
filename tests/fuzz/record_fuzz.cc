// One stored value by itself: everything that can be read without a model around it. What is taken
// can be written, and read again as the same.
#include <functional>
#include <map>
#include <optional>

#include "base/check.h"
#include "daemon/core/alert/alert_book.h"
#include "daemon/core/incident/bundle.h"
#include "daemon/core/incident/incident_book.h"
#include "daemon/core/reference/learning.h"
#include "daemon/core/signal/verdict_codec.h"
#include "daemon/core/stream/open_pane.h"
#include "daemon/core/stream/score_history.h"
#include "daemon/core/transform/transforms.h"
#include "daemon/runtime/incident_records.h"
#include "daemon/runtime/producer_sequences.h"
#include "daemon/runtime/row_totals.h"
#include "storage/segments/segment.h"
#include "storage/tables/envelope.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"
#include "tests/fuzz/batches.h"
#include "tests/fuzz/core_state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

namespace faultline::fuzz {
namespace {

constexpr char kVerdictKind = 'V';  // no table of its own: it stands inside others
constexpr char kHeaderKind = 'S';
constexpr char kIndexKind = 'I';

// Decodes and encodes again; nothing if decoding fails.
using Rewrite = std::function<std::optional<std::string>(std::string_view sealed)>;

// From what reads payloads.
template <typename ReadPayload>
Rewrite OfPayload(char kind, ReadPayload read) {
  return [kind, read](std::string_view sealed) -> std::optional<std::string> {
    const absl::StatusOr<Opened> opened = Open(kind, 1, sealed);
    if (!opened.ok()) return std::nullopt;
    std::string payload;
    if (!read(opened->payload, &payload)) return std::nullopt;
    return Seal(kind, 1, payload);
  };
}

template <typename Book>
bool RewriteBook(Book book, std::string_view payload, std::string* out) {
  if (!book.Decode(payload).ok()) return false;
  book.Encode(out);
  return true;
}

bool RewriteReferences(std::string_view payload, std::string* out) {
  Decoder in(payload);
  Encoder encoder(out);
  while (in.ok() && in.remaining() > 0) {
    encoder.Fixed8(in.Fixed8());
    const auto reference = SignalReference::Decode(&in);
    if (!reference.ok()) return false;
    (*reference)->Encode(&encoder);
  }
  return in.Done();
}

bool RewriteLearning(std::string_view payload, std::string* out) {
  Decoder in(payload);
  const SignalType type = in.Fixed8() == 0 ? SignalType::kNumeric : SignalType::kCategorical;
  LearningRows rows(type);
  if (!rows.DecodeChunk(&in) || !in.Done()) return false;
  Encoder encoder(out);
  encoder.Fixed8(type == SignalType::kNumeric ? 0 : 1);
  rows.EncodeChunk(0, &encoder);
  // Whatever the rows are, a reference can be made of them, written and read.
  std::string made;
  Encoder reference(&made);
  rows.MakeReference(1, {.quantiles = true, .distinct = true})->Encode(&reference);
  Decoder again(made);
  FAULTLINE_CHECK(SignalReference::Decode(&again).ok() && again.Done(), "ours can be read");
  return true;
}

bool RewritePane(std::string_view payload, std::string*) {
  PaneHeader header;
  std::vector<PaneEntry> entries;
  if (!DecodePaneBlock(payload, 0, &header, &entries)) return false;
  OpenPane pane;
  return pane.Restore(header).ok() && false;  // not written without its references; see state_fuzz
}

std::optional<std::string> RewriteIncident(std::string_view sealed) {
  const auto incident = OpenIncident(sealed);
  if (!incident.ok()) return std::nullopt;
  const std::string line = SealIncidentLine(*incident);
  FAULTLINE_CHECK(OpenIncidentLine(line).ok(), "ours can be read");
  const auto head = OpenIncidentHead(line);
  FAULTLINE_CHECK(head.ok(), "ours can be read");
  FAULTLINE_CHECK(head->model == incident->model() && head->version == incident->version() &&
                      head->state == incident->state() && head->severity == incident->severity() &&
                      head->failure_mode == incident->failure_mode(),
                  "lists select by what is there");
  return SealIncident(*incident);
}

std::optional<std::string> RewriteLine(std::string_view sealed) {
  const auto head = OpenIncidentHead(sealed);
  const auto line = OpenIncidentLine(sealed);
  if (!line.ok()) return std::nullopt;
  return SealIncidentLine(*line);
}

std::optional<std::string> RewriteChange(std::string_view sealed) {
  const auto record = OpenIncidentChange(sealed);
  if (!record.ok()) return std::nullopt;
  return SealIncidentChange(record->sequence, record->change);
}

std::optional<std::string> RewriteCommittedSequence(std::string_view sealed) {
  ProducerSequences sequences(10);
  if (!sequences.Restore("p", sealed, kNow).ok()) return std::nullopt;
  // The next batch is taken, and only that.
  BatchName name = {.producer_id = "p", .epoch = UINT64_MAX, .sequence = 1};
  uint64_t expected = 0;
  if (sequences.Check(name, kNow, &expected) != Admission::kAccepted) {
    name.sequence = expected;
    if (sequences.Check(name, kNow, &expected) != Admission::kAccepted) return std::nullopt;
  }
  sequences.Admit(name, kNow);
  std::vector<StateWrite> writes;
  sequences.TakeCheckpoint(&writes);
  FAULTLINE_CHECK(writes.size() == 1 && writes[0].value.has_value(),
                  "a sequence that moved is stored");
  ProducerSequences again(10);
  FAULTLINE_CHECK(again.Restore("p", *writes[0].value, kNow).ok(), "ours can be read");
  FAULTLINE_CHECK(again.Check(name, kNow, &expected) == Admission::kDuplicate, "once is enough");
  return std::nullopt;
}

std::optional<std::string> RewriteGlobal(std::string_view sealed) {
  if (const auto sequence = OpenChangeSequence(sealed); sequence.ok()) {
    return SealChangeSequence(*sequence);
  }
  const auto totals = OpenRowTotals(sealed);
  if (!totals.ok()) return std::nullopt;
  return SealRowTotals(*totals);
}

std::optional<std::string> RewriteHeader(std::string_view sealed) {
  const auto header = DecodeSegmentHeader(sealed);
  if (!header.ok()) return std::nullopt;
  return EncodeSegmentHeader(*header);
}

std::optional<std::string> RewriteIndex(std::string_view sealed) {
  auto places = DecodeIdIndex(sealed, 7, 1'000);
  if (!places.ok()) return std::nullopt;
  return EncodeIdIndex(&*places, 7, 1'000);
}

template <typename Table>
char Letter(Table table) {
  return static_cast<char>(table);
}

std::map<char, Rewrite> MakeRewrites() {
  std::map<char, Rewrite> rewrites = {{Letter(Table::kIncident), RewriteIncident},
                                      {Letter(Table::kIncidentLine), RewriteLine},
                                      {Letter(Table::kIncidentChange), RewriteChange},
                                      {Letter(Table::kCommittedSequence), RewriteCommittedSequence},
                                      {Letter(Table::kGlobal), RewriteGlobal},
                                      {kHeaderKind, RewriteHeader},
                                      {kIndexKind, RewriteIndex}};
  const auto add = [&](char kind, auto read) { rewrites[kind] = OfPayload(kind, read); };
  add(Letter(Table::kAlerts), [](std::string_view payload, std::string* out) {
    return RewriteBook(AlertBook(), payload, out);
  });
  add(Letter(Table::kIncidentBook), [](std::string_view payload, std::string* out) {
    return RewriteBook(IncidentBook("credit", "1"), payload, out);
  });
  add(Letter(Table::kBundles), [](std::string_view payload, std::string* out) {
    return RewriteBook(BundleBook(1), payload, out);
  });
  add(Letter(Table::kReference), RewriteReferences);
  add(Letter(Table::kLearningRows), RewriteLearning);
  add(Letter(Table::kOpenPane), RewritePane);
  add(Letter(Table::kScoreHistory), [](std::string_view payload, std::string* out) {
    int64_t span = 0;
    const auto block = DecodeSpanBlock(payload, &span);
    Encoder encoder(out);
    if (block.ok()) EncodeSpanBlock(span, *block, &encoder);
    return block.ok();
  });
  add(Letter(Table::kTransform), [](std::string_view payload, std::string* out) {
    Decoder in(payload);
    TransformFit fit;
    Encoder encoder(out);
    if (!fit.Decode(&in) || !in.Done()) return false;
    fit.Encode(&encoder);
    return true;
  });
  add(Letter(Table::kEvidence), [](std::string_view payload, std::string* out) {
    const auto pin = DecodePin(payload);
    Encoder encoder(out);
    if (pin.ok()) EncodePin(*pin, &encoder);
    return pin.ok();
  });
  add(Letter(Table::kEvidencePane), [](std::string_view payload, std::string* out) {
    const auto pane = DecodeEvidencePane(payload);
    Encoder encoder(out);
    if (pane.ok()) EncodeEvidencePane(*pane, &encoder);
    return pane.ok();
  });
  add(kVerdictKind, [](std::string_view payload, std::string* out) {
    Verdict verdict;
    Decoder in(payload);
    Encoder encoder(out);
    if (!DecodeVerdict(&in, &verdict) || !in.Done()) return false;
    EncodeVerdict(verdict, &encoder);
    return true;
  });
  return rewrites;
}

const std::map<char, Rewrite>& Rewrites() {
  static const auto& rewrites = *new std::map<char, Rewrite>(MakeRewrites());
  return rewrites;
}

}  // namespace

void Run(std::string_view bytes) {
  if (bytes.size() < kEnvelopeBytes) return;
  const auto rewrite = Rewrites().find(bytes[2]);
  if (rewrite == Rewrites().end()) return;
  const std::optional<std::string> written = rewrite->second(bytes);
  if (!written.has_value()) return;
  const std::optional<std::string> again = rewrite->second(*written);
  FAULTLINE_CHECK(again.has_value(), "what was taken can be written and read");
  FAULTLINE_CHECK(*again == *written, "and stays what it is");
}

void Mutate(Random* dice, size_t bytes_max, std::string* bytes) {
  MutateSealed(
      dice, bytes_max,
      [&](char kind, std::string* payload) {
        v1::Incident incident;
        if (kind == Letter(Table::kIncident) || kind == Letter(Table::kIncidentLine)) {
          return MutateSerialized(dice, bytes_max, &incident, payload);
        }
        MutateRaw(dice, bytes_max, payload);
      },
      bytes);
}

std::vector<std::string> Seeds() {
  CoreState core(BusySettings(false));
  for (int i = 0; i < 12; ++i) {
    core.Apply(DecodedBatch(static_cast<uint64_t>(i), 10, kNow + i * 10 * kSecond, i > 7));
    core.TakeCheckpoint();
  }
  std::map<char, std::vector<std::string>> by_kind;
  for (const auto& [key, value] : core.stored()) by_kind[value[2]].push_back(value);
  std::vector<std::string> seeds;
  for (const auto& [kind, values] : by_kind) {
    // The first and the smallest of each table.
    seeds.push_back(values.front());
    const auto least = std::min_element(
        values.begin(), values.end(),
        [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
    if (*least != values.front()) seeds.push_back(*least);
  }
  std::string rows;
  Encoder encoder(&rows);
  LearningRows learnt(SignalType::kNumeric);
  learnt.AddNumbers(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9}, nullptr, {0, 9});
  learnt.AddTimes(std::vector<int64_t>(9, kNow));
  encoder.Fixed8(0);
  learnt.EncodeChunk(0, &encoder);
  seeds.push_back(Seal(Letter(Table::kLearningRows), 1, rows));
  std::string verdict;
  Encoder verdict_encoder(&verdict);
  EncodeVerdict({.state = VerdictState::kAlarm, .score = 3, .detail = "moved"}, &verdict_encoder);
  seeds.push_back(Seal(kVerdictKind, 1, verdict));
  RowTotals totals;
  totals.received = totals.applied = 300;
  totals.rejected_by_reason["time"] = 4;
  seeds.push_back(SealRowTotals(totals));
  seeds.push_back(SealChangeSequence(9));
  seeds.push_back(EncodeSegmentHeader({.ordinal = 7, .created_ns = kNow}));
  std::vector<IdPlace> places = {{1, 40}, {9, 28}};
  seeds.push_back(EncodeIdIndex(&places, 7, 1'000));
  core.Produce({.producer_id = "p", .epoch = 2, .sequence = 1});
  core.TakeCheckpoint();
  seeds.push_back(core.stored().at(CommittedSequenceKey("p")));
  return seeds;
}

}  // namespace faultline::fuzz
