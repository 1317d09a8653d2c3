#include "daemon/core/stream/signals.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/core/signal/verdict_codec.h"
#include "daemon/core/stream/open_pane.h"

namespace faultline {
namespace {

std::string DetectorKeyOf(StreamId stream, RecordSet::Place place) {
  return DetectorStateKey(stream.model_hash, stream.ordinal, static_cast<uint32_t>(place.first));
}

absl::Status Damaged(const char* what) { return absl::DataLossError(what); }

}  // namespace

Signals::Signals(StreamId stream)
    : detector_records_(Table::kDetectorState, DetectorKeyOf, stream) {}

void Signals::Extend(Schema schema) {
  FAULTLINE_CHECK(schema.size() >= size(), "signals are only ever added");
  schema_ = std::move(schema);
  states_.resize(schema_.size());
  plan_.Forget();
}

void Signals::Refresh(uint32_t signal, bool ignored, const ModelSettings& settings) {
  states_[signal].ignored = ignored;
  if (states_[signal].ChooseDetectors(schema_[signal], settings)) MarkDetectors(signal);
}

void Signals::SetReference(uint32_t signal, std::shared_ptr<const SignalReference> reference,
                           int64_t counts_from, const ModelSettings& settings) {
  SignalState& state = states_[signal];
  if (state.reference != nullptr || reference != nullptr) MarkDetectors(signal);
  state.SetReference(std::move(reference), settings);
  state.counts_from = counts_from;
}

void Signals::Recount() {
  judged_ = 0;
  row_signals_.clear();
  for (uint32_t signal = 0; signal < size(); ++signal) {
    if (!states_[signal].judged()) continue;
    ++judged_;
    if (schema_[signal].derivation == Derivation::kRows) row_signals_.push_back(signal);
  }
}

void Signals::ClearWindows() {
  for (SignalState& state : states_) state.ClearWindow();
}

void Signals::DropPanesBefore(int64_t number) {
  for (SignalState& state : states_) {
    if (state.window != nullptr) state.window->DropBefore(number);
  }
}

void Signals::Encode(Encoder* out) const {
  schema_.Encode(out);
  for (const SignalState& state : states_) {
    out->Varint(state.reference == nullptr ? 0 : state.reference->version());
    out->Signed(state.counts_from);
  }
}

bool Signals::Decode(Decoder* in, std::vector<uint32_t>* references) {
  if (!schema_.Decode(in)) return false;
  states_.resize(schema_.size());
  references->assign(schema_.size(), 0);
  for (uint32_t signal = 0; signal < size(); ++signal) {
    const uint64_t version = in->Varint();
    states_[signal].counts_from = in->Signed();
    if (!in->ok() || version > UINT32_MAX) return false;
    if (version > 0 && !schema_[signal].counted()) return false;
    (*references)[signal] = static_cast<uint32_t>(version);
  }
  return in->ok();
}

// Empty if no signal of the block has follow state.
std::string Signals::EncodeDetectors(uint32_t block) const {
  std::string payload;
  Encoder out(&payload);
  const uint32_t begin = block * kBlockSignals;
  const uint32_t end = std::min(begin + kBlockSignals, size());
  for (uint32_t signal = begin; signal < end; ++signal) {
    for (const FollowState& follow : states_[signal].follow) {
      out.Fixed8(static_cast<uint8_t>(signal - begin));
      out.String(follow.detector);
      out.Fixed64(follow.fingerprint);
      out.Varint(follow.state.size());
      out.Raw(follow.state.data(), follow.state.size());
      EncodeVerdict(follow.newest, &out);
    }
  }
  return payload;
}

void Signals::TakeCheckpoint(Effects* effects) {
  detector_records_.TakeCheckpoint(
      [this](RecordSet::Place place) {
        return EncodeDetectors(static_cast<uint32_t>(place.first));
      },
      effects);
}

absl::Status Signals::RestoreDetectors(uint32_t block, std::string_view payload) {
  detector_records_.Stored({block, 0});
  Decoder in(payload);
  while (in.ok() && in.remaining() > 0) {
    const uint32_t signal = block * kBlockSignals + in.Fixed8();
    const std::string_view detector = in.String();
    const uint64_t fingerprint = in.Fixed64();
    const std::string_view state = in.String();
    Verdict newest;
    if (!DecodeVerdict(&in, &newest) || signal >= size()) {
      return Damaged("not a block of detector state");
    }
    const CatalogEntry* entry = FindKind(detector);
    if (entry == nullptr) continue;  // The kind no longer exists.
    FollowState& follow = restored_follow_[signal].emplace_back();
    follow.detector = entry->name;
    follow.fingerprint = fingerprint;
    follow.newest = std::move(newest);
    follow.state.resize(state.size());
    std::copy_n(reinterpret_cast<const std::byte*>(state.data()), state.size(),
                follow.state.begin());
  }
  return in.Done() ? absl::OkStatus() : Damaged("not a block of detector state");
}

absl::Status Signals::RestorePane(int64_t number, uint32_t block, std::string_view payload) {
  PaneHeader header;
  std::vector<PaneEntry> entries;
  if (!DecodePaneBlock(payload, block, &header, &entries)) {
    return Damaged("not a block of a closed pane");
  }
  for (const PaneEntry& entry : entries) {
    if (entry.signal >= size()) return Damaged("a pane of an unknown signal");
    SignalState& state = states_[entry.signal];
    if (state.reference == nullptr || state.reference->version() != entry.reference_version ||
        number < state.counts_from) {
      continue;
    }
    absl::StatusOr<Summary> pane = Summary::Decode(&state.reference->shape(), entry.summary);
    if (!pane.ok()) return absl::DataLossError(pane.status().message());
    state.window->Add(number, entry.sent, *pane);
  }
  return absl::OkStatus();
}

void Signals::FinishRestore() {
  for (auto& [signal, follow] : restored_follow_) states_[signal].follow = std::move(follow);
  restored_follow_.clear();
  detector_records_.ClearMarks();
  Recount();
}

size_t Signals::memory_bytes() const {
  size_t bytes = schema_.memory_bytes() + plan_.memory_bytes();
  for (const SignalState& state : states_) bytes += state.memory_bytes();
  return bytes;
}

}  // namespace faultline
