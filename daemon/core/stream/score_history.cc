#include "daemon/core/stream/score_history.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "daemon/core/contract/streams.h"
#include "daemon/core/settings/limits.h"
#include "daemon/core/signal/verdict_codec.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline {
namespace {

constexpr uint64_t kSeriesMax = kBlockSignals * 256;
constexpr int64_t kSpanMax = kEventTimeMaxNs / kHistorySpanNs;

bool Lower(double score, double than) { return std::isnan(than) || score < than; }
bool Higher(double score, double than) { return std::isnan(than) || score > than; }

}  // namespace

void EncodeSpanBlock(int64_t span, const SpanBlock& block, Encoder* out) {
  out->Signed(span);
  out->Varint(block.size());
  std::string_view before;
  for (const auto& [key, scores] : block) {
    // Empty: the signal of the previous series.
    out->String(key.first == before ? std::string_view() : std::string_view(key.first));
    out->String(key.second);
    before = key.first;
    // Six digits suffice for a plot and halve the bytes.
    for (const double value : {scores.lowest, scores.highest, scores.threshold}) {
      out->Fixed32(std::bit_cast<uint32_t>(static_cast<float>(CanonicalNumber(value))));
    }
    out->Fixed8(static_cast<uint8_t>(scores.state));
    out->Varint(scores.verdicts);
    out->Varint(scores.changes.size());
    for (const SpanScores::Change& change : scores.changes) {
      out->Signed(change.at_ns - span * kHistorySpanNs);
      out->Fixed8(static_cast<uint8_t>(change.state));
      out->Fixed32(std::bit_cast<uint32_t>(static_cast<float>(CanonicalNumber(change.score))));
    }
  }
}

absl::StatusOr<SpanBlock> DecodeSpanBlock(std::string_view payload, int64_t* span,
                                          const WantsSeries& wants) {
  Decoder in(payload);
  const auto state = [&in] {
    const uint8_t byte = in.Fixed8();
    if (byte < 1 || byte > 3) in.Fail();
    return static_cast<VerdictState>(byte);
  };
  const auto number = [&in] { return static_cast<double>(std::bit_cast<float>(in.Fixed32())); };
  SpanBlock block;
  *span = in.Signed();
  const uint64_t series = in.Varint();
  if (!in.ok() || series > kSeriesMax || *span < 0 || *span > kSpanMax) {
    return absl::DataLossError("a span of scores is damaged");
  }
  std::pair<std::string_view, std::string_view> before;
  std::string_view signal;
  SpanScores unwanted;
  for (uint64_t i = 0; i < series && in.ok(); ++i) {
    const std::string_view name = in.String();
    if (!name.empty()) signal = name;
    const std::string_view detector = in.String();
    if (i > 0 && std::pair(signal, detector) <= before) in.Fail();
    before = {signal, detector};
    unwanted.changes.clear();
    const bool wanted = wants == nullptr || wants(signal, detector);
    SpanScores& scores = wanted ? block[{std::string(signal), std::string(detector)}] : unwanted;
    scores.lowest = number();
    scores.highest = number();
    scores.threshold = number();
    scores.state = state();
    scores.verdicts = static_cast<uint32_t>(in.Varint());
    const uint64_t changes = in.Varint();
    if (changes > kHistoryChangesMax) in.Fail();
    for (uint64_t j = 0; j < changes && in.ok(); ++j) {
      SpanScores::Change& change = scores.changes.emplace_back();
      const int64_t within = in.Signed();
      if (within > kEventTimeMaxNs || within < -kEventTimeMaxNs) in.Fail();
      change.at_ns = in.ok() ? *span * kHistorySpanNs + within : 0;
      change.state = state();
      change.score = number();
    }
  }
  if (!in.Done()) return absl::DataLossError("a span of scores is damaged");
  return block;
}

