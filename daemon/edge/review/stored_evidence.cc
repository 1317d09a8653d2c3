#include "daemon/edge/review/stored_evidence.h"

#include <absl/strings/str_cat.h>

#include <optional>
#include <utility>

#include "daemon/core/signal/signal_window.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline::review {
namespace {

absl::Status Named(const absl::Status& status, std::string_view key) {
  if (status.ok()) return status;
  return {status.code(), absl::StrCat(DescribeKey(key), ": ", status.message())};
}

// Opens, decodes and appends every record of a table.
template <typename Record>
absl::Status ReadAll(const Store& store, Table table, uint64_t incident,
                     absl::StatusOr<Record> (*decode)(std::string_view),
                     std::vector<Record>* records) {
  const KeyRange range = IncidentRange(table, incident);
  absl::Status status;
  const absl::Status scanned =
      store.Scan(range.begin, range.end, [&](std::string_view key, std::string_view value) {
        const absl::StatusOr<std::string_view> payload = OpenRecord(table, value);
        if (!payload.ok()) {
          status = Named(payload.status(), key);
          return false;
        }
        absl::StatusOr<Record> record = decode(*payload);
        status = Named(record.status(), key);
        if (status.ok()) records->push_back(*std::move(record));
        return status.ok();
      });
  return scanned.ok() ? status : scanned;
}

// How many panes could not be kept.
absl::Status ReadLeftOut(const Store& store, uint64_t id, const v1::Incident& incident,
                         StoredEvidence* evidence) {
  const uint64_t model = ModelHash(incident.model(), incident.version());
  const std::string key = BundlesKey(model);
  const auto stored = store.Get(key);
  if (!stored.ok() || !stored->has_value()) return stored.status();
  const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kBundles, **stored);
  if (!payload.ok()) return Named(payload.status(), key);
  BundleBook book(model);
  if (absl::Status status = book.Decode(*payload); !status.ok()) return Named(status, key);
  const BundleBook::Kept* kept = book.Find(id);
  if (kept == nullptr) return absl::OkStatus();
  evidence->panes_left_out = kept->panes_left_out;
  evidence->signals_left_out = kept->signals_left_out;
  return absl::OkStatus();
}

const EvidenceEntry* EntryOf(const EvidencePane& pane, size_t pin) {
  for (const EvidenceEntry& entry : pane.entries) {
    if (entry.pin == pin) return &entry;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<StoredEvidence> ReadEvidence(const Store& store, uint64_t id,
                                            const v1::Incident& incident) {
  StoredEvidence evidence;
  absl::Status status = ReadAll(store, Table::kEvidence, id, &DecodePin, &evidence.pins);
  if (status.ok()) {
    status = ReadAll(store, Table::kEvidencePane, id, &DecodeEvidencePane, &evidence.panes);
  }
  if (status.ok()) status = ReadLeftOut(store, id, incident, &evidence);
  if (!status.ok()) return status;
  return evidence;
}

absl::Status ForEachPane(const StoredEvidence& evidence, size_t pin_index,
                         const std::function<bool(const SeenPane&)>& visit) {
  const EvidencePin& pin = evidence.pins[pin_index];
  const Shape& shape = pin.reference->shape();
  SignalWindow window(&shape);
  if (!window.AddEncoded(pin.window)) return absl::DataLossError("evidence: a window is damaged");
  for (const EvidencePane& pane : evidence.panes) {
    const EvidenceEntry* entry = EntryOf(pane, pin_index);
    if (entry == nullptr || pane.number < pin.from) continue;
    std::optional<Summary> summary;
    if (entry->counted) {
      absl::StatusOr<Summary> decoded = Summary::Decode(&shape, entry->summary);
      if (!decoded.ok()) return absl::DataLossError(decoded.status().message());
      summary.emplace(*std::move(decoded));
    }
    // The pin's window has its first pane already.
    if (pane.number > pin.from && summary.has_value()) {
      window.Add(pane.number, entry->sent, *summary);
    }
    window.DropBefore(pane.window_from);
    const SeenPane seen = {&pane, entry, summary.has_value() ? &*summary : nullptr,
                           &window.merged()};
    if (!visit(seen)) break;
  }
  return absl::OkStatus();
}

}  // namespace faultline::review
