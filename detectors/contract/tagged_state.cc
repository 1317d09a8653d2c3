#include "detectors/contract/tagged_state.h"

#include <xxhash.h>

#include <cstring>

#include "base/check.h"

namespace faultline {
namespace {

struct Header {
  uint64_t tag = 0;
  uint64_t checksum = 0;  // XXH3-64 of the body
};
static_assert(sizeof(Header) == StateBytes(0));

Header HeaderFor(uint64_t tag, std::span<const std::byte> state) {
  const std::span<const std::byte> body = state.subspan(sizeof(Header));
  return {tag, XXH3_64bits(body.data(), body.size())};
}

template <typename Parts>
void CheckSize(const Parts& parts, std::span<const std::byte> state) {
  size_t body = 0;
  for (const auto& part : parts) body += part.size();
  FAULTLINE_CHECK(state.size() == StateBytes(body), "the caller asks state_bytes()");
}

}  // namespace

bool IsStateOf(uint64_t tag, std::span<const std::byte> state) {
  FAULTLINE_CHECK(state.size() >= sizeof(Header), "the caller asks state_bytes()");
  Header header;
  std::memcpy(&header, state.data(), sizeof header);
  return header.tag == tag && header.checksum == HeaderFor(tag, state).checksum;
}

void SealState(uint64_t tag, std::span<std::byte> state) {
  FAULTLINE_CHECK(state.size() >= sizeof(Header), "the caller asks state_bytes()");
  const Header header = HeaderFor(tag, state);
  std::memcpy(state.data(), &header, sizeof header);
}

bool ReadState(uint64_t tag, std::span<const std::byte> state,
               std::initializer_list<std::span<std::byte>> parts) {
  CheckSize(parts, state);
  if (!IsStateOf(tag, state)) return false;
  const std::byte* from = state.data() + sizeof(Header);
  for (const std::span<std::byte>& part : parts) {
    std::memcpy(part.data(), from, part.size());
    from += part.size();
  }
  return true;
}

void WriteState(uint64_t tag, std::initializer_list<std::span<const std::byte>> parts,
                std::span<std::byte> state) {
  CheckSize(parts, state);
  std::byte* to = state.data() + sizeof(Header);
  for (const std::span<const std::byte>& part : parts) {
    std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
  SealState(tag, state);
}

}  // namespace faultline
