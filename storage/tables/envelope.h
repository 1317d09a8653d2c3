#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace faultline {

// Surrounds every stored value, so that damage, mix-ups and foreign versions show before the bytes
// are used: [magic u16][kind u8][version u8][length u32][CRC-32C u32] payload. The
// checksum covers everything but itself. See docs/formats/envelope.md.
//
// kind: the letter of the table the value is stored under (Table, storage/tables/tables.h), so that
// a value under the wrong key is refused.

inline constexpr size_t kEnvelopeBytes = 12;

std::string Seal(char kind, uint8_t version, std::string_view payload);

struct Opened {
  uint8_t version = 0;
  std::string_view payload;  // a view of the sealed bytes
};

// `newest`: the highest version the caller can read. DATA_LOSS if the bytes are damaged, too
// short, too long or of another kind, FAILED_PRECONDITION if a newer version wrote them.
absl::StatusOr<Opened> Open(char kind, uint8_t newest, std::string_view sealed);

}  // namespace faultline
