#include "base/clean_text.h"

#include "base/characters.h"

namespace faultline {

std::string CleanText(std::string_view text, size_t bytes_max) {
  std::string clean;
  size_t cut = 0;  // where "..." would still fit
  while (!text.empty()) {
    const Character character = TakeCharacter(&text);
    std::string_view shown = character.bytes;
    if (character.unsafe()) shown = character.kind == CharacterKind::kInvalid ? kReplacement : " ";
    if (clean.size() + shown.size() > bytes_max) {
      clean.resize(cut);
      return clean + "...";
    }
    clean += shown;
    if (clean.size() + 3 <= bytes_max) cut = clean.size();
  }
  return clean;
}

}  // namespace faultline
