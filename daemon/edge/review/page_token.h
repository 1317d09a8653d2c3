#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace faultline::review {

// The position at which a list continues. Opaque to callers: URL-safe text of a namespace field
// (empty), the kind of token, a digest of its query, and the position.

// What a token is for.
enum class TokenKind : uint8_t {
  kModels = 1,
  kIncidents = 2,
  kChanges = 3,
  kIncidentEvents = 4,
  kScores = 5,
};

// `query`: everything that must be equal on the next page, in any unambiguous encoding.
std::string MakeToken(TokenKind kind, std::string_view query, std::string_view position);

// The position. INVALID_ARGUMENT naming `field` if the token was damaged, is of another kind, or
// belongs to another query.
absl::StatusOr<std::string> ReadToken(TokenKind kind, std::string_view query,
                                      std::string_view token, std::string_view field);

}  // namespace faultline::review
