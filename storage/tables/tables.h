#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <variant>

#include "base/check.h"

namespace faultline {

// Every table of the store, one line per table (kTables, below). Keys, ranges, envelopes, restore
// and state digests follow from that line. A new table is a tag, its line, and a row and an example
// in docs/formats/keys.md.

// The second byte of a table's keys, and the kind of the envelopes under them.
enum class Table : char {
  kAlerts = 'a',             // alerts of a model
  kIncidentBook = 'b',       // open incidents of a model
  kIncidentChange = 'c',     // log of incident changes
  kDetectorState = 'd',      // detector state of a block of signals
  kEvidence = 'e',           // what a signal was compared with when it joined an incident
  kTransform = 'f',          // what derives a signal, and its memory
  kGlobal = 'g',             // one record for each Global
  kScoreHistory = 'h',       // extremes of scores by span of 5 minutes
  kIncident = 'i',           // incidents
  kLearningRows = 'l',       // rows kept until the reference is learned
  kModel = 'm',              // model name, version and schema
  kBundles = 'n',            // incidents of a model that have evidence, and how much
  kOpenPane = 'o',           // panes that still count rows
  kClosedPane = 'p',         // panes that never change again
  kRolling = 'q',            // quiet panes, merged
  kReference = 'r',          // summaries of a reference
  kIncidentLine = 's',       // incidents as lists show them
  kCommittedSequence = 't',  // committed sequence of a producer
  kReferenceList = 'v',      // references of a stream by version
  kEvidencePane = 'w',       // panes and verdicts while an incident was open
  kDecisions = 'x',          // what people decided about a model: silence, deployment
};

// The records of Table::kGlobal.
enum class Global : char {
  kFormatVersion = 'v',   // of the whole folder; written and read by the store
  kRowTotals = 'r',       // rows since the folder was created, by outcome
  kEpoch = 'e',           // starts of the daemon
  kChangeSequence = 'c',  // last sequence given to an incident change
};

// A key taken apart. Fields that its table does not have are zero or empty.
struct Key {
  Table table = Table::kGlobal;
  uint64_t model_hash = 0;
  uint8_t stream = 0;
  int64_t pane_index = 0;
  uint32_t block = 0;
  uint64_t reference_version = 0;
  uint32_t signal = 0;
  uint32_t chunk = 0;
  uint32_t index = 0;
  uint64_t incident_id = 0;
  uint64_t change_sequence = 0;
  std::string producer_id{};
  Global global = Global::kFormatVersion;

  bool operator==(const Key&) const = default;
};

// How DescribeKey prints a field.
enum class FieldNotation : uint8_t { kPlain, kHex, kIncidentId };

// One field of a key. The type of the member decides its bytes: numbers are big-endian of their
// width, signed ones with the sign bit flipped; text runs to the end of the key.
struct KeyField {
  using Member = std::variant<uint8_t Key::*, uint32_t Key::*, uint64_t Key::*, int64_t Key::*,
                              std::string Key::*, Global Key::*>;
  const char* name = nullptr;
  Member member{};
  FieldNotation notation = FieldNotation::kPlain;

  constexpr bool exists() const { return name != nullptr; }
  constexpr bool operator==(const KeyField& other) const { return member == other.member; }
};

// Who writes the records of a table, and gets them back when the daemon starts.
enum class TableOwner : uint8_t {
  kModel,      // one model; its shard restores them
  kIncidents,  // the committer, when an incident changes; every shard sees them, since only the
               // incident itself names its model
  kAdmission,  // the admission gate
  kDaemon,     // the daemon; each record is read by name
};

enum class TableRead : uint8_t {
  kAtStart,   // in memory while the daemon runs
  kOnDemand,  // grows with time; read when a query needs it, so a start does not wait for it
};

// Whether a record is a function of the events alone. Only then does it count when the states of
// two runs are compared; people act on incidents, and daemons restart.
enum class TableOrigin : uint8_t { kEvents, kPeople };

struct TableDescriptor {
  static constexpr size_t kFieldsMax = 4;

  Table tag;
  const char* name;
  uint8_t record_version;  // written now; older versions are read
  TableOwner owner;
  std::array<KeyField, kFieldsMax> fields;  // in key order; the rest do not exist
  TableRead read = TableRead::kAtStart;
  TableOrigin origin = TableOrigin::kEvents;

