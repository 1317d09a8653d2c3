#include <algorithm>
#include <cctype>
#include <regex>

#include "tests/tidy/rules.h"

namespace faultline::tidy {
namespace {

std::string At(const SourceFile& file, size_t index) {
  return file.path + ":" + std::to_string(index + 1) + ": " + file.lines[index];
}

struct Banned {
  std::vector<std::string_view> words;  // one of them occurs: quick to look for
  std::regex pattern;                   // and this holds
  std::string instead;
  std::vector<std::string_view> allowed;  // beginnings of paths
};

bool Breaks(const Banned& banned, const std::string& line) {
  return std::any_of(banned.words.begin(), banned.words.end(),
                     [&](std::string_view word) { return line.find(word) != std::string::npos; }) &&
         std::regex_search(line, banned.pattern);
}

bool Allows(const Banned& banned, const SourceFile& file) {
  return std::any_of(banned.allowed.begin(), banned.allowed.end(),
                     [&](std::string_view prefix) { return file.path.starts_with(prefix); });
}

const std::vector<Banned>& BannedCode() {
  static const std::vector<Banned> banned = {
      {{"TODO", "FIXME", "XXX"},
       std::regex(R"(\b(TODO|FIXME|XXX)\b)"),
       "finish it, or leave it out",
       {}},
      // A test that is the child process of another one hides from the list in this way.
      {{"DISABLED_"},
       std::regex("DISABLED_"),
       "mend the test, or skip it with a reason",
       {"tests/storage/rocks/rocks_crash_test.cc"}},
      {{"/work/"}, std::regex("/work/"), "no path of one machine", {}},
      {{"std::"},
       std::regex(R"(std::(random_device|mt19937|normal_distribution))"),
       "differs between libraries: use tests/support/streams.h",
       {"daemon/cli/", "tests/"}},
      {{"clock::now", "clock_gettime", "gettimeofday"},
       std::regex(R"((system|steady)_clock::now|clock_gettime|gettimeofday)"),
       "use base/clock.h",
       {"base/clock.h", "daemon/cli/", "tests/"}},
      {{"unordered_"},
       std::regex(R"(\bunordered_(map|set)<(?!.*never iterated over))"),
       "its order is not defined: use std::map, or say that it is never iterated over",
       {"daemon/edge/", "daemon/cli/", "tests/"}},
      {{"class ", "struct "},
       std::regex(R"(\b(class|struct) \w*(Manager|Handler|Helper|Util)\w*)"),
       "name it after what it is",
       {}},
      {{"AlertEdge", "Deposit", "Desk", "ProducerMark", "SequenceMark", "WaitingLine"},
       std::regex(R"(AlertEdge|Deposit|Desk\b|(Producer|Sequence)Mark|WaitingLine)"),
       "the glossary's word: alert transition, budget increment, committed sequence, retry queue",
       {}},
  };
  return banned;
}

struct Phrase {
  std::vector<std::string_view> texts;  // in lower case, as whole words
  std::string_view instead;
};

// What a native engineer would not write.
const std::vector<Phrase>& BannedEnglish() {
  static const std::vector<Phrase> phrases = {
      {{"whoever", "whomever"}, "the caller, the client, the operator: name who it is"},
      {{"nobody"}, "\"no client reads it\", \"not read\""},
      {{"what of"}, "a sentence with a subject and a verb"},
      {{"is none", "are none", "was none", "were none"}, "\"is not\", \"there is no\", \"empty\""},
      {{"with none of"}, "\"without\", \"no\""},
      {{"stand twice", "stands twice", "stood twice", "standing twice"}, "\"duplicate\""},
      {{"said plainly"}, "the thing itself"},
      {{"was taken over", "were taken over", "not taken over"}, "\"applied\", \"rejected\""},
      {{"waiting line", "waitingline"}, "\"retry queue\""},
      {{"deposit", "deposits", "deposited"}, "\"budget increment\""},
      {{"producer mark", "producer's mark"}, "\"committed sequence\""},
      {{"alert edge", "alert edges"}, "\"alert transition\""},
      {{"bin edge", "bin edges"}, "\"bin boundary\""},
  };
  return phrases;
}

bool IsLetter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool HasPhrase(std::string_view lower, std::string_view text) {
  for (size_t at = lower.find(text); at != std::string_view::npos; at = lower.find(text, at + 1)) {
    const size_t end = at + text.size();
    if (lower.substr(0, at).ends_with("there ")) continue;  // "if there is none" is plain
    if ((at == 0 || !IsLetter(lower[at - 1])) && (end == lower.size() || !IsLetter(lower[end]))) {
      return true;
    }
  }
  return false;
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// The folder by which exceptions to plain English are counted.
std::string Area(const SourceFile& file) {
  size_t end = file.path.find('/');
  if (end == std::string::npos) return file.path;
  if (file.path.starts_with("daemon/")) {
    const size_t next = file.path.find('/', end + 1);
    if (next != std::string::npos) end = next;
  }
  return file.path.substr(0, end);
}

bool IsSelf(const SourceFile& file) { return file.path.starts_with("tests/tidy/"); }

}  // namespace

Violations BannedCodeIsAbsent(const Files& files) {
  Violations violations;
  for (const SourceFile& file : files) {
    if (!file.IsCode() || IsSelf(file)) continue;
    for (const Banned& banned : BannedCode()) {
      if (Allows(banned, file)) continue;
      for (size_t i = 0; i < file.lines.size(); ++i) {
        if (!Breaks(banned, file.lines[i])) continue;
        violations.push_back({file.path, At(file, i), banned.instead});
      }
    }
  }
  return violations;
}

Violations EnglishIsPlain(const Files& files) {
  Violations violations;
  for (const SourceFile& file : files) {
    if (IsSelf(file)) continue;
    const std::vector<std::string> prose = file.IsCode() ? TakeApart(file).prose : file.lines;
    for (size_t i = 0; i < prose.size(); ++i) {
      const std::string lower = Lower(prose[i]);
      for (const Phrase& phrase : BannedEnglish()) {
        for (const std::string_view text : phrase.texts) {
          if (!HasPhrase(lower, text)) continue;
          violations.push_back(
              {Area(file), At(file, i),
               "not \"" + std::string(text) + "\" but " + std::string(phrase.instead)});
        }
      }
    }
  }
  return violations;
}

Violations HeadersAreGuardedOnce(const Files& files) {
  Violations violations;
  for (const SourceFile& file : files) {
    if (!file.path.ends_with(".h")) continue;
    if (!file.lines.empty() && file.lines[0] == "#pragma once") continue;
    violations.push_back({file.path, file.path, "its first line is not #pragma once"});
  }
  return violations;
}

}  // namespace faultline::tidy
