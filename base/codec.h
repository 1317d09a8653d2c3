#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace faultline {

// Appends values to bytes in the one encoding that everything stored uses: little-endian fixed
// width, LEB128 varints, zigzag for signed, length-prefixed strings. See docs/formats/codec.md.
class Encoder {
 public:
  explicit Encoder(std::string* out) : out_(out) {}

  void Fixed8(uint8_t value) { out_->push_back(static_cast<char>(value)); }
  void Fixed32(uint32_t value) { Raw(&value, sizeof value); }
  void Fixed64(uint64_t value) { Raw(&value, sizeof value); }
  // The bits as they are: NaN payloads and the sign of zero survive.
  void Double(double value) { Fixed64(std::bit_cast<uint64_t>(value)); }
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      Fixed8(static_cast<uint8_t>(value | 0x80));
      value >>= 7;
    }
    Fixed8(static_cast<uint8_t>(value));
  }
  void Signed(int64_t value) {
    Varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void Int128(__int128 value) {
    Fixed64(static_cast<uint64_t>(value));
    Fixed64(static_cast<uint64_t>(static_cast<unsigned __int128>(value) >> 64));
  }
  void String(std::string_view value) {
    Varint(value.size());
    out_->append(value);
  }
  void Raw(const void* bytes, size_t size) { out_->append(static_cast<const char*>(bytes), size); }

 private:
  std::string* out_;
};

// Reads what an Encoder wrote. Never reads past the end: once something does not fit, ok() is false
// for good and every further read gives zero. Check ok() after reading, and before trusting a
// length enough to allocate by it.
class Decoder {
 public:
  explicit Decoder(std::string_view in) : in_(in) {}

  bool ok() const { return ok_; }
  // True if everything was read, nothing is left, and nothing failed.
  bool Done() const { return ok_ && in_.empty(); }
  size_t remaining() const { return in_.size(); }
  void Fail() { ok_ = false; }

  uint8_t Fixed8() { return Read<uint8_t>(); }
  uint32_t Fixed32() { return Read<uint32_t>(); }
  uint64_t Fixed64() { return Read<uint64_t>(); }
  double Double() { return std::bit_cast<double>(Fixed64()); }
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = Fixed8();
      if (!ok_ || (shift == 63 && byte > 1)) break;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  int64_t Signed() {
    const uint64_t value = Varint();
    return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
  }
  __int128 Int128() {
    const uint64_t low = Fixed64();
    const uint64_t high = Fixed64();
    return static_cast<__int128>((static_cast<unsigned __int128>(high) << 64) | low);
  }
  // Points into the decoded bytes.
  std::string_view String() { return Raw(Varint()); }
  std::string_view Raw(uint64_t size) {
    if (!ok_ || size > in_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view out = in_.substr(0, size);
    in_.remove_prefix(size);
    return out;
  }

 private:
  template <typename T>
  T Read() {
    const std::string_view bytes = Raw(sizeof(T));
    T value{};
    if (ok_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  std::string_view in_;
  bool ok_ = true;
};

}  // namespace faultline