  constexpr size_t field_count() const {
    return static_cast<size_t>(std::ranges::count_if(fields, &KeyField::exists));
  }
  constexpr std::span<const KeyField> used_fields() const {
    return std::span(fields).first(field_count());
  }
  constexpr bool HasField(const KeyField& field) const {
    return std::ranges::find(fields, field) != fields.end();
  }
};

namespace key_field {
using enum FieldNotation;
inline constexpr KeyField kModelHash{"model_hash", &Key::model_hash, kHex};
inline constexpr KeyField kStream{"stream", &Key::stream};
inline constexpr KeyField kPane{"pane_index", &Key::pane_index};
inline constexpr KeyField kBlock{"block", &Key::block};
inline constexpr KeyField kVersion{"reference_version", &Key::reference_version};
inline constexpr KeyField kSignal{"signal", &Key::signal};
inline constexpr KeyField kChunk{"chunk", &Key::chunk};
inline constexpr KeyField kIndex{"index", &Key::index};
inline constexpr KeyField kIncident{"incident_id", &Key::incident_id, kIncidentId};
inline constexpr KeyField kSequence{"change_sequence", &Key::change_sequence};
inline constexpr KeyField kProducer{"producer_id", &Key::producer_id};
inline constexpr KeyField kName{"name", &Key::global};
}  // namespace key_field

namespace table_lines {
using key_field::kBlock;
using key_field::kChunk;
using key_field::kIncident;
using key_field::kIndex;
using key_field::kModelHash;
using key_field::kName;
using key_field::kPane;
using key_field::kProducer;
using key_field::kSequence;
using key_field::kSignal;
using key_field::kStream;
using key_field::kVersion;
using enum TableOwner;
using enum TableRead;
using enum TableOrigin;
using T = Table;

inline constexpr std::array kAll = std::to_array<TableDescriptor>({
    {T::kAlerts, "alerts", 1, kModel, {kModelHash}},
    {T::kIncidentBook, "incident book", 1, kModel, {kModelHash}, kAtStart, kPeople},
    {T::kIncidentChange, "incident change", 1, kIncidents, {kSequence}, kOnDemand, kPeople},
    {T::kDetectorState, "detector state", 1, kModel, {kModelHash, kStream, kBlock}},
    {T::kEvidence, "evidence", 1, kModel, {kIncident, kIndex}, kOnDemand, kPeople},
    {T::kTransform, "transform", 1, kModel, {kModelHash, kStream, kSignal, kIndex}},
    {T::kGlobal, "global", 1, kDaemon, {kName}},
    {T::kScoreHistory, "score history", 1, kModel, {kModelHash, kPane, kStream, kBlock}},
    {T::kIncident, "incident", 1, kIncidents, {kIncident}, kAtStart, kPeople},
    {T::kLearningRows, "learning rows", 1, kModel, {kModelHash, kStream, kSignal, kChunk}},
    {T::kModel, "model", 1, kModel, {kModelHash}},
    {T::kBundles, "bundles", 1, kModel, {kModelHash}, kAtStart, kPeople},
    {T::kOpenPane, "open pane", 1, kModel, {kModelHash, kStream, kPane, kBlock}},
    {T::kClosedPane, "closed pane", 1, kModel, {kModelHash, kStream, kPane, kBlock}},
    {T::kRolling, "rolling reference", 1, kModel, {kModelHash, kStream, kBlock, kIndex}},
    {T::kReference, "reference", 1, kModel, {kModelHash, kStream, kVersion, kBlock}},
    {T::kIncidentLine, "incident line", 1, kIncidents, {kIncident}, kOnDemand, kPeople},
    {T::kCommittedSequence, "committed sequence", 1, kAdmission, {kProducer}},
    {T::kReferenceList, "reference list", 1, kModel, {kModelHash, kStream}, kAtStart, kPeople},
    {T::kEvidencePane, "evidence pane", 1, kModel, {kIncident, kIndex}, kOnDemand, kPeople},
    {T::kDecisions, "decisions", 1, kModel, {kModelHash}, kAtStart, kPeople},
});

constexpr bool TagsAscend() {
  return std::ranges::adjacent_find(kAll, std::ranges::greater_equal(), &TableDescriptor::tag) ==
         kAll.end();
}
constexpr bool Begins(const TableDescriptor& table, const KeyField& field) {
  return table.fields[0] == field;
}
constexpr bool IsWhole(const TableDescriptor& table) {
  return table.name != nullptr && table.record_version > 0 && table.field_count() > 0 &&
         std::ranges::all_of(table.used_fields(), &KeyField::exists);
}
constexpr bool TextIsLast(const TableDescriptor& table) {
  return !table.HasField(kProducer) || table.fields[table.field_count() - 1] == kProducer;
}
constexpr bool StreamFollowsModel(const TableDescriptor& table) {
  return !table.HasField(kStream) ||
         (Begins(table, kModelHash) && (table.fields[1] == kStream || table.fields[2] == kStream));
}
constexpr bool ShardIsKnown(const TableDescriptor& table) {
  return table.owner != kModel || table.read != kAtStart || Begins(table, kModelHash);
}

static_assert(TagsAscend(), "tables are in ascending order of unique tags");
static_assert(std::ranges::all_of(kAll, IsWhole), "name, version and fields, without gaps");
static_assert(std::ranges::all_of(kAll, TextIsLast), "text runs to the end of the key");
static_assert(std::ranges::all_of(kAll, StreamFollowsModel),
              "a stream's ordinal follows the model that it belongs to");
static_assert(std::ranges::all_of(kAll, ShardIsKnown),
              "what a model restores is found by its hash");
}  // namespace table_lines

inline constexpr auto& kTables = table_lines::kAll;

constexpr const TableDescriptor* FindTable(char tag) {
  const auto found = std::ranges::find(
      kTables, tag, [](const TableDescriptor& t) { return static_cast<char>(t.tag); });
  return found == kTables.end() ? nullptr : &*found;
}

constexpr const TableDescriptor& DescriptorOf(Table table) {
  for (const TableDescriptor& descriptor : kTables) {
    if (descriptor.tag == table) return descriptor;
  }
  FAULTLINE_CHECK(false, "every table has a line in kTables");
  return kTables.front();
}

constexpr bool HasModel(Table table) {
  return DescriptorOf(table).fields[0] == key_field::kModelHash;
}
constexpr bool HasIncident(Table table) {
  return DescriptorOf(table).fields[0] == key_field::kIncident;
}
constexpr bool HasStream(Table table) { return DescriptorOf(table).HasField(key_field::kStream); }
constexpr bool ReadOnDemand(Table table) {
  return DescriptorOf(table).read == TableRead::kOnDemand;
}

}  // namespace faultline
