#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <type_traits>

namespace faultline {

// The flat state that a detector keeps from pane to pane: a header, then a body of plain structs as
// they lie in memory. The header has a tag and a checksum of the body. The tag names whatever makes
// state readable: the kind, the version of its layout, and, where state depends on them, options or
// the version of the shape that was counted with. Bytes with another tag, or damaged ones, are
// foreign: the detector starts afresh. All bits 0 are foreign under every tag but 0.
static_assert(std::endian::native == std::endian::little, "stored as it lies in memory");

// Bytes that hold a body of this size.
constexpr size_t StateBytes(size_t body) { return 2 * sizeof(uint64_t) + body; }
inline std::span<std::byte> StateBody(std::span<std::byte> state) {
  return state.subspan(StateBytes(0));
}

// Whether the body was sealed under this tag and is intact.
bool IsStateOf(uint64_t tag, std::span<const std::byte> state);
// Writes the header of a body that is in place.
void SealState(uint64_t tag, std::span<std::byte> state);

// A part of a body. The struct has no padding, which would make bytes differ by chance.
template <typename Part>
std::span<std::byte> StatePart(Part& part) {
  static_assert(std::is_trivially_copyable_v<Part>, "stored as it lies in memory");
  return std::as_writable_bytes(std::span(&part, 1));
}

// Copies the body to its parts, which fill it, in order. False if the state is foreign: the parts
// are then as they were.
[[nodiscard]] bool ReadState(uint64_t tag, std::span<const std::byte> state,
                             std::initializer_list<std::span<std::byte>> parts);
// Copies the parts to the body, in order, and seals it.
void WriteState(uint64_t tag, std::initializer_list<std::span<const std::byte>> parts,
                std::span<std::byte> state);

}  // namespace faultline
