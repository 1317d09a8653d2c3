#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace faultline {

// Every key of the store, in one place. A key is a namespace field (one length byte, 0: empty, so
// far the only one), the letter of a table, and the table's fields: big-endian, signed ones with
// the sign flipped, so that the order of bytes is the order of fields. See docs/formats/keys.md.
//
// Limitations:  a model's name and version stand in keys as their hash (ModelHash). Two models
//               whose hashes meet cannot both be kept; whoever registers models must refuse the
//               second.

enum class Table : char {
  kModel = 'm',           // model_hash: what the model is, and its schema
  kOpenPane = 'o',        // model_hash, pane_index, block: panes that still count rows
  kClosedPane = 'p',      // model_hash, pane_index, block: panes that never change again
  kDetectorState = 'd',   // model_hash, block
  kAlerts = 'a',          // model_hash
  kIncidentBook = 'b',    // model_hash: which incidents are open
  kRolling = 'q',         // model_hash, block, index: quiet panes, merged
  kReference = 'r',       // model_hash, reference_version, block
  kLearningRows = 'l',    // model_hash, signal, chunk: rows kept until the reference is learnt
  kTransform = 'f',       // model_hash, signal, index: what derives a signal, and its memory
  kIncident = 'i',        // incident_id
  kIncidentLine = 's',    // incident_id: an incident as lists show it
  kIncidentChange = 'c',  // change_sequence
  kBundles = 'n',         // model_hash: which incidents have evidence, and how much
  kEvidence = 'e',        // incident_id, index: what a signal was held against when it joined
  kEvidencePane = 'w',    // incident_id, pane_index: panes and verdicts while it was open
  kScoreHistory = 'h',    // model_hash, pane_index, block: extremes of scores, by span of 5 minutes
  kProducerMark = 't',    // producer_id
  kGlobal = 'g',          // one of Global
};

// Records that are there once.
enum class Global : char {
  kFormatVersion = 'v',   // of the whole folder; written and read by the store
  kRowTotals = 'r',       // rows of the daemon's life by what became of them
  kEpoch = 'e',           // starts of the daemon
  kChangeSequence = 'c',  // the last one given to an incident change
};

// All tables, in the order of their letters.
std::span<const Table> AllTables();

// A key taken apart. Fields that its table does not have are zero or empty.
struct Key {
  Table table = Table::kGlobal;
  uint64_t model_hash = 0;
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

// XXH3-64 of name, NUL, version.
uint64_t ModelHash(std::string_view name, std::string_view version);

std::string ModelKey(uint64_t model_hash);
std::string OpenPaneKey(uint64_t model_hash, int64_t pane_index, uint32_t block);
std::string ClosedPaneKey(uint64_t model_hash, int64_t pane_index, uint32_t block);
std::string DetectorStateKey(uint64_t model_hash, uint32_t block);
std::string AlertsKey(uint64_t model_hash);
std::string IncidentBookKey(uint64_t model_hash);
std::string RollingKey(uint64_t model_hash, uint32_t block, uint32_t index);
std::string ReferenceKey(uint64_t model_hash, uint64_t reference_version, uint32_t block);
std::string LearningRowsKey(uint64_t model_hash, uint32_t signal, uint32_t chunk);
std::string TransformKey(uint64_t model_hash, uint32_t signal, uint32_t index);
std::string IncidentKey(uint64_t incident_id);
std::string IncidentLineKey(uint64_t incident_id);
std::string IncidentChangeKey(uint64_t change_sequence);
std::string BundlesKey(uint64_t model_hash);
std::string EvidenceKey(uint64_t incident_id, uint32_t index);
std::string EvidencePaneKey(uint64_t incident_id, int64_t pane_index);
// `span`: number of the 5 minutes since 1970; INT64_MAX: the one that is not over.
std::string ScoreHistoryKey(uint64_t model_hash, int64_t span, uint32_t block);
// The id must not be empty.
std::string ProducerMarkKey(std::string_view producer_id);
std::string GlobalKey(Global global);

// The key of the fields that `key.table` has.
std::string BuildKey(const Key& key);
// DATA_LOSS, with the bytes in hexadecimal, if this is no key that BuildKey could have built.
absl::StatusOr<Key> ParseKey(std::string_view bytes);
// For people: the table and the fields, or the bytes in hexadecimal if they are no key.
std::string DescribeKey(std::string_view bytes);

// Keys in [begin, end).
struct KeyRange {
  std::string begin;
  std::string end;
};
KeyRange TableRange(Table table);
// What one model has in a table. Only for tables that begin with model_hash (HasModel).
KeyRange ModelRange(Table table, uint64_t model_hash);
bool HasModel(Table table);
// What one incident has in a table. Only for kEvidence and kEvidencePane.
KeyRange IncidentRange(Table table, uint64_t incident_id);
// True for what only grows with time and is read one by one when somebody asks, so that a start
// does not read it.
bool ReadOnDemand(Table table);

// True if the value under this key is a function of the events alone, so that it counts when the
// states of two runs are compared. Not so for what belongs to people (incidents, their changes,
// the book of the open ones, the count of changes) and for the count of starts.
bool CountsInStateDigest(const Key& key);

// An incident's id for people: 13 characters of Crockford's base 32, lower-case, highest digit
// first, so that text sorts like the number.
std::string FormatIncidentId(uint64_t incident_id);
// Takes upper-case as well, o for 0, i and l for 1. INVALID_ARGUMENT otherwise.
absl::StatusOr<uint64_t> ParseIncidentId(std::string_view text);

// The incidents whose text begins with a prefix of 0 to 13 characters.
struct IncidentIdRange {
  uint64_t first = 0;
  uint64_t last = 0;  // inclusive
};
absl::StatusOr<IncidentIdRange> ParseIncidentIdPrefix(std::string_view prefix);

}  // namespace faultline
