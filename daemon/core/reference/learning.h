#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/codec.h"
#include "daemon/core/reference/reference.h"
#include "detectors/contract/transform.h"
#include "detectors/summary/shape.h"
#include "detectors/summary/summary.h"

namespace faultline {

// Rows per stored chunk; a multiple of 64. Small, because the last chunk is written again with
// every commit.
inline constexpr uint32_t kLearningChunkRows = 128;

// The reference rows of one signal, in order, until its reference is made.
//
// Concurrency:  none.
// Limitations:  grows with its rows; the caller bounds their number and memory.
class LearningRows {
 public:
  explicit LearningRows(SignalType type) : type_(type) {}

  // Rows [range.begin, range.end) of a column. nulls: bit set = missing; null: no value is missing.
  void AddNumbers(std::span<const double> values, const uint64_t* nulls, RowRange range);
  void AddCategories(std::span<const uint32_t> codes, std::span<const std::string> dictionary,
                     const uint64_t* nulls, RowRange range);
  void AddMissing(uint32_t rows);
  // Event times of the rows that were added last, in order.
  void AddTimes(std::span<const int64_t> times_ns);

  SignalType type() const { return type_; }
  uint32_t rows() const { return rows_; }
  // Bytes of distinct strings, in addition to RowBytes.
  uint64_t dictionary_bytes() const { return dictionary_bytes_; }
  static uint64_t RowBytes(SignalType type, uint64_t rows);

  // The rows as input of a transform. *hashes: buffer for the hashes of categories; it and this
  // object must outlive the result.
  RowColumn AsRowColumn(std::string_view name, std::vector<uint64_t>* hashes) const;
  std::shared_ptr<const SignalReference> MakeReference(uint32_t version,
                                                       SketchChoice sketches) const;

  // Encodes rows [chunk * kLearningChunkRows, + kLearningChunkRows), or fewer at the end.
  void EncodeChunk(uint32_t chunk, Encoder* out) const;
  // Appends what EncodeChunk wrote; chunks must come in order. False if the bytes are not a chunk.
  bool DecodeChunk(Decoder* in);

 private:
  void AddNull(bool missing);
  uint32_t CodeOf(std::string_view category);
  bool IsNull(uint32_t row) const { return ((nulls_[row / 64] >> (row % 64)) & 1) != 0; }

  SignalType type_;
  uint32_t rows_ = 0;
  std::vector<uint64_t> nulls_;
  std::vector<uint8_t> hours_;  // of the week, 0 to 167 from Thursday 0:00 UTC; empty: no times
  int64_t first_ns_ = 0;
  int64_t last_ns_ = 0;
  std::vector<double> numbers_;
  std::vector<uint32_t> codes_;
  std::unordered_map<std::string, uint32_t> code_of_;  // never iterated over
  std::vector<const std::string*> dictionary_;         // keys of code_of_, by code
  std::vector<uint32_t> dictionary_before_;            // by chunk: entries when it began
  uint64_t dictionary_bytes_ = 0;
};

}  // namespace faultline
