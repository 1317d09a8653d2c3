#pragma once

#include <iosfwd>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/source_file.h"

// The rules of the house that a program can check. Each is a pure function from the project's files
// to what breaks it, so that every rule has a test in which planted text breaks it.

namespace faultline::tidy {

struct Violation {
  // What breaks the rule, without a line number: a known exception names it.
  std::string subject;
  std::string where;  // "path:line"
  std::string text;   // what is wrong and what to do instead
};
using Files = std::vector<SourceFile>;
using Violations = std::vector<Violation>;

// --- Size (size_rules.cc)

Violations LinesFit(const Files& files);      // 100 columns, counted in characters
Violations FilesFit(const Files& files);      // 500 lines
Violations FunctionsFit(const Files& files);  // 70 lines

// --- Classes (class_rules.cc)

// A class or struct with a body, and how many members it declares itself. Member functions that
// are defaulted or deleted and constants of the class are not counted.
struct ClassSize {
  std::string name;
  size_t line = 0;  // from 1
  size_t functions = 0;
  size_t data = 0;
};
std::vector<ClassSize> ClassesOf(const SourceFile& file);

Violations ClassesFit(const Files& files);  // 40 member functions, 20 data members

// --- Rooms (room_rules.cc)

// The map of rooms in docs/ARCHITECTURE.md: its block fenced as `rooms`. One room a line, lowest
// first: its folder (or the beginning of some file names in one), a colon, and what it may include.
// "detectors" there stands for all rooms below detectors/ that come earlier in the map.
struct Room {
  std::string path;
  std::vector<std::string> may_include;
};
std::vector<Room> RoomsOf(const Files& files);

Violations MapHolds(const Files& files);  // the map names rooms that exist, arrows go down
Violations IncludesFollowMap(const Files& files);
Violations SourcesHaveRoom(const Files& files);  // every source lies in a room
Violations CoreIsPure(const Files& files);       // no clock, I/O, lock or randomness is included
Violations ThirdPartiesStayAtHome(const Files& files);
Violations FoldersFit(const Files& files);  // 20 sources a folder
Violations TestsStandBesideSources(const Files& files);
Violations SourcesAreBuilt(const Files& files);  // some CMakeLists.txt names each

// --- Words (word_rules.cc)

Violations BannedCodeIsAbsent(const Files& files);  // in code
Violations EnglishIsPlain(const Files& files);      // in comments, literals and documents
Violations HeadersAreGuardedOnce(const Files& files);

// --- Documents (document_rules.cc)

Violations DocumentsHaveOneTitle(const Files& files);
Violations DecisionsAreDated(const Files& files);  // Date: and Status:
Violations LinksResolve(const Files& files);       // relative links, and their anchors

// --- All of them

struct Rule {
  std::string_view name;
  Violations (*check)(const Files&);
};
void PrintTo(const Rule& rule, std::ostream* out);  // for messages of tests
const std::vector<Rule>& AllRules();

// What breaks a rule today and has a reason to. An exception that nothing needs is a violation too.
struct Exception {
  std::string_view rule;
  std::string_view subject;
  std::string_view reason;
};
const std::vector<Exception>& KnownExceptions();

// The violations of `rule` less those excepted, and one for each exception that excepts nothing.
Violations Unexcepted(const Rule& rule, const Files& files,
                      const std::vector<Exception>& exceptions);

}  // namespace faultline::tidy
