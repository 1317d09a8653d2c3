#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <cmath>

#include "base/codec.h"
#include "detectors/summary/summary.h"

namespace faultline {
namespace {

constexpr uint8_t kFormat = 1;

absl::Status Broken(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("not a summary of this shape: ", what));
}

// A count as varint; a run of zeros as 0 and its length minus one.
void EncodeCells(std::span<const uint64_t> cells, Encoder& encoder) {
  for (size_t i = 0; i < cells.size();) {
    encoder.Varint(cells[i]);
    if (cells[i++] != 0) continue;
    size_t end = i;
    while (end < cells.size() && cells[end] == 0) ++end;
    encoder.Varint(end - i);
    i = end;
  }
}

// Returns the sum; fails the decoder on overflow.
uint64_t DecodeCells(Decoder& decoder, std::span<uint64_t> cells) {
  uint64_t total = 0;
  for (size_t i = 0; i < cells.size() && decoder.ok();) {
    cells[i] = decoder.Varint();
    if (__builtin_add_overflow(total, cells[i], &total) || total >> 63 != 0) decoder.Fail();
    if (cells[i++] != 0) continue;
    const uint64_t zeros = decoder.Varint();
    if (zeros > cells.size() - i) decoder.Fail();
    if (decoder.ok()) i += zeros;
  }
  return decoder.ok() ? total : 0;
}

void EncodeWide(Encoder& encoder, unsigned __int128 value) {
  for (; value >= 0x80; value >>= 7) encoder.Fixed8(static_cast<uint8_t>(value | 0x80));
  encoder.Fixed8(static_cast<uint8_t>(value));
}

unsigned __int128 DecodeWide(Decoder& decoder) {
  unsigned __int128 value = 0;
  for (int shift = 0; shift < 126; shift += 7) {
    const uint8_t byte = decoder.Fixed8();
    value |= static_cast<unsigned __int128>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  decoder.Fail();
  return 0;
}

void EncodeMoments(const Moments& moments, Encoder& encoder) {
  const bool negative = moments.sum < 0;
  const auto size = static_cast<unsigned __int128>(negative ? -moments.sum : moments.sum);
  EncodeWide(encoder, size << 1 | (negative ? 1 : 0));
  EncodeWide(encoder, static_cast<unsigned __int128>(moments.sum_of_squares));
}

bool DecodeMoments(Decoder& decoder, uint64_t count, Moments* moments) {
  constexpr auto kLargest = static_cast<unsigned __int128>(kClip * kUnit);
  const unsigned __int128 sum = DecodeWide(decoder);
  const unsigned __int128 squares = DecodeWide(decoder);
  if (!decoder.ok() || sum >> 1 > count * kLargest || squares > count * kLargest * kLargest) {
    return false;
  }
  moments->count = count;
  const auto size = static_cast<__int128>(sum >> 1);
  moments->sum = (sum & 1) != 0 ? -size : size;
  moments->sum_of_squares = static_cast<__int128>(squares);
  return true;
}

// All runs except the last are full.
void EncodeSubSums(const SubSums& sub_sums, Encoder& encoder) {
  const std::span<const SubSum> runs = sub_sums.runs();
  encoder.Varint(runs.size());
  if (runs.empty()) return;
  encoder.Varint(sub_sums.run_values() / kSubSumValuesMin);
  encoder.Varint(runs.back().count);
  for (const SubSum& run : runs) {
    encoder.Signed(run.sum);
    encoder.Varint(static_cast<uint64_t>(run.sum_of_squares));
  }
}

bool DecodeSubSums(Decoder& decoder, SubSums* sub_sums) {
  const uint64_t count = decoder.Varint();
  if (!decoder.ok() || count > kSubSumsMax) return false;
  if (count == 0) return true;
  const uint64_t doublings = decoder.Varint();
  const uint64_t last = decoder.Varint();
  if (!decoder.ok() || doublings > 1u << 24 || last > UINT32_MAX) return false;
  const uint32_t run_values = static_cast<uint32_t>(doublings) * kSubSumValuesMin;
  std::array<SubSum, kSubSumsMax> runs;
  for (uint64_t i = 0; i < count; ++i) {
    const int64_t sum = decoder.Signed();
    const uint64_t squares = decoder.Varint();
    if (!decoder.ok() || squares >> 63 != 0) return false;
    runs[i] = {i + 1 < count ? run_values : static_cast<uint32_t>(last), sum,
               static_cast<int64_t>(squares)};
  }
  return sub_sums->Restore({runs.data(), count}, run_values);
}

}  // namespace

void Summary::Encode(std::string* out) const {
  Encoder encoder(out);
  encoder.Fixed8(kFormat);
  encoder.Varint(shape_->version);
  EncodeCells(cells_, encoder);
  if (shape_->type == SignalType::kNumeric) {
    if (values() > 0) {
      EncodeMoments(moments_, encoder);
      encoder.Double(least_);
      encoder.Double(largest_);
    }
    EncodeSubSums(sub_sums_, encoder);
  } else {
    unseen_top_.Encode(encoder);
  }
  if (quantiles_ != nullptr) quantiles_->Encode(encoder);
  if (distinct_ != nullptr) distinct_->Encode(encoder);
}

absl::StatusOr<Summary> Summary::Decode(const Shape* shape, std::string_view bytes) {
  Decoder decoder(bytes);
  if (decoder.Fixed8() != kFormat) return Broken("format");
  if (decoder.Varint() != shape->version) return Broken("version");
  Summary summary(shape);
  summary.rows_ = DecodeCells(decoder, summary.cells_);
  if (!decoder.ok()) return Broken("cells");
  if (shape->type == SignalType::kNumeric) {
    if (summary.values() > 0) {
      if (!DecodeMoments(decoder, summary.values(), &summary.moments_)) return Broken("moments");
      summary.least_ = decoder.Double();
      summary.largest_ = decoder.Double();
      if (std::isnan(summary.least_) || std::isnan(summary.largest_)) return Broken("range");
    }
    if (!DecodeSubSums(decoder, &summary.sub_sums_)) return Broken("sub-sums");
  } else if (!summary.unseen_top_.Decode(decoder)) {
    return Broken("top categories");
  }
  if (summary.quantiles_ != nullptr && !summary.quantiles_->Decode(decoder)) {
    return Broken("quantiles");
  }
  if (summary.distinct_ != nullptr && !summary.distinct_->Decode(decoder)) {
    return Broken("distinct");
  }
  if (!decoder.Done()) return Broken("bytes left over or missing");
  return summary;
}

}  // namespace faultline
