#include "storage/tables/keys.h"

#include <absl/status/status.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <xxhash.h>

#include <array>
#include <concepts>
#include <utility>

#include "base/check.h"
#include "storage/tables/incident_id.h"

namespace faultline {
namespace {

constexpr char kEmptyNamespace = '\0';

std::string Hex(std::string_view bytes) { return absl::BytesToHexString(std::string(bytes)); }

constexpr std::array kGlobals = {
    std::pair{Global::kFormatVersion, "format version"},
    std::pair{Global::kRowTotals, "row totals"},
    std::pair{Global::kEpoch, "epoch"},
    std::pair{Global::kChangeSequence, "change sequence"},
};

const char* GlobalName(Global global) {
  for (const auto& [known, name] : kGlobals) {
    if (known == global) return name;
  }
  return nullptr;
}

template <std::unsigned_integral T>
void Append(T value, std::string* out) {
  for (size_t byte = sizeof(T); byte-- > 0;) out->push_back(static_cast<char>(value >> byte * 8));
}

template <std::unsigned_integral T>
bool Take(std::string_view* in, T* value) {
  if (in->size() < sizeof(T)) return false;
  uint64_t taken = 0;
  for (size_t i = 0; i < sizeof(T); ++i) taken = taken << 8 | static_cast<uint8_t>((*in)[i]);
  *value = static_cast<T>(taken);
  in->remove_prefix(sizeof(T));
  return true;
}

constexpr uint64_t kSignBit = uint64_t{1} << 63;

void Append(int64_t value, std::string* out) {
  Append(static_cast<uint64_t>(value) ^ kSignBit, out);
}

bool Take(std::string_view* in, int64_t* value) {
  uint64_t flipped = 0;
  if (!Take(in, &flipped)) return false;
  *value = static_cast<int64_t>(flipped ^ kSignBit);
  return true;
}

void Append(const std::string& text, std::string* out) {
  FAULTLINE_CHECK(!text.empty(), "text in a key has at least one byte");
  out->append(text);
}

bool Take(std::string_view* in, std::string* text) {
  if (in->empty()) return false;
  *text = std::exchange(*in, {});
  return true;
}

void Append(Global global, std::string* out) { out->push_back(static_cast<char>(global)); }

bool Take(std::string_view* in, Global* global) {
  if (in->empty() || GlobalName(static_cast<Global>(in->front())) == nullptr) return false;
  *global = static_cast<Global>(in->front());
  in->remove_prefix(1);
  return true;
}

template <std::unsigned_integral T>
std::string Describe(const KeyField& field, T value) {
  switch (field.notation) {
    case FieldNotation::kPlain:
      break;
    case FieldNotation::kHex:
      return absl::StrFormat(" %s=%016x", field.name, uint64_t{value});
    case FieldNotation::kIncidentId:
      return absl::StrCat(" ", field.name, "=", FormatIncidentId(value));
  }
  return absl::StrCat(" ", field.name, "=", value);
}
std::string Describe(const KeyField& field, int64_t value) {
  return absl::StrCat(" ", field.name, "=", value);
}
std::string Describe(const KeyField& field, const std::string& value) {
  return absl::StrCat(" ", field.name, "=", absl::CHexEscape(value));
}
std::string Describe(const KeyField&, Global value) { return absl::StrCat(" ", GlobalName(value)); }

std::string TablePrefix(Table table) { return {kEmptyNamespace, static_cast<char>(table)}; }

// Smallest key after every key with this prefix.
std::string After(std::string prefix) {
  while (static_cast<uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
  prefix.back() = static_cast<char>(static_cast<uint8_t>(prefix.back()) + 1);
  return prefix;
}

KeyRange PrefixRange(const std::string& prefix) { return {prefix, After(prefix)}; }

}  // namespace

uint64_t ModelHash(std::string_view name, std::string_view version) {
  std::string bytes;
  bytes.reserve(name.size() + 1 + version.size());
  bytes.append(name).push_back('\0');
  bytes.append(version);
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string BuildKey(const Key& key) {
  const TableDescriptor& table = DescriptorOf(key.table);
  std::string out = TablePrefix(key.table);
  for (const KeyField& field : table.used_fields()) {
    std::visit([&](auto member) { Append(key.*member, &out); }, field.member);
  }
  return out;
}

absl::StatusOr<Key> ParseKey(std::string_view bytes) {
  const auto refuse = [bytes](const std::string& why) {
    return absl::DataLossError(absl::StrCat("key ", Hex(bytes), ": ", why));
  };
  if (bytes.size() < 2) return refuse("shorter than a namespace and a table");
  if (bytes[0] != kEmptyNamespace) return refuse("a namespace that is not empty");
  const TableDescriptor* table = FindTable(bytes[1]);
  if (table == nullptr) return refuse("unknown table");
  Key key;
  key.table = table->tag;
  std::string_view rest = bytes.substr(2);
  for (const KeyField& field : table->used_fields()) {
    if (!std::visit([&](auto member) { return Take(&rest, &(key.*member)); }, field.member)) {
      return refuse(absl::StrCat("too short for table ", table->name, ", or unknown ", field.name));
    }
  }
  if (!rest.empty()) return refuse(absl::StrCat("too long for table ", table->name));
  return key;
}

std::string DescribeKey(std::string_view bytes) {
  const absl::StatusOr<Key> key = ParseKey(bytes);
  if (!key.ok()) return Hex(bytes);
  const TableDescriptor& table = DescriptorOf(key->table);
  std::string out = table.name;
  for (const KeyField& field : table.used_fields()) {
    out += std::visit([&](auto member) { return Describe(field, (*key).*member); }, field.member);
  }
  return out;
}

KeyRange TableRange(Table table) { return PrefixRange(TablePrefix(DescriptorOf(table).tag)); }

KeyRange ModelRange(Table table, uint64_t model_hash) {
  FAULTLINE_CHECK(HasModel(table), "the caller chose a table whose keys begin with model_hash");
  std::string prefix = TablePrefix(table);
  Append(model_hash, &prefix);
  return PrefixRange(prefix);
}

KeyRange IncidentRange(Table table, uint64_t incident_id) {
  FAULTLINE_CHECK(HasIncident(table), "the caller chose a table whose keys begin with incident_id");
  std::string prefix = TablePrefix(table);
  Append(incident_id, &prefix);
  return PrefixRange(prefix);
}

bool CountsInStateDigest(const Key& key) {
  const bool of_people = key.global == Global::kEpoch || key.global == Global::kChangeSequence;
  if (key.table == Table::kGlobal && of_people) return false;
  return DescriptorOf(key.table).origin == TableOrigin::kEvents;
}

}  // namespace faultline
