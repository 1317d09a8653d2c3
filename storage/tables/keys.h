#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "storage/tables/tables.h"

namespace faultline {

// Every key of the store. A key is a namespace field (one length byte, 0: empty, so far the only
// one), the tag of a table, and the table's fields (kTables): big-endian, signed ones with the sign
// flipped, so that the order of bytes is the order of fields. See docs/formats/keys.md.
//
// Limitations:  a model's name and version stand in keys as their hash (ModelHash). Two models
//               whose hashes collide cannot both be kept; registration must refuse the second.

// XXH3-64 of name, NUL, version.
uint64_t ModelHash(std::string_view name, std::string_view version);

// The bytes of `key`, from the fields that its table has. A producer's id must not be empty.
std::string BuildKey(const Key& key);
// DATA_LOSS, with the bytes in hexadecimal, if BuildKey could not have built these bytes.
absl::StatusOr<Key> ParseKey(std::string_view bytes);
// For people: the table and its fields, or the bytes in hexadecimal if they are not a key.
std::string DescribeKey(std::string_view bytes);

// The member of Key that a field of a table's keys is, and its type.
template <Table table, size_t index>
inline constexpr auto kKeyMember = std::get<DescriptorOf(table).fields[index].member.index()>(
    DescriptorOf(table).fields[index].member);
template <Table table, size_t index>
using KeyFieldType = std::remove_cvref_t<decltype(Key().*kKeyMember<table, index>)>;

// Builds keys of one table: takes the fields of its descriptor, in their order.
template <Table table, typename = std::make_index_sequence<DescriptorOf(table).field_count()>>
struct KeyOf;

template <Table table, size_t... index>
struct KeyOf<table, std::index_sequence<index...>> {
  std::string operator()(const KeyFieldType<table, index>&... values) const {
    Key key;
    key.table = table;
    ((key.*kKeyMember<table, index> = values), ...);
    return BuildKey(key);
  }
};

inline constexpr KeyOf<Table::kModel> ModelKey;
inline constexpr KeyOf<Table::kOpenPane> OpenPaneKey;
inline constexpr KeyOf<Table::kClosedPane> ClosedPaneKey;
inline constexpr KeyOf<Table::kDetectorState> DetectorStateKey;
inline constexpr KeyOf<Table::kAlerts> AlertsKey;
inline constexpr KeyOf<Table::kDecisions> DecisionsKey;
inline constexpr KeyOf<Table::kIncidentBook> IncidentBookKey;
inline constexpr KeyOf<Table::kRolling> RollingKey;
inline constexpr KeyOf<Table::kReference> ReferenceKey;
inline constexpr KeyOf<Table::kReferenceList> ReferenceListKey;
inline constexpr KeyOf<Table::kLearningRows> LearningRowsKey;
inline constexpr KeyOf<Table::kTransform> TransformKey;
inline constexpr KeyOf<Table::kIncident> IncidentKey;
inline constexpr KeyOf<Table::kIncidentLine> IncidentLineKey;
inline constexpr KeyOf<Table::kIncidentChange> IncidentChangeKey;
inline constexpr KeyOf<Table::kBundles> BundlesKey;
inline constexpr KeyOf<Table::kEvidence> EvidenceKey;
inline constexpr KeyOf<Table::kEvidencePane> EvidencePaneKey;
// pane_index: number of the 5 minutes since 1970; INT64_MAX: the span that is not over.
inline constexpr KeyOf<Table::kScoreHistory> ScoreHistoryKey;
inline constexpr KeyOf<Table::kCommittedSequence> CommittedSequenceKey;
inline constexpr KeyOf<Table::kGlobal> GlobalKey;

// Keys in [begin, end).
struct KeyRange {
  std::string begin;
  std::string end;
};
KeyRange TableRange(Table table);
// Keys of one model in a table whose keys begin with model_hash (HasModel).
KeyRange ModelRange(Table table, uint64_t model_hash);
// Keys of one incident in a table with HasIncident.
KeyRange IncidentRange(Table table, uint64_t incident_id);

// True if the value under this key is a function of the events alone, so that it counts when the
// states of two runs are compared.
bool CountsInStateDigest(const Key& key);

}  // namespace faultline
