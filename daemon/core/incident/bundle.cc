#include "daemon/core/incident/bundle.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline {

bool BundleBook::Holds(uint32_t stream, uint32_t signal) const {
  return std::any_of(pinned_.begin(), pinned_.end(), [&](const Pinned& pinned) {
    return pinned.stream == stream && pinned.signal == signal;
  });
}

std::vector<BundleBook::Pinned>::iterator BundleBook::Place(uint32_t stream, uint32_t signal) {
  return std::find_if(pinned_.begin(), pinned_.end(), [&](const Pinned& pinned) {
    return pinned.stream == stream && pinned.signal == signal;
  });
}

const BundleBook::Kept* BundleBook::Find(uint64_t incident) const {
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& kept) { return kept.incident == incident; });
  return found == kept_.end() ? nullptr : &*found;
}

void BundleBook::Open(uint64_t incident, Effects* effects) {
  if (Find(incident) != nullptr) return;
  ++revision_;
  open_ = incident;
  pinned_.clear();
  last_bytes_ = 0;
  kept_.emplace_back().incident = incident;
  MakeRoom(effects);
}

void BundleBook::Close() {
  if (open_ == 0) return;
  ++revision_;
  open_ = 0;
  pinned_.clear();
}

void BundleBook::MakeRoom(Effects* effects) {
  while (kept_.size() > 1 && (kept_.size() > kBundlesMax || bytes_ > kBundlesBytesMax)) {
    Drop(kept_.front(), effects);
    kept_.pop_front();
  }
}

bool BundleBook::Add(uint32_t signal, const EvidencePin& pin, uint64_t config_digest,
                     Effects* effects) {
  FAULTLINE_CHECK(open_ != 0, "signals join an open incident");
  ++revision_;
  Kept& kept = kept_.back();
  const auto place = Place(pin.stream, signal);
  if (place == pinned_.end() && pinned_.size() >= kBundleSignalsMax) {
    ++kept.signals_left_out;
    return false;
  }
  std::string payload;
  Encoder out(&payload);
  EncodePin(pin, &out);
  if (kept.pins >= kBundlePinsMax || kept.bytes + payload.size() > kBundleBytesMax) {
    // A pin that no longer holds would give other verdicts.
    if (place == pinned_.end()) {
      ++kept.signals_left_out;
    } else {
      pinned_.erase(place);
    }
    return false;
  }
  const Pinned pinned = {pin.stream, signal, kept.pins, pin.reference->version(), config_digest};
  if (place == pinned_.end()) {
    pinned_.push_back(pinned);
  } else {
    *place = pinned;
  }
  kept.bytes += payload.size();
  bytes_ += payload.size();
  effects->writes.push_back(
      {EvidenceKey(open_, kept.pins++), SealRecord(Table::kEvidence, payload)});
  MakeRoom(effects);
  return true;
}

void BundleBook::Outdate(uint32_t stream, uint32_t signal) {
  const auto place = Place(stream, signal);
  if (place == pinned_.end() || place->reference_version == 0) return;
  place->reference_version = 0;
  ++revision_;
}

bool BundleBook::Record(const EvidencePane& pane, Effects* effects) {
  FAULTLINE_CHECK(open_ != 0, "panes belong to an open incident");
  ++revision_;
  Kept& kept = kept_.back();
  std::string payload;
  Encoder out(&payload);
  EncodeEvidencePane(pane, &out);
  const bool again = pane.stream == last_stream_ && pane.number == last_number_;
  const uint64_t before = again ? last_bytes_ : 0;
  if (kept.bytes - before + payload.size() > kBundleBytesMax) {
    if (before == 0) ++kept.panes_left_out;
    return false;
  }
  if (before == 0) ++kept.panes;
  last_stream_ = pane.stream;
  last_number_ = pane.number;
  kept.bytes += payload.size() - before;
  bytes_ += payload.size() - before;
  last_bytes_ = payload.size();
  effects->writes.push_back(
      {EvidencePaneKey(open_, kept.panes - 1), SealRecord(Table::kEvidencePane, payload)});
  MakeRoom(effects);
  return true;
}

