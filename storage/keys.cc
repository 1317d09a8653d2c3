#include "storage/keys.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <xxhash.h>

#include <array>
#include <optional>
#include <utility>

#include "base/check.h"

namespace faultline {
namespace {

constexpr char kEmptyNamespace = '\0';

std::string Hex(std::string_view bytes) { return absl::BytesToHexString(std::string(bytes)); }

enum class Field : char {
  kNone,
  kModelHash,
  kPaneIndex,
  kBlock,
  kReferenceVersion,
  kSignal,
  kChunk,
  kIndex,
  kIncidentId,
  kChangeSequence,
  kProducerId,
  kGlobal,
};

struct TableLayout {
  Table table;
  const char* name;
  std::array<Field, 3> fields;
  bool counts_in_state_digest;
};

// The one list of tables.
constexpr std::array kLayouts = {
    TableLayout{Table::kAlerts, "alerts", {Field::kModelHash}, true},
    TableLayout{Table::kIncidentBook, "incident book", {Field::kModelHash}, false},
    TableLayout{Table::kIncidentChange, "incident change", {Field::kChangeSequence}, false},
    TableLayout{Table::kDetectorState, "detector state", {Field::kModelHash, Field::kBlock}, true},
    TableLayout{Table::kEvidence, "evidence", {Field::kIncidentId, Field::kIndex}, false},
    TableLayout{
        Table::kTransform, "transform", {Field::kModelHash, Field::kSignal, Field::kIndex}, true},
    TableLayout{Table::kGlobal, "global", {Field::kGlobal}, true},
    TableLayout{Table::kScoreHistory,
                "score history",
                {Field::kModelHash, Field::kPaneIndex, Field::kBlock},
                true},
    TableLayout{Table::kIncident, "incident", {Field::kIncidentId}, false},
    TableLayout{Table::kLearningRows,
                "learning rows",
                {Field::kModelHash, Field::kSignal, Field::kChunk},
                true},
    TableLayout{Table::kModel, "model", {Field::kModelHash}, true},
    TableLayout{Table::kBundles, "bundles", {Field::kModelHash}, false},
    TableLayout{
        Table::kOpenPane, "open pane", {Field::kModelHash, Field::kPaneIndex, Field::kBlock}, true},
    TableLayout{Table::kClosedPane,
                "closed pane",
                {Field::kModelHash, Field::kPaneIndex, Field::kBlock},
                true},
    TableLayout{Table::kRolling,
                "rolling reference",
                {Field::kModelHash, Field::kBlock, Field::kIndex},
                true},
    TableLayout{Table::kReference,
                "reference",
                {Field::kModelHash, Field::kReferenceVersion, Field::kBlock},
                true},
    TableLayout{Table::kIncidentLine, "incident line", {Field::kIncidentId}, false},
    TableLayout{Table::kProducerMark, "producer mark", {Field::kProducerId}, true},
    TableLayout{
        Table::kEvidencePane, "evidence pane", {Field::kIncidentId, Field::kPaneIndex}, false},
};

constexpr auto kTables = [] {
  std::array<Table, kLayouts.size()> tables{};
  for (size_t i = 0; i < kLayouts.size(); ++i) tables[i] = kLayouts[i].table;
  return tables;
}();

constexpr std::array kGlobals = {
    std::pair{Global::kFormatVersion, "format version"},
    std::pair{Global::kRowTotals, "row totals"},
    std::pair{Global::kEpoch, "epoch"},
    std::pair{Global::kChangeSequence, "change sequence"},
};

const TableLayout* FindLayout(char letter) {
  for (const TableLayout& layout : kLayouts) {
    if (static_cast<char>(layout.table) == letter) return &layout;
  }
  return nullptr;
}

const TableLayout& LayoutOf(Table table) {
  const TableLayout* layout = FindLayout(static_cast<char>(table));
  FAULTLINE_CHECK(layout != nullptr, "every table has a line in kLayouts");
  return *layout;
}

const char* GlobalName(char letter) {
  for (const auto& [global, name] : kGlobals) {
    if (static_cast<char>(global) == letter) return name;
  }
  return nullptr;
}

constexpr uint64_t kSignBit = uint64_t{1} << 63;

void AppendBigEndian(uint64_t value, int bytes, std::string* out) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

bool TakeBigEndian(std::string_view* in, size_t bytes, uint64_t* value) {
  if (in->size() < bytes) return false;
  *value = 0;
  for (size_t i = 0; i < bytes; ++i) *value = *value << 8 | static_cast<uint8_t>((*in)[i]);
  in->remove_prefix(bytes);
  return true;
}

template <typename T>
bool TakeInto(std::string_view* in, T* field) {
  uint64_t value = 0;
  if (!TakeBigEndian(in, sizeof(T), &value)) return false;
  *field = static_cast<T>(value);
  return true;
}

void AppendField(const Key& key, Field field, std::string* out) {
  switch (field) {
    case Field::kNone:
      return;
    case Field::kModelHash:
      return AppendBigEndian(key.model_hash, 8, out);
    case Field::kPaneIndex:
      return AppendBigEndian(static_cast<uint64_t>(key.pane_index) ^ kSignBit, 8, out);
    case Field::kBlock:
      return AppendBigEndian(key.block, 4, out);
    case Field::kReferenceVersion:
      return AppendBigEndian(key.reference_version, 8, out);
    case Field::kSignal:
      return AppendBigEndian(key.signal, 4, out);
    case Field::kChunk:
      return AppendBigEndian(key.chunk, 4, out);
    case Field::kIndex:
      return AppendBigEndian(key.index, 4, out);
    case Field::kIncidentId:
      return AppendBigEndian(key.incident_id, 8, out);
    case Field::kChangeSequence:
      return AppendBigEndian(key.change_sequence, 8, out);
    case Field::kProducerId:
      FAULTLINE_CHECK(!key.producer_id.empty(), "a producer without an id has no mark");
      out->append(key.producer_id);
      return;
    case Field::kGlobal:
      out->push_back(static_cast<char>(key.global));
      return;
  }
}

bool TakeField(std::string_view* in, Field field, Key* key) {
  switch (field) {
    case Field::kNone:
      return true;
    case Field::kModelHash:
      return TakeInto(in, &key->model_hash);
    case Field::kPaneIndex: {
      uint64_t flipped = 0;
      if (!TakeBigEndian(in, 8, &flipped)) return false;
      key->pane_index = static_cast<int64_t>(flipped ^ kSignBit);
      return true;
    }
    case Field::kBlock:
      return TakeInto(in, &key->block);
    case Field::kReferenceVersion:
      return TakeInto(in, &key->reference_version);
    case Field::kSignal:
      return TakeInto(in, &key->signal);
    case Field::kChunk:
      return TakeInto(in, &key->chunk);
    case Field::kIndex:
      return TakeInto(in, &key->index);
    case Field::kIncidentId:
      return TakeInto(in, &key->incident_id);
    case Field::kChangeSequence:
      return TakeInto(in, &key->change_sequence);
    case Field::kProducerId:
      if (in->empty()) return false;
      key->producer_id = *in;
      *in = {};
      return true;
    case Field::kGlobal:
      if (in->empty() || GlobalName(in->front()) == nullptr) return false;
      key->global = static_cast<Global>(in->front());
      in->remove_prefix(1);
      return true;
  }
  return false;
}

std::string DescribeField(const Key& key, Field field) {
  switch (field) {
    case Field::kNone:
      return "";
    case Field::kModelHash:
      return absl::StrFormat(" model_hash=%016x", key.model_hash);
    case Field::kPaneIndex:
      return absl::StrCat(" pane_index=", key.pane_index);
    case Field::kBlock:
      return absl::StrCat(" block=", key.block);
    case Field::kReferenceVersion:
      return absl::StrCat(" reference_version=", key.reference_version);
    case Field::kSignal:
      return absl::StrCat(" signal=", key.signal);
    case Field::kChunk:
      return absl::StrCat(" chunk=", key.chunk);
    case Field::kIndex:
      return absl::StrCat(" index=", key.index);
    case Field::kIncidentId:
      return absl::StrCat(" incident_id=", FormatIncidentId(key.incident_id));
    case Field::kChangeSequence:
      return absl::StrCat(" change_sequence=", key.change_sequence);
    case Field::kProducerId:
      return absl::StrCat(" producer_id=", absl::CHexEscape(key.producer_id));
    case Field::kGlobal:
      return absl::StrCat(" ", GlobalName(static_cast<char>(key.global)));
  }
  return "";
}

std::string TablePrefix(Table table) { return {kEmptyNamespace, static_cast<char>(table)}; }

// The first bytes that begin with none of what begins with `prefix`.
std::string After(std::string prefix) {
  while (static_cast<uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
  prefix.back() = static_cast<char>(static_cast<uint8_t>(prefix.back()) + 1);
  return prefix;
}

constexpr std::string_view kCrockford = "0123456789abcdefghjkmnpqrstvwxyz";
// 13 digits of 5 bits hold 65: the highest digit has only 4.
constexpr size_t kIncidentDigits = 13;

std::optional<uint64_t> CrockfordDigit(char c) {
  if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (c == 'o') c = '0';
  if (c == 'i' || c == 'l') c = '1';
  const size_t digit = kCrockford.find(c);
  if (digit == std::string_view::npos) return std::nullopt;
  return digit;
}

}  // namespace

std::span<const Table> AllTables() { return kTables; }

uint64_t ModelHash(std::string_view name, std::string_view version) {
  std::string bytes;
  bytes.reserve(name.size() + 1 + version.size());
  bytes.append(name).push_back('\0');
  bytes.append(version);
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string BuildKey(const Key& key) {
  std::string out = TablePrefix(key.table);
  for (const Field field : LayoutOf(key.table).fields) AppendField(key, field, &out);
  return out;
}

std::string ModelKey(uint64_t model_hash) {
  return BuildKey({.table = Table::kModel, .model_hash = model_hash});
}

std::string OpenPaneKey(uint64_t model_hash, int64_t pane_index, uint32_t block) {
  return BuildKey({.table = Table::kOpenPane,
                   .model_hash = model_hash,
                   .pane_index = pane_index,
                   .block = block});
}

std::string ClosedPaneKey(uint64_t model_hash, int64_t pane_index, uint32_t block) {
  return BuildKey({.table = Table::kClosedPane,
                   .model_hash = model_hash,
                   .pane_index = pane_index,
                   .block = block});
}

std::string DetectorStateKey(uint64_t model_hash, uint32_t block) {
  return BuildKey({.table = Table::kDetectorState, .model_hash = model_hash, .block = block});
}

std::string AlertsKey(uint64_t model_hash) {
  return BuildKey({.table = Table::kAlerts, .model_hash = model_hash});
}

std::string IncidentBookKey(uint64_t model_hash) {
  return BuildKey({.table = Table::kIncidentBook, .model_hash = model_hash});
}

std::string RollingKey(uint64_t model_hash, uint32_t block, uint32_t index) {
  return BuildKey(
      {.table = Table::kRolling, .model_hash = model_hash, .block = block, .index = index});
}

std::string ReferenceKey(uint64_t model_hash, uint64_t reference_version, uint32_t block) {
  return BuildKey({.table = Table::kReference,
                   .model_hash = model_hash,
                   .block = block,
                   .reference_version = reference_version});
}

std::string LearningRowsKey(uint64_t model_hash, uint32_t signal, uint32_t chunk) {
  return BuildKey(
      {.table = Table::kLearningRows, .model_hash = model_hash, .signal = signal, .chunk = chunk});
}

std::string TransformKey(uint64_t model_hash, uint32_t signal, uint32_t index) {
  return BuildKey(
      {.table = Table::kTransform, .model_hash = model_hash, .signal = signal, .index = index});
}

std::string IncidentKey(uint64_t incident_id) {
  return BuildKey({.table = Table::kIncident, .incident_id = incident_id});
}

std::string IncidentLineKey(uint64_t incident_id) {
  return BuildKey({.table = Table::kIncidentLine, .incident_id = incident_id});
}

std::string IncidentChangeKey(uint64_t change_sequence) {
  return BuildKey({.table = Table::kIncidentChange, .change_sequence = change_sequence});
}

std::string BundlesKey(uint64_t model_hash) {
  return BuildKey({.table = Table::kBundles, .model_hash = model_hash});
}

std::string EvidenceKey(uint64_t incident_id, uint32_t index) {
  return BuildKey({.table = Table::kEvidence, .index = index, .incident_id = incident_id});
}

std::string EvidencePaneKey(uint64_t incident_id, int64_t pane_index) {
  return BuildKey(
      {.table = Table::kEvidencePane, .pane_index = pane_index, .incident_id = incident_id});
}

std::string ScoreHistoryKey(uint64_t model_hash, int64_t span, uint32_t block) {
  return BuildKey({.table = Table::kScoreHistory,
                   .model_hash = model_hash,
                   .pane_index = span,
                   .block = block});
}

std::string ProducerMarkKey(std::string_view producer_id) {
  return BuildKey({.table = Table::kProducerMark, .producer_id = std::string(producer_id)});
}

std::string GlobalKey(Global global) {
  return BuildKey({.table = Table::kGlobal, .global = global});
}

absl::StatusOr<Key> ParseKey(std::string_view bytes) {
  const auto refuse = [bytes](const std::string& why) {
    return absl::DataLossError(absl::StrCat("key ", Hex(bytes), ": ", why));
  };
  if (bytes.size() < 2) return refuse("shorter than a namespace and a table");
  if (bytes[0] != kEmptyNamespace) return refuse("a namespace that is not empty");
  const TableLayout* layout = FindLayout(bytes[1]);
  if (layout == nullptr) return refuse("unknown table");
  Key key;
  key.table = layout->table;
  std::string_view rest = bytes.substr(2);
  for (const Field field : layout->fields) {
    if (!TakeField(&rest, field, &key)) {
      return refuse(absl::StrCat("no fields of table ", layout->name));
    }
  }
  if (!rest.empty()) return refuse(absl::StrCat("too long for table ", layout->name));
  return key;
}

std::string DescribeKey(std::string_view bytes) {
  const absl::StatusOr<Key> key = ParseKey(bytes);
  if (!key.ok()) return Hex(bytes);
  const TableLayout& layout = LayoutOf(key->table);
  std::string out = layout.name;
  for (const Field field : layout.fields) out += DescribeField(*key, field);
  return out;
}

KeyRange TableRange(Table table) {
  const std::string prefix = TablePrefix(table);
  return {prefix, After(prefix)};
}

KeyRange ModelRange(Table table, uint64_t model_hash) {
  FAULTLINE_CHECK(HasModel(table), "only tables that begin with model_hash have a model's range");
  std::string prefix = TablePrefix(table);
  AppendBigEndian(model_hash, 8, &prefix);
  return {prefix, After(prefix)};
}

KeyRange IncidentRange(Table table, uint64_t incident_id) {
  FAULTLINE_CHECK(table == Table::kEvidence || table == Table::kEvidencePane,
                  "only evidence is by incident");
  std::string prefix = TablePrefix(table);
  AppendBigEndian(incident_id, 8, &prefix);
  return {prefix, After(prefix)};
}

bool ReadOnDemand(Table table) {
  return table == Table::kEvidence || table == Table::kEvidencePane ||
         table == Table::kIncidentLine || table == Table::kIncidentChange;
}

bool HasModel(Table table) { return LayoutOf(table).fields[0] == Field::kModelHash; }

bool CountsInStateDigest(const Key& key) {
  // Neither is what people did, nor how often the daemon started.
  const bool of_events = key.global != Global::kEpoch && key.global != Global::kChangeSequence;
  if (key.table == Table::kGlobal) return of_events;
  return LayoutOf(key.table).counts_in_state_digest;
}

std::string FormatIncidentId(uint64_t incident_id) {
  std::string text(kIncidentDigits, '0');
  for (size_t i = kIncidentDigits; i-- > 0; incident_id >>= 5) {
    text[i] = kCrockford[incident_id & 31];
  }
  return text;
}

absl::StatusOr<uint64_t> ParseIncidentId(std::string_view text) {
  if (text.size() != kIncidentDigits) {
    return absl::InvalidArgumentError(absl::StrCat("incident id '",
                                                   absl::CHexEscape(std::string(text)),
                                                   "' must have ", kIncidentDigits, " characters"));
  }
  const absl::StatusOr<IncidentIdRange> range = ParseIncidentIdPrefix(text);
  if (!range.ok()) return range.status();
  return range->first;
}

absl::StatusOr<IncidentIdRange> ParseIncidentIdPrefix(std::string_view prefix) {
  if (prefix.size() > kIncidentDigits) {
    return absl::InvalidArgumentError(
        absl::StrCat("incident id '", absl::CHexEscape(std::string(prefix)), "' has more than ",
                     kIncidentDigits, " characters"));
  }
  IncidentIdRange range{0, 0};
  for (size_t i = 0; i < kIncidentDigits; ++i) {
    std::optional<uint64_t> digit;
    if (i < prefix.size()) {
      digit = CrockfordDigit(prefix[i]);
      if (!digit || (i == 0 && *digit > 15)) {
        return absl::InvalidArgumentError(
            absl::StrCat("incident id '", absl::CHexEscape(std::string(prefix)), "': character ",
                         i + 1, " cannot stand there"));
      }
    }
    range.first = range.first << 5 | digit.value_or(0);
    range.last = range.last << 5 | digit.value_or(31);
  }
  return range;
}

}  // namespace faultline
