#include "daemon/core/incident/bundle.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/core/incident/incident_book.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline {

namespace {

auto Place(std::vector<BundleBook::Pinned>* pinned, uint32_t stream, uint32_t signal) {
  return std::find_if(pinned->begin(), pinned->end(), [&](const BundleBook::Pinned& each) {
    return each.stream == stream && each.signal == signal;
  });
}

bool DecodeOpened(Decoder* in, BundleBook::Opened* open) {
  open->last_stream = static_cast<uint32_t>(in->Varint());
  open->last_number = in->Signed();
  open->last_bytes = in->Varint();
  const uint64_t pinned = in->Varint();
  if (!in->ok() || pinned > kBundleSignalsMax) return false;
  for (uint64_t i = 0; i < pinned; ++i) {
    BundleBook::Pinned& each = open->pinned.emplace_back();
    each.stream = static_cast<uint32_t>(in->Varint());
    each.signal = static_cast<uint32_t>(in->Varint());
    each.pin = static_cast<uint32_t>(in->Varint());
    each.reference_version = static_cast<uint32_t>(in->Varint());
    each.config_digest = in->Fixed64();
  }
  return in->ok();
}

}  // namespace

bool BundleBook::Opened::Holds(uint32_t stream, uint32_t signal) const {
  return std::any_of(pinned.begin(), pinned.end(), [&](const Pinned& each) {
    return each.stream == stream && each.signal == signal;
  });
}

bool BundleBook::Holds(uint32_t stream, uint32_t signal) const {
  return std::any_of(open_.begin(), open_.end(),
                     [&](const auto& open) { return open.second.Holds(stream, signal); });
}

const BundleBook::Kept* BundleBook::Find(uint64_t incident) const {
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& kept) { return kept.incident == incident; });
  return found == kept_.end() ? nullptr : &*found;
}

BundleBook::Kept& BundleBook::KeptOf(uint64_t incident) {
  return *std::find_if(kept_.begin(), kept_.end(),
                       [&](const Kept& kept) { return kept.incident == incident; });
}

const BundleBook::Opened* BundleBook::Open(uint64_t incident, Effects* effects) {
  const auto open = open_.find(incident);
  if (open != open_.end()) return &open->second;
  if (Find(incident) != nullptr) return nullptr;
  ++revision_;
  const Opened& opened = open_[incident];
  kept_.emplace_back().incident = incident;
  MakeRoom(effects);
  return &opened;
}

void BundleBook::CloseUnless(const std::function<bool(uint64_t incident)>& stays) {
  revision_ += std::erase_if(open_, [&](const auto& open) { return !stays(open.first); });
}

// Open bundles stay.
void BundleBook::MakeRoom(Effects* effects) {
  while (kept_.size() > kBundlesMax || bytes_ > kBundlesBytesMax) {
    const auto oldest = std::find_if(kept_.begin(), kept_.end(), [this](const Kept& kept) {
      return !open_.contains(kept.incident);
    });
    if (oldest == kept_.end()) return;
    Drop(*oldest, effects);
    kept_.erase(oldest);
  }
}

bool BundleBook::Add(uint64_t incident, uint32_t signal, const EvidencePin& pin,
                     uint64_t config_digest, Effects* effects) {
  FAULTLINE_CHECK(open_.contains(incident), "signals join an open incident");
  ++revision_;
  std::vector<Pinned>& all = open_.at(incident).pinned;
  Kept& kept = KeptOf(incident);
  const auto place = Place(&all, pin.stream, signal);
  if (place == all.end() && all.size() >= kBundleSignalsMax) {
    ++kept.signals_left_out;
    return false;
  }
  std::string payload;
  Encoder out(&payload);
  EncodePin(pin, &out);
  if (kept.pins >= kBundlePinsMax || kept.bytes + payload.size() > kBundleBytesMax) {
    // An outdated pin would give other verdicts.
    if (place == all.end()) {
      ++kept.signals_left_out;
    } else {
      all.erase(place);
    }
    return false;
  }
  const Pinned pinned = {pin.stream, signal, kept.pins, pin.reference->version(), config_digest};
  if (place == all.end()) {
    all.push_back(pinned);
  } else {
    *place = pinned;
  }
  kept.bytes += payload.size();
  bytes_ += payload.size();
  effects->writes.push_back(
      {EvidenceKey(incident, kept.pins++), SealRecord(Table::kEvidence, payload)});
  MakeRoom(effects);
  return true;
}

void BundleBook::Outdate(uint32_t stream, uint32_t signal) {
  for (auto& [incident, open] : open_) {
    const auto place = Place(&open.pinned, stream, signal);
    if (place == open.pinned.end() || place->reference_version == 0) continue;
    place->reference_version = 0;
    ++revision_;
  }
}

bool BundleBook::Record(uint64_t incident, const EvidencePane& pane, Effects* effects) {
  FAULTLINE_CHECK(open_.contains(incident), "panes belong to an open incident");
  ++revision_;
  Opened& open = open_.at(incident);
  Kept& kept = KeptOf(incident);
  std::string payload;
  Encoder out(&payload);
  EncodeEvidencePane(pane, &out);
  const bool again = pane.stream == open.last_stream && pane.number == open.last_number;
  const uint64_t before = again ? open.last_bytes : 0;
  if (kept.bytes - before + payload.size() > kBundleBytesMax) {
    if (before == 0) ++kept.panes_left_out;
    return false;
  }
  if (before == 0) ++kept.panes;
  open.last_stream = pane.stream;
  open.last_number = pane.number;
  kept.bytes += payload.size() - before;
  bytes_ += payload.size() - before;
  open.last_bytes = payload.size();
  effects->writes.push_back(
      {EvidencePaneKey(incident, kept.panes - 1), SealRecord(Table::kEvidencePane, payload)});
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
  open_.erase(incident);
  Drop(*found, effects);
  kept_.erase(found);
}

void BundleBook::Clear(Effects* effects) {
  ++revision_;
  open_.clear();
  for (const Kept& kept : kept_) Drop(kept, effects);
  kept_.clear();
}

size_t BundleBook::memory_bytes() const {
  size_t bytes = kept_.size() * sizeof(Kept);
  for (const auto& [incident, open] : open_) {
    bytes += sizeof open + open.pinned.capacity() * sizeof(Pinned);
  }
  return bytes;
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
  out.Varint(open_.size());
  for (const auto& [incident, open] : open_) {
    out.Varint(incident);
    out.Varint(open.last_stream);
    out.Signed(open.last_number);
    out.Varint(open.last_bytes);
    out.Varint(open.pinned.size());
    for (const Pinned& pinned : open.pinned) {
      out.Varint(pinned.stream);
      out.Varint(pinned.signal);
      out.Varint(pinned.pin);
      out.Varint(pinned.reference_version);
      out.Fixed64(pinned.config_digest);
    }
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
  const uint64_t open = in.Varint();
  if (!in.ok() || open > kIncidentsOpenMax) return absl::DataLossError("open bundles are damaged");
  for (uint64_t i = 0; i < open; ++i) {
    const uint64_t incident = in.Varint();
    if (book.Find(incident) == nullptr || !DecodeOpened(&in, &book.open_[incident])) {
      return absl::DataLossError("an open bundle is damaged");
    }
  }
  // Encoding must give the same bytes; this also detects values out of range.
  std::string again;
  book.Encode(&again);
  if (!in.Done() || again != payload) {
    return absl::DataLossError("the list of bundles is damaged");
  }
  book.revision_ = revision_ + 1;
  *this = std::move(book);
  return absl::OkStatus();
}

}  // namespace faultline
