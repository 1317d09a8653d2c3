#include "daemon/core/stream/panes.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/check.h"
#include "storage/tables/records.h"

namespace faultline {
namespace {

static_assert(kOpenPanesMax == 2, "open panes are told apart by the lowest bit of their index");

absl::Status Damaged(const char* what) { return absl::DataLossError(what); }

}  // namespace

Panes::Panes(StreamId stream) : stream_(stream), clock_(stream.model_hash + stream.ordinal) {}

bool Panes::UsesPanesOf(const PaneSettings& settings) const {
  return clock_.length_ns() == settings.length_ns && clock_.pane_rows() == settings.rows &&
         clock_.late_panes() == settings.late_panes;
}

void Panes::Restart(const PaneSettings& settings, int64_t last_event_ns) {
  FAULTLINE_CHECK(!AnyOpen(), "open panes are closed before their length changes");
  clock_.Start(settings.length_ns, settings.rows, settings.late_panes, last_event_ns);
  window_from_ = closed_;
}

void Panes::KeepWindow(uint32_t panes) {
  window_from_ = std::max(window_from_, closed_ - static_cast<int64_t>(panes));
}

OpenPane& Panes::Open(int64_t index) {
  OpenPane& pane = SlotOf(index);
  if (!pane.started()) pane.Start(index);
  return pane;
}

const OpenPane& Panes::Slot(int64_t index) const { return open_[clock_.by_time() ? index & 1 : 0]; }

bool Panes::AnyOpen() const {
  return std::any_of(open_.begin(), open_.end(),
                     [](const OpenPane& pane) { return pane.started(); });
}

int64_t Panes::newest_open() const {
  int64_t newest = -1;
  for (const OpenPane& pane : open_) {
    if (pane.started()) newest = std::max(newest, pane.header().index);
  }
  return newest;
}

OpenPane* Panes::OldestBelow(int64_t floor) {
  OpenPane* oldest = nullptr;
  for (OpenPane& pane : open_) {
    if (!pane.started() || pane.header().index >= floor) continue;
    if (oldest == nullptr || pane.header().index < oldest->header().index) oldest = &pane;
  }
  return oldest;
}

void Panes::BeginClose(OpenPane* pane, uint32_t signals, uint32_t window_panes, Effects* effects) {
  FAULTLINE_CHECK(pane->started(), "only an open pane closes");
  PaneHeader& header = pane->header();
  if (clock_.by_time()) {
    header.first_ns = clock_.BeginOf(header.index);
    header.last_ns = clock_.EndOf(header.index);
  }
  const uint32_t blocks = BlocksOf(signals);
  uint64_t bytes = 0;
  for (uint32_t block = 0; block < blocks; ++block) {
    std::string payload;
    Encoder out(&payload);
    pane->EncodeBlock(block, signals, &out);
    std::string sealed = SealRecord(Table::kClosedPane, payload);
    bytes += sealed.size();
    effects->writes.push_back(
        {ClosedPaneKey(stream_.model_hash, stream_.ordinal, closed_, block), std::move(sealed)});
  }
  stored_.Add(closed_, header.last_ns, blocks, bytes);
  spans_[closed_] = {header.first_ns, header.last_ns};
  ++closed_;
  KeepWindow(window_panes);
  evaluated_ns_ = std::max(evaluated_ns_, header.last_ns);
}

void Panes::EndClose(OpenPane* pane) {
  spans_.erase(spans_.begin(), spans_.lower_bound(window_from_));
  const int64_t index = pane->header().index;
  pane->Stop();
  clock_.CloseThrough(index);
}

void Panes::Retain(int64_t age_max_ns, uint64_t bytes_max, Effects* effects) {
  stored_.Retain(
      evaluated_ns_, age_max_ns, bytes_max, window_from_, [&](int64_t number, uint32_t blocks) {
        for (uint32_t block = 0; block < blocks; ++block) {
          EraseRecord(ClosedPaneKey(stream_.model_hash, stream_.ordinal, number, block), effects);
        }
      });
}

void Panes::Drop(uint32_t signal) {
  for (OpenPane& pane : open_) pane.Drop(signal);
}

void Panes::MarkOpen() {
  for (OpenPane& pane : open_) {
    if (pane.started()) pane.MarkDirty();
  }
}

void Panes::Encode(Encoder* out) const {
  clock_.Encode(out);
  out->Varint(static_cast<uint64_t>(closed_));
  out->Signed(window_from_);
  out->Signed(evaluated_ns_);
}

bool Panes::Decode(Decoder* in) {
  if (!clock_.Decode(in)) return false;
  const uint64_t closed = in->Varint();
  window_from_ = in->Signed();
  evaluated_ns_ = in->Signed();
  closed_ = static_cast<int64_t>(closed);
  return in->ok() && closed <= INT64_MAX;
}

void Panes::TakeCheckpoint(uint32_t signals, Effects* effects) {
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    OpenPane& pane = open_[slot];
    const auto key = [&](uint32_t block) {
      return OpenPaneKey(stream_.model_hash, stream_.ordinal, slot, block);
    };
    if (pane.started() && pane.dirty()) {
      open_stored_[slot] = BlocksOf(signals);
      for (uint32_t block = 0; block < open_stored_[slot]; ++block) {
        std::string payload;
        Encoder out(&payload);
        pane.EncodeBlock(block, signals, &out);
        WriteRecord(Table::kOpenPane, key(block), payload, effects);
      }
      pane.ClearDirty();
    } else if (!pane.started()) {
      for (uint32_t block = 0; block < open_stored_[slot]; ++block) {
        EraseRecord(key(block), effects);
      }
      open_stored_[slot] = 0;
    }
  }
}

