#include <absl/strings/str_cat.h>

#include <algorithm>

#include "base/codec.h"
#include "daemon/core/incident/incident_book.h"
#include "daemon/core/settings/limits.h"
#include "storage/tables/incident_id.h"

// Stored form of an IncidentBook.

namespace faultline {
namespace {

constexpr uint8_t kVersion = 1;

}  // namespace

void IncidentBook::Encode(std::string* bytes) const {
  Encoder out(bytes);
  out.Fixed8(kVersion);
  out.Varint(open_.size());
  for (const auto& [subject, id] : open_) {
    out.String(subject);
    out.Varint(id);
  }
  out.Varint(last_id_);
  out.Varint(total_);
  out.Signed(test_until_ns_);
  out.Varint(held_.size());
  for (const auto& [id, held] : held_) {
    out.Varint(id);
    out.Varint(held.left_out);
  }
  out.Varint(resolved_.size());
  uint64_t previous = 0;
  for (const uint64_t id : resolved_) {
    out.Varint(id - previous);
    previous = id;
  }
  out.Varint(belongs_.size());
  for (const auto& [key, id] : belongs_) {
    out.String(key.signal);
    out.String(key.detector);
    out.Varint(id);
  }
}

absl::Status IncidentBook::Decode(std::string_view bytes) {
  Decoder in(bytes);
  const uint8_t version = in.Fixed8();
  if (in.ok() && version > kVersion) {
    return absl::FailedPreconditionError("the incident book was written by a newer version");
  }
  IncidentBook book(model_, version_);
  const uint64_t open = in.Varint();
  if (!in.ok() || open > kIncidentsOpenMax)
    return absl::DataLossError("incident book is damaged: open incidents");
  for (uint64_t i = 0; i < open; ++i) {
    std::string subject(in.String());
    book.open_[std::move(subject)] = in.Varint();
  }
  book.last_id_ = in.Varint();
  book.total_ = in.Varint();
  book.test_until_ns_ = in.Signed();
  const uint64_t held = in.Varint();
  if (!in.ok() || held > kResolvedHeldMax + open)
    return absl::DataLossError("incident book is damaged: held incidents");
  for (uint64_t i = 0; i < held; ++i) {
    const uint64_t id = in.Varint();
    Held& entry = book.held_[id];
    entry.left_out = static_cast<uint32_t>(in.Varint());
    entry.restored = false;
  }
  const uint64_t resolved = in.Varint();
  if (!in.ok() || resolved > kIncidentsRememberedMax) {
    return absl::DataLossError("incident book is damaged: resolved incidents");
  }
  uint64_t previous = 0;
  for (uint64_t i = 0; i < resolved; ++i) book.resolved_.push_back(previous += in.Varint());
  const uint64_t belongs = in.Varint();
  if (!in.ok() || belongs > kAlertsPerModelMax + 1) {
    return absl::DataLossError("incident book is damaged: alerts");
  }
  for (uint64_t i = 0; i < belongs; ++i) {
    AlertKey key;
    key.signal = in.String();
    key.detector = in.String();
    const uint64_t id = in.Varint();
    if (const auto owner = book.held_.find(id); owner != book.held_.end()) ++owner->second.live;
    book.belongs_[std::move(key)] = id;
  }
  // Encoding must give the same bytes; this also detects a wrong order.
  std::string again;
  book.Encode(&again);
  if (!in.Done() || version != kVersion || again != bytes ||
      !std::all_of(book.open_.begin(), book.open_.end(),
                   [&](const auto& each) { return book.held_.contains(each.second); }) ||
      (book.open_id("") == 0 && book.test_until_ns_ != 0)) {
    return absl::DataLossError("the incident book is damaged");
  }
  book.revision_ = revision_ + 1;
  *this = std::move(book);
  return absl::OkStatus();
}

void IncidentBook::Restore(uint64_t id, const v1::Incident& incident) {
  const auto held = held_.find(id);
  if (held == held_.end()) return;
  held->second.incident = incident;
  held->second.bytes = incident.SpaceUsedLong();
  held->second.restored = true;
}

absl::Status IncidentBook::FinishRestore() const {
  for (const auto& [id, held] : held_) {
    if (!held.restored) {
      return absl::DataLossError(absl::StrCat("incident ", FormatIncidentId(id), " is missing"));
    }
    if (IsOpen(id) && open_id(held.incident.subject()) != id) {
      return absl::DataLossError(
          absl::StrCat("incident ", FormatIncidentId(id), " is open under another subject"));
    }
  }
  return absl::OkStatus();
}

}  // namespace faultline
