#include "daemon/core/stream/references.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

std::string ReferenceKeyOf(StreamId stream, RecordSet::Place place) {
  return ReferenceKey(stream.model_hash, stream.ordinal, place.first, place.second);
}

std::string RollingKeyOf(StreamId stream, RecordSet::Place place) {
  return RollingKey(stream.model_hash, stream.ordinal, static_cast<uint32_t>(place.first),
                    place.second);
}

absl::Status Damaged(const char* what) { return absl::DataLossError(what); }

// Calls visit(signal, index in the block) for the signals of a block.
template <typename Visit>
void ForBlock(uint32_t block, uint32_t signals, Visit visit) {
  const uint32_t begin = block * kBlockSignals;
  const uint32_t end = std::min(begin + kBlockSignals, signals);
  for (uint32_t signal = begin; signal < end; ++signal) {
    visit(signal, static_cast<uint8_t>(signal - begin));
  }
}

}  // namespace

References::References(StreamId stream, Signals* signals, Panes* panes)
    : signals_(signals),
      panes_(panes),
      reference_records_(Table::kReference, ReferenceKeyOf, stream),
      rolling_records_(Table::kRolling, RollingKeyOf, stream) {}

void References::Take(uint32_t signal, std::shared_ptr<const SignalReference> reference,
                      const ModelSettings& settings) {
  Drop(signal, settings);
  Mark(signal, reference->version());
  signals_->SetReference(signal, std::move(reference), panes_->closed(), settings);
}

void References::Drop(uint32_t signal, const ModelSettings& settings) {
  panes_->Drop(signal);
  DropRolling(signal);
  signals_of_[signal].tainted_through = -1;
  const SignalState& state = (*signals_)[signal];
  if (state.reference == nullptr) return;
  Mark(signal, state.reference->version());
  signals_->SetReference(signal, nullptr, state.counts_from, settings);
}

void References::KeepPrevious(uint32_t signal) {
  const auto& reference = (*signals_)[signal].reference;
  if (reference != nullptr) signals_of_[signal].previous = reference;
}

std::shared_ptr<const SignalReference> References::TakePrevious(uint32_t signal) {
  return std::exchange(signals_of_[signal].previous, nullptr);
}

void References::DropPrevious(uint32_t signal) {
  const auto previous = TakePrevious(signal);
  if (previous != nullptr) Mark(signal, previous->version());
}

RollingReference::Slots References::AddQuietPane(uint32_t signal, int64_t number,
                                                 const Summary& pane, uint32_t length) {
  OfSignal& of = signals_of_[signal];
  const auto span = panes_->spans().find(number);
  if (number <= of.tainted_through || length == 0 || span == panes_->spans().end()) return 0;
  if (of.rolling == nullptr) {
    of.rolling = std::make_unique<RollingReference>(&(*signals_)[signal].reference->shape());
  }
  return of.rolling->Add(pane, span->second.first, span->second.second, length);
}

void References::MarkRolling(uint32_t signal, RollingReference::Slots slots) {
  for (uint32_t slot = 0; slot < RollingReference::kSections; ++slot) {
    if ((slots >> slot & 1) != 0) rolling_records_.Mark({signal / kBlockSignals, slot});
  }
}

void References::DropRollingSince(uint32_t signal, int64_t time_ns) {
  auto& rolling = signals_of_[signal].rolling;
  if (rolling == nullptr) return;
  MarkRolling(signal, rolling->DropSince(time_ns));
  // Without panes it has no record, so it would not exist after a restart.
  if (rolling->panes() == 0) rolling.reset();
}

void References::DropRolling(uint32_t signal) {
  if (signals_of_[signal].rolling == nullptr) return;
  signals_of_[signal].rolling.reset();
  MarkRolling(signal, (RollingReference::Slots{1} << RollingReference::kSections) - 1);
}

v1::RollingReference References::RollingMessage(uint64_t rows_needed) const {
  v1::RollingReference message;
  message.set_rows_needed(rows_needed);
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  for (const OfSignal& of : signals_of_) {
    if (of.rolling == nullptr || of.rolling->panes() == 0) continue;
    const uint64_t rows = of.rolling->merged().rows();
    message.set_signals(message.signals() + 1);
    if (rows >= rows_needed) message.set_promotable_signals(message.promotable_signals() + 1);
    message.set_rows(std::max(message.rows(), rows));
    message.set_panes(std::max(message.panes(), of.rolling->panes()));
    begin_ns = begin_ns == 0 ? of.rolling->begin_ns() : std::min(begin_ns, of.rolling->begin_ns());
    end_ns = std::max(end_ns, of.rolling->end_ns());
  }
  if (message.signals() == 0) return message;
  *message.mutable_start_time() = TimeUtil::NanosecondsToTimestamp(begin_ns);
  *message.mutable_end_time() = TimeUtil::NanosecondsToTimestamp(end_ns);
  return message;
}

void References::Encode(Encoder* out) const {
  for (const OfSignal& of : signals_of_) {
    out->Varint(of.previous == nullptr ? 0 : of.previous->version());
    out->Signed(of.tainted_through);
  }
}

