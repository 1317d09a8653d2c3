#include "daemon/edge/review/page_token.h"

#include <absl/strings/escaping.h>
#include <xxhash.h>

#include "base/codec.h"

namespace faultline::review {
namespace {

// Longer than any position: names of 128 + 64 bytes.
constexpr size_t kTokenBytesMax = 1'024;
constexpr uint8_t kTokenVersion = 1;

uint64_t Digest(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace

std::string MakeToken(TokenKind kind, std::string_view query, std::string_view position) {
  std::string bytes;
  Encoder encoder(&bytes);
  encoder.String("");  // namespace
  encoder.Fixed8(kTokenVersion);
  encoder.Fixed8(static_cast<uint8_t>(kind));
  encoder.Fixed64(Digest(query));
  encoder.String(position);
  encoder.Fixed32(static_cast<uint32_t>(Digest(bytes)));
  return absl::WebSafeBase64Escape(bytes);
}

absl::StatusOr<std::string> ReadToken(TokenKind kind, std::string_view query,
                                      std::string_view token, std::string_view field) {
  const auto refuse = [field](const char* why) {
    return absl::InvalidArgumentError(std::string(field) + ": " + why + "; start without it");
  };
  std::string bytes;
  if (token.size() > kTokenBytesMax ||
      !absl::WebSafeBase64Unescape(absl::string_view(token.data(), token.size()), &bytes) ||
      absl::WebSafeBase64Escape(bytes) != token) {
    return refuse("is not a token of this daemon");
  }
  Decoder decoder(bytes);
  const std::string_view name_space = decoder.String();
  const uint8_t version = decoder.Fixed8();
  const uint8_t token_kind = decoder.Fixed8();
  const uint64_t query_digest = decoder.Fixed64();
  const std::string_view position = decoder.String();
  const size_t checked = bytes.size() - decoder.remaining();
  const uint32_t digest = decoder.Fixed32();
  if (!decoder.Done() || !name_space.empty() || version != kTokenVersion ||
      digest != static_cast<uint32_t>(Digest(std::string_view(bytes).substr(0, checked)))) {
    return refuse("is not a token of this daemon");
  }
  if (token_kind != static_cast<uint8_t>(kind) || query_digest != Digest(query)) {
    return refuse("belongs to another request");
  }
  return std::string(position);
}

}  // namespace faultline::review
