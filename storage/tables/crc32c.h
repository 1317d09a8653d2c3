#pragma once

#include <cstdint>
#include <string_view>

namespace faultline {

// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as in RFC 3720 section 12.1. With `crc`,
// continues from the value for the bytes before. Uses the processor's instruction if it has one.
uint32_t Crc32c(std::string_view bytes, uint32_t crc = 0);

// The same by table, on every processor; tests compare the two.
uint32_t Crc32cByTable(std::string_view bytes, uint32_t crc = 0);

}  // namespace faultline
