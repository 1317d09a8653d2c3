#include "daemon/core/reference/learning.h"

#include <xxhash.h>

#include <algorithm>

namespace faultline {
namespace {

static_assert(kLearningChunkRows % 64 == 0, "null words must not straddle chunks");

// Approximate size of a node of the map and the pointer to it.
constexpr uint64_t kEntryBytes = 96;

bool TestBit(const uint64_t* bits, uint32_t row) {
  return bits != nullptr && ((bits[row / 64] >> (row % 64)) & 1) != 0;
}

}  // namespace

uint64_t LearningRows::RowBytes(SignalType type, uint64_t rows) {
  const uint64_t value = type == SignalType::kNumeric ? sizeof(double) : sizeof(uint32_t);
  return rows * (value + 1) + (rows + 63) / 64 * sizeof(uint64_t);
}

void LearningRows::AddNull(bool missing) {
  if (rows_ % 64 == 0) nulls_.push_back(0);
  if (rows_ % kLearningChunkRows == 0) {
    dictionary_before_.push_back(static_cast<uint32_t>(dictionary_.size()));
  }
  if (missing) nulls_.back() |= uint64_t{1} << (rows_ % 64);
  ++rows_;
}

uint32_t LearningRows::CodeOf(std::string_view category) {
  const auto [entry, is_new] =
      code_of_.try_emplace(std::string(category), static_cast<uint32_t>(dictionary_.size()));
  if (is_new) {
    dictionary_.push_back(&entry->first);
    dictionary_bytes_ += category.size() + kEntryBytes;
  }
  return entry->second;
}

void LearningRows::AddNumbers(std::span<const double> values, const uint64_t* nulls,
                              RowRange range) {
  for (uint32_t row = range.begin; row < range.end; ++row) {
    const bool missing = TestBit(nulls, row);
    AddNull(missing);
    numbers_.push_back(missing ? 0 : values[row]);
  }
}

void LearningRows::AddCategories(std::span<const uint32_t> codes,
                                 std::span<const std::string> dictionary, const uint64_t* nulls,
                                 RowRange range) {
  for (uint32_t row = range.begin; row < range.end; ++row) {
    const bool missing = TestBit(nulls, row);
    AddNull(missing);
    codes_.push_back(missing ? 0 : CodeOf(dictionary[codes[row]]));
  }
}

void LearningRows::AddMissing(uint32_t rows) {
  for (uint32_t i = 0; i < rows; ++i) {
    AddNull(true);
    if (type_ == SignalType::kNumeric) {
      numbers_.push_back(0);
    } else {
      codes_.push_back(0);
    }
  }
}

void LearningRows::AddTimes(std::span<const int64_t> times_ns) {
  constexpr int64_t kHour = 3'600'000'000'000;
  for (const int64_t time_ns : times_ns) {
    if (hours_.empty() || time_ns < first_ns_) first_ns_ = time_ns;
    if (hours_.empty() || time_ns > last_ns_) last_ns_ = time_ns;
    hours_.push_back(static_cast<uint8_t>(std::max<int64_t>(time_ns, 0) / kHour % 168));
  }
}

RowColumn LearningRows::AsRowColumn(std::string_view name, std::vector<uint64_t>* hashes) const {
  hashes->clear();
  for (const std::string* entry : dictionary_) {
    hashes->push_back(XXH3_64bits(entry->data(), entry->size()));
  }
  if (hashes->empty()) hashes->push_back(0);  // Missing rows have code 0.
  return {.signal = name,
          .numbers = numbers_,
          .codes = codes_,
          .hashes = *hashes,
          .nulls = nulls_.data()};
}

std::shared_ptr<const SignalReference> LearningRows::MakeReference(uint32_t version,
                                                                   SketchChoice sketches) const {
  const RowTimesOfLaw times = {.hours = hours_,
                               .span_s = static_cast<double>(last_ns_ - first_ns_) / 1e9};
  if (type_ == SignalType::kNumeric) {
    return SignalReference::OfNumbers(numbers_, nulls_.data(), times, version, sketches);
  }
  std::vector<std::string> dictionary;
  dictionary.reserve(dictionary_.size() + 1);
  for (const std::string* entry : dictionary_) dictionary.push_back(*entry);
  if (dictionary.empty()) dictionary.emplace_back();  // Missing rows have code 0.
  return SignalReference::OfCategories(codes_, dictionary, nulls_.data(), times, version, sketches);
}

void LearningRows::EncodeChunk(uint32_t chunk, Encoder* out) const {
  const uint32_t begin = std::min(chunk * kLearningChunkRows, rows_);
  const uint32_t end = std::min(begin + kLearningChunkRows, rows_);
  out->Varint(end - begin);
  for (uint32_t row = begin; row < end; row += 64) out->Fixed64(nulls_[row / 64]);
  out->Fixed8(hours_.empty() ? 0 : 1);
  if (!hours_.empty()) {
    out->Signed(first_ns_);
    out->Signed(last_ns_);
    out->Raw(hours_.data() + begin, end - begin);
  }
  if (type_ == SignalType::kNumeric) {
    for (uint32_t row = begin; row < end; ++row) out->Double(numbers_[row]);
    return;
  }
  if (begin == end) return;
  const size_t first = dictionary_before_[chunk];
  const size_t last =
      chunk + 1 < dictionary_before_.size() ? dictionary_before_[chunk + 1] : dictionary_.size();
  out->Varint(last - first);
  for (size_t code = first; code < last; ++code) out->String(*dictionary_[code]);
  for (uint32_t row = begin; row < end; ++row) out->Varint(codes_[row]);
}

bool LearningRows::DecodeChunk(Decoder* in) {
  const uint64_t rows = in->Varint();
  if (!in->ok() || rows > kLearningChunkRows || rows_ % kLearningChunkRows != 0) return false;
  std::vector<uint64_t> nulls((rows + 63) / 64);
  for (uint64_t& word : nulls) word = in->Fixed64();
  if (in->Fixed8() != 0) {
    first_ns_ = in->Signed();
    last_ns_ = in->Signed();
    const std::string_view hours = in->Raw(rows);
    hours_.insert(hours_.end(), hours.begin(), hours.end());
    if (std::any_of(hours.begin(), hours.end(),
                    [](char hour) { return static_cast<uint8_t>(hour) > 167; })) {
      return false;
    }
  }
  std::vector<std::string_view> added;
  if (type_ == SignalType::kCategorical && rows > 0) {
    const uint64_t count = in->Varint();
    if (!in->ok() || count > rows) return false;
    for (uint64_t i = 0; i < count; ++i) added.push_back(in->String());
  }
  if (!in->ok()) return false;
  for (uint32_t row = 0; row < rows; ++row) {
    AddNull(TestBit(nulls.data(), row));
    if (row == 0) {
      for (const std::string_view entry : added) CodeOf(entry);
    }
    if (type_ == SignalType::kNumeric) {
      numbers_.push_back(in->Double());
      continue;
    }
    const uint64_t code = in->Varint();
    if (code != 0 && code >= dictionary_.size()) return false;
    codes_.push_back(static_cast<uint32_t>(code));
  }
  return in->ok();
}

}  // namespace faultline