void BundleBook::Drop(const Kept& kept, Effects* effects) {
  for (uint32_t pin = 0; pin < kept.pins; ++pin) {
    effects->writes.push_back({EvidenceKey(kept.incident, pin), std::nullopt});
  }
  for (uint32_t pane = 0; pane < kept.panes; ++pane) {
    effects->writes.push_back({EvidencePaneKey(kept.incident, pane), std::nullopt});
  }
  bytes_ -= kept.bytes;
}

void BundleBook::Remove(uint64_t incident, Effects* effects) {
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& kept) { return kept.incident == incident; });
  if (found == kept_.end()) return;
  ++revision_;
  if (open_ == incident) Close();
  Drop(*found, effects);
  kept_.erase(found);
}

void BundleBook::Clear(Effects* effects) {
  ++revision_;
  Close();
  for (const Kept& kept : kept_) Drop(kept, effects);
  kept_.clear();
}

size_t BundleBook::memory_bytes() const {
  return kept_.size() * sizeof(Kept) + pinned_.capacity() * sizeof(Pinned);
}

void BundleBook::Encode(std::string* bytes) const {
  Encoder out(bytes);
  out.Varint(kept_.size());
  for (const Kept& kept : kept_) {
    out.Varint(kept.incident);
    out.Varint(kept.pins);
    out.Varint(kept.panes);
    out.Varint(kept.bytes);
    out.Varint(kept.panes_left_out);
    out.Varint(kept.signals_left_out);
  }
  out.Varint(open_);
  out.Varint(last_stream_);
  out.Signed(last_number_);
  out.Varint(last_bytes_);
  out.Varint(pinned_.size());
  for (const Pinned& pinned : pinned_) {
    out.Varint(pinned.stream);
    out.Varint(pinned.signal);
    out.Varint(pinned.pin);
    out.Varint(pinned.reference_version);
    out.Fixed64(pinned.config_digest);
  }
}

absl::Status BundleBook::Decode(std::string_view payload) {
  Decoder in(payload);
  BundleBook book(model_hash_);
  const uint64_t count = in.Varint();
  if (!in.ok() || count > kBundlesMax) return absl::DataLossError("the list of bundles is damaged");
  for (uint64_t i = 0; i < count; ++i) {
    Kept& kept = book.kept_.emplace_back();
    kept.incident = in.Varint();
    kept.pins = static_cast<uint32_t>(in.Varint());
    kept.panes = static_cast<uint32_t>(in.Varint());
    kept.bytes = in.Varint();
    kept.panes_left_out = static_cast<uint32_t>(in.Varint());
    kept.signals_left_out = static_cast<uint32_t>(in.Varint());
    book.bytes_ += kept.bytes;
  }
  book.open_ = in.Varint();
  book.last_stream_ = static_cast<uint32_t>(in.Varint());
  book.last_number_ = in.Signed();
  book.last_bytes_ = in.Varint();
  const uint64_t pinned = in.Varint();
  if (!in.ok() || pinned > kBundleSignalsMax) {
    return absl::DataLossError("the list of pins is damaged");
  }
  for (uint64_t i = 0; i < pinned; ++i) {
    Pinned& each = book.pinned_.emplace_back();
    each.stream = static_cast<uint32_t>(in.Varint());
    each.signal = static_cast<uint32_t>(in.Varint());
    each.pin = static_cast<uint32_t>(in.Varint());
    each.reference_version = static_cast<uint32_t>(in.Varint());
    each.config_digest = in.Fixed64();
  }
  // Written again they must be the same bytes: that also finds what is out of range.
  std::string again;
  book.Encode(&again);
  const bool last =
      book.open_ == 0 || (!book.kept_.empty() && book.kept_.back().incident == book.open_);
  if (!in.Done() || again != payload || !last) {
    return absl::DataLossError("the list of bundles is damaged");
  }
  book.revision_ = revision_ + 1;
  *this = std::move(book);
  return absl::OkStatus();
}

}  // namespace faultline