void ScoreHistory::Add(uint32_t signal, const SignalReading& reading, int64_t end_ns,
                       Effects* effects) {
  // The instant at which a pane ends belongs to the span before it.
  const int64_t span = std::max<int64_t>(end_ns - 1, 0) / kHistorySpanNs;
  if (span > span_) {
    EndSpan(effects);
    span_ = span;
  }
  const uint32_t index = signal / kBlockSignals;
  for (const DetectorReading& detector : reading.readings) {
    const Verdict& verdict = detector.verdict;
    // Detectors that cannot alarm would be the largest part.
    if (std::isnan(verdict.threshold)) continue;
    SpanBlock& block = open_[index];
    const std::pair<std::string_view, std::string_view> names(reading.name, detector.detector);
    auto place = block.find(names);
    const bool first = place == block.end();
    if (first) place = block.try_emplace(SpanBlock::key_type(names)).first;
    SpanScores& scores = place->second;
    const double score = verdict.score;
    if (!std::isnan(score)) {
      if (Lower(score, scores.lowest)) scores.lowest = score;
      if (Higher(score, scores.highest)) scores.highest = score;
    }
    scores.threshold = verdict.threshold;
    const bool changed = first || scores.state != verdict.state;
    if (changed && scores.changes.size() < kHistoryChangesMax) {
      scores.changes.push_back({end_ns, verdict.state, score});
    }
    scores.state = verdict.state;
    ++scores.verdicts;
    dirty_.insert(index);
  }
}

// The next span starts with the final states of this one, so that changes can be detected.
void ScoreHistory::EndSpan(Effects* effects) {
  uint64_t bytes = 0;
  uint32_t blocks = 0;
  for (auto& [block, scores] : open_) {
    std::erase_if(scores, [](const auto& each) { return each.second.verdicts == 0; });
    effects->writes.push_back(
        {ScoreHistoryKey(stream_.model_hash, kOpenSpan, stream_.ordinal, block), std::nullopt});
    if (scores.empty()) continue;
    std::string payload;
    Encoder out(&payload);
    EncodeSpanBlock(span_, scores, &out);
    std::string sealed = SealRecord(Table::kScoreHistory, payload);
    bytes += sealed.size();
    blocks = block + 1;
    effects->writes.push_back(
        {ScoreHistoryKey(stream_.model_hash, span_, stream_.ordinal, block), std::move(sealed)});
    for (auto& [key, each] : scores) {
      const VerdictState state = each.state;
      each = SpanScores();
      each.state = state;
    }
    dirty_.insert(block);
  }
  std::erase_if(open_, [](const auto& each) { return each.second.empty(); });
  if (blocks == 0) return;
  stored_.Add(span_, (span_ + 1) * kHistorySpanNs, blocks, bytes);
  stored_.Retain(
      (span_ + 1) * kHistorySpanNs, kHistoryAgeMaxNs, kHistoryBytesMax, span_,
      [&](int64_t span, uint32_t stored_blocks) {
        for (uint32_t block = 0; block < stored_blocks; ++block) {
          effects->writes.push_back(
              {ScoreHistoryKey(stream_.model_hash, span, stream_.ordinal, block), std::nullopt});
        }
      });
}

void ScoreHistory::TakeCheckpoint(Effects* effects) {
  for (const uint32_t block : dirty_) {
    std::string payload;
    Encoder out(&payload);
    EncodeSpanBlock(span_, open_[block], &out);
    effects->writes.push_back(
        {ScoreHistoryKey(stream_.model_hash, kOpenSpan, stream_.ordinal, block),
         SealRecord(Table::kScoreHistory, payload)});
  }
  dirty_.clear();
}

void ScoreHistory::Clear(Effects* effects) {
  for (const auto& [block, scores] : open_) {
    effects->writes.push_back(
        {ScoreHistoryKey(stream_.model_hash, kOpenSpan, stream_.ordinal, block), std::nullopt});
  }
  stored_.Clear([&](int64_t span, uint32_t blocks) {
    for (uint32_t block = 0; block < blocks; ++block) {
      effects->writes.push_back(
          {ScoreHistoryKey(stream_.model_hash, span, stream_.ordinal, block), std::nullopt});
    }
  });
  open_.clear();
  dirty_.clear();
}

absl::Status ScoreHistory::Restore(int64_t span, uint32_t block, std::string_view payload,
                                   uint64_t bytes) {
  if (span != kOpenSpan) {
    if (span < 0 || span > kSpanMax) return absl::DataLossError("not a span of scores");
    stored_.Add(span, (span + 1) * kHistorySpanNs, block + 1, bytes);
    return absl::OkStatus();
  }
  absl::StatusOr<SpanBlock> scores = DecodeSpanBlock(payload, &span_);
  if (!scores.ok()) return scores.status();
  open_[block] = *std::move(scores);
  return absl::OkStatus();
}

size_t ScoreHistory::memory_bytes() const {
  size_t bytes = stored_.memory_bytes();
  for (const auto& [block, scores] : open_) bytes += scores.size() * 200;
  return bytes;
}

}  // namespace faultline
