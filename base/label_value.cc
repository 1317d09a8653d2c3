#include "base/label_value.h"

#include <xxhash.h>

#include <cstdio>

#include "base/characters.h"

namespace faultline {

std::string LabelValue(std::string_view text) {
  constexpr size_t kDigestBytes = 9;
  const std::string_view whole = text;
  bool changed = whole.size() > kLabelBytesMax;
  const size_t room = changed ? kLabelBytesMax - kDigestBytes : kLabelBytesMax;
  std::string out;
  size_t taken = 0;
  while (!text.empty()) {
    const Character character = TakeCharacter(&text);
    taken += character.bytes.size();
    if (taken > room) break;
    const bool replaced = character.unsafe() && character.bytes != "\n";
    out += replaced ? "?" : character.bytes;
    changed |= replaced;
  }
  if (!changed) return out;
  char digest[kDigestBytes + 1];
  std::snprintf(digest, sizeof digest, "~%08x",
                static_cast<unsigned>(XXH3_64bits(whole.data(), whole.size())));
  return out += digest;
}

}  // namespace faultline