bool References::Decode(Decoder* in, std::vector<uint32_t> in_use) {
  awaited_in_use_ = std::move(in_use);
  awaited_previous_.assign(signals_of_.size(), 0);
  for (uint32_t signal = 0; signal < signals_of_.size(); ++signal) {
    const uint64_t previous = in->Varint();
    signals_of_[signal].tainted_through = in->Signed();
    if (!in->ok() || previous > UINT32_MAX) return false;
    if (previous > 0 && !signals_->facts(signal).counted()) return false;
    awaited_previous_[signal] = static_cast<uint32_t>(previous);
  }
  return in->ok();
}

std::string References::EncodeBlock(uint64_t version, uint32_t block) const {
  std::string payload;
  Encoder out(&payload);
  ForBlock(block, signals_->size(), [&](uint32_t signal, uint8_t place) {
    for (const auto& reference : {(*signals_)[signal].reference, signals_of_[signal].previous}) {
      if (reference == nullptr || reference->version() != version) continue;
      out.Fixed8(place);
      reference->Encode(&out);
    }
  });
  return payload;
}

std::string References::EncodeSlot(uint32_t block, uint32_t slot) const {
  std::string payload;
  Encoder out(&payload);
  ForBlock(block, signals_->size(), [&](uint32_t signal, uint8_t place) {
    const auto& rolling = signals_of_[signal].rolling;
    if (rolling == nullptr || rolling->Empty(slot)) return;
    out.Fixed8(place);
    rolling->EncodeSlot(slot, &out);
  });
  return payload;
}

void References::TakeCheckpoint(Effects* effects) {
  reference_records_.TakeCheckpoint(
      [this](RecordSet::Place place) { return EncodeBlock(place.first, place.second); }, effects);
  rolling_records_.TakeCheckpoint(
      [this](RecordSet::Place place) {
        return EncodeSlot(static_cast<uint32_t>(place.first), place.second);
      },
      effects);
}

void References::Erase(Effects* effects) {
  reference_records_.EraseAll(effects);
  rolling_records_.EraseAll(effects);
}

absl::Status References::RestoreBlock(const Key& key, std::string_view payload,
                                      const ModelSettings& settings) {
  Decoder in(payload);
  while (in.ok() && in.remaining() > 0) {
    const uint32_t signal = key.block * kBlockSignals + in.Fixed8();
    auto reference = SignalReference::Decode(&in);
    if (!reference.ok()) return reference.status();
    const uint32_t version = (*reference)->version();
    if (version != key.reference_version) return Damaged("a reference of another version");
    const bool numeric = (*reference)->shape().type == SignalType::kNumeric;
    if (signal >= signals_->size() || numeric != signals_->facts(signal).numeric()) {
      return Damaged("a reference of another type");
    }
    if (awaited_in_use_[signal] == version) {
      awaited_in_use_[signal] = 0;
      signals_->SetReference(signal, *std::move(reference), (*signals_)[signal].counts_from,
                             settings);
    } else if (awaited_previous_[signal] == version) {
      awaited_previous_[signal] = 0;
      signals_of_[signal].previous = *std::move(reference);
    } else {
      return Damaged("a reference of a signal that has another one");
    }
  }
  reference_records_.Stored({key.reference_version, key.block});
  return in.Done() ? absl::OkStatus() : Damaged("not a block of references");
}

absl::Status References::RestoreRolling(const Key& key, std::string_view payload) {
  Decoder in(payload);
  while (in.ok() && in.remaining() > 0) {
    const uint32_t signal = key.block * kBlockSignals + in.Fixed8();
    if (signal >= signals_->size() || (*signals_)[signal].reference == nullptr ||
        key.index >= RollingReference::kSections) {
      return Damaged("quiet panes of a signal without a reference");
    }
    auto& rolling = signals_of_[signal].rolling;
    if (rolling == nullptr) {
      rolling = std::make_unique<RollingReference>(&(*signals_)[signal].reference->shape());
    }
    if (!rolling->DecodeSlot(key.index, &in)) return Damaged("not a slot of quiet panes");
  }
  rolling_records_.Stored({key.block, key.index});
  return in.Done() ? absl::OkStatus() : Damaged("not a slot of quiet panes");
}

absl::Status References::CheckComplete() const {
  for (const auto* awaited : {&awaited_in_use_, &awaited_previous_}) {
    for (uint32_t signal = 0; signal < awaited->size(); ++signal) {
      if ((*awaited)[signal] == 0) continue;
      return absl::DataLossError(
          absl::StrCat("the reference of signal ", signals_->facts(signal).name, " is missing"));
    }
  }
  return absl::OkStatus();
}

void References::FinishRestore() {
  awaited_in_use_ = {};
  awaited_previous_ = {};
  reference_records_.ClearMarks();
  rolling_records_.ClearMarks();
}

size_t References::memory_bytes() const {
  size_t bytes = signals_of_.capacity() * sizeof(OfSignal);
  for (const OfSignal& of : signals_of_) {
    if (of.previous != nullptr) bytes += of.previous->memory_bytes();
    if (of.rolling != nullptr) bytes += of.rolling->memory_bytes();
  }
  return bytes;
}

}  // namespace faultline
