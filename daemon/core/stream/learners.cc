#include "daemon/core/stream/learners.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/core/settings/limits.h"

namespace faultline {
namespace {

absl::Status Damaged() { return absl::DataLossError("not a chunk of learning rows"); }

}  // namespace

Learners::~Learners() {
  for (const uint32_t signal : learning_) *shard_bytes_ -= BytesOf(signal);
}

uint64_t Learners::BytesOf(uint32_t signal) const {
  const Learner& learner = signals_[signal];
  return LearningRows::RowBytes(learner.rows->type(), learner.wanted) +
         learner.rows->dictionary_bytes();
}

void Learners::Recount() {
  learning_.clear();
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    if (Learns(signal)) learning_.push_back(signal);
  }
}

void Learners::Begin(uint32_t signal, SignalType type, uint32_t rows, uint64_t bytes_max) {
  FAULTLINE_CHECK(!Learns(signal), "a signal learns one reference at a time");
  Learner& learner = signals_[signal];
  const uint64_t bytes = LearningRows::RowBytes(type, rows);
  learner.memory_refused = *shard_bytes_ + bytes > bytes_max;
  if (learner.memory_refused) return;
  learner.rows = std::make_unique<LearningRows>(type);
  learner.wanted = rows;
  *shard_bytes_ += bytes;
  write_from_[signal / kBlockSignals] = 0;
  Recount();
}

LearningRows& Learners::ChunkToWrite(uint32_t signal) {
  LearningRows& rows = *signals_[signal].rows;
  const uint32_t chunk = rows.rows() / kLearningChunkRows;
  const auto [entry, is_new] = write_from_.try_emplace(signal / kBlockSignals, chunk);
  entry->second = std::min(entry->second, chunk);
  return rows;
}

void Learners::Stop(uint32_t signal) {
  if (!Learns(signal)) return;
  *shard_bytes_ -= BytesOf(signal);
  signals_[signal].rows.reset();
  write_from_[signal / kBlockSignals] = 0;  // All chunks lose its rows.
  Recount();
}

bool Learners::StopBeyond(uint64_t bytes_max) {
  bool stopped = false;
  const std::vector<uint32_t> learning = learning_;
  for (const uint32_t signal : learning) {
    if (*shard_bytes_ <= bytes_max) break;
    if (RowsMissing(signal) == 0 || RowsOf(signal).type() != SignalType::kCategorical) continue;
    Stop(signal);
    signals_[signal].memory_refused = stopped = true;
  }
  return stopped;
}

void Learners::Encode(Encoder* out) const {
  for (const Learner& learner : signals_) {
    const bool learns = learner.rows != nullptr;
    out->Fixed8(static_cast<uint8_t>((learner.memory_refused ? 1 : 0) | (learns ? 2 : 0)));
    if (!learns) continue;
    out->Fixed8(static_cast<uint8_t>(learner.rows->type()));
    out->Varint(learner.wanted);
  }
}

bool Learners::Decode(Decoder* in) {
  for (Learner& learner : signals_) {
    const uint8_t flags = in->Fixed8();
    if (!in->ok() || flags > 3) return false;
    learner.memory_refused = (flags & 1) != 0;
    if ((flags & 2) == 0) continue;
    const uint8_t type = in->Fixed8();
    const uint64_t rows = in->Varint();
    const bool known = type == static_cast<uint8_t>(SignalType::kNumeric) ||
                       type == static_cast<uint8_t>(SignalType::kCategorical);
    if (!in->ok() || !known || rows == 0 || rows > UINT32_MAX) return false;
    learner.rows = std::make_unique<LearningRows>(static_cast<SignalType>(type));
    learner.wanted = static_cast<uint32_t>(rows);
  }
  return in->ok();
}

// The signals of a block share chunks: chunk i has rows [i, i + 1) * kLearningChunkRows of each
// signal that learns.
std::string Learners::EncodeChunk(uint32_t block, uint32_t chunk) const {
  std::string payload;
  Encoder out(&payload);
  const uint32_t begin = block * kBlockSignals;
  const auto end =
      std::min<uint32_t>(begin + kBlockSignals, static_cast<uint32_t>(signals_.size()));
  for (uint32_t signal = begin; signal < end; ++signal) {
    if (!Learns(signal) || RowsOf(signal).rows() <= chunk * kLearningChunkRows) continue;
    out.Fixed8(static_cast<uint8_t>(signal - begin));
    RowsOf(signal).EncodeChunk(chunk, &out);
  }
  return payload;
}

void Learners::TakeCheckpoint(Effects* effects) {
  for (const auto& [block, from] : write_from_) {
    const uint32_t begin = block * kBlockSignals;
    const auto key = [&](uint32_t chunk) {
      return LearningRowsKey(stream_.model_hash, stream_.ordinal, begin, chunk);
    };
    uint32_t chunks = 0;
    for (const uint32_t signal : learning_) {
      if (signal / kBlockSignals != block) continue;
      const uint32_t rows = RowsOf(signal).rows();
      chunks = std::max(chunks, (rows + kLearningChunkRows - 1) / kLearningChunkRows);
    }
    for (uint32_t chunk = from; chunk < chunks; ++chunk) {
      WriteRecord(Table::kLearningRows, key(chunk), EncodeChunk(block, chunk), effects);
    }
    uint32_t& stored = stored_[block];
    for (uint32_t chunk = chunks; chunk < stored; ++chunk) EraseRecord(key(chunk), effects);
    stored = chunks;
  }
  write_from_.clear();
}

void Learners::Erase(Effects* effects) {
  for (const auto& [block, chunks] : stored_) {
    for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
      EraseRecord(
          LearningRowsKey(stream_.model_hash, stream_.ordinal, block * kBlockSignals, chunk),
          effects);
    }
  }
}

absl::Status Learners::Restore(const Key& key, std::string_view payload) {
  uint32_t& chunks = stored_[key.signal / kBlockSignals];
  if (key.chunk != chunks++) {
    return absl::DataLossError("the chunk of learning rows before it is missing");
  }
  Decoder in(payload);
  while (in.ok() && in.remaining() > 0) {
    const uint32_t signal = key.signal + in.Fixed8();
    if (!in.ok() || signal >= signals_.size() || !Learns(signal) ||
        !signals_[signal].rows->DecodeChunk(&in) || RowsOf(signal).rows() >= RowsWanted(signal)) {
      return Damaged();
    }
  }
  return in.Done() ? absl::OkStatus() : Damaged();
}

void Learners::FinishRestore() {
  Recount();
  for (const uint32_t signal : learning_) *shard_bytes_ += BytesOf(signal);
}

size_t Learners::memory_bytes() const {
  size_t bytes = signals_.capacity() * sizeof(Learner);
  for (const uint32_t signal : learning_) {
    const LearningRows& rows = RowsOf(signal);
    bytes += LearningRows::RowBytes(rows.type(), rows.rows()) + rows.dictionary_bytes();
  }
  return bytes;
}

}  // namespace faultline