void Panes::Erase(Effects* effects) {
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    for (uint32_t block = 0; block < open_stored_[slot]; ++block) {
      EraseRecord(OpenPaneKey(stream_.model_hash, stream_.ordinal, slot, block), effects);
    }
  }
  stored_.Clear([&](int64_t number, uint32_t blocks) {
    for (uint32_t block = 0; block < blocks; ++block) {
      EraseRecord(ClosedPaneKey(stream_.model_hash, stream_.ordinal, number, block), effects);
    }
  });
}

absl::Status Panes::RestoreOpen(const Key& key, std::string_view payload, const Signals& signals) {
  PaneHeader header;
  std::vector<PaneEntry> entries;
  if (key.pane_index < 0 || key.pane_index >= kSlots ||
      !DecodePaneBlock(payload, key.block, &header, &entries)) {
    return Damaged("not a block of an open pane");
  }
  const auto slot = static_cast<size_t>(key.pane_index);
  absl::Status status = open_[slot].Restore(header);
  for (size_t i = 0; i < entries.size() && status.ok(); ++i) {
    const PaneEntry& entry = entries[i];
    if (entry.signal >= signals.size() || signals[entry.signal].reference == nullptr ||
        signals[entry.signal].reference->version() != entry.reference_version) {
      return Damaged("an open pane counts against a missing reference");
    }
    status = open_[slot].RestoreEntry(entry, *signals[entry.signal].reference);
  }
  open_stored_[slot] = std::max(open_stored_[slot], key.block + 1);
  return status;
}

absl::Status Panes::RestoreClosed(const Key& key, std::string_view payload, size_t stored_bytes,
                                  bool* in_window) {
  Decoder in(payload);
  PaneHeader header;
  if (!header.Decode(&in) || key.pane_index < 0) return Damaged("not a closed pane");
  stored_.Add(key.pane_index, header.last_ns, key.block + 1, stored_bytes);
  *in_window = key.pane_index >= window_from_;
  if (*in_window) spans_[key.pane_index] = {header.first_ns, header.last_ns};
  return absl::OkStatus();
}

void Panes::FinishRestore() {
  for (OpenPane& pane : open_) pane.ClearDirty();
}

size_t Panes::memory_bytes() const {
  size_t bytes = stored_.memory_bytes();
  for (const OpenPane& pane : open_) bytes += pane.memory_bytes();
  return bytes;
}

}  // namespace faultline
