#include "tests/tidy/rules.h"

#include <gtest/gtest.h>

// Each rule finds what is planted, and leaves its clean twin alone.

namespace faultline::tidy {
namespace {

std::string Lines(size_t count, std::string_view line) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += std::string(line) + "\n";
  return text;
}

// The subjects of what a rule finds in planted files.
std::vector<std::string> Subjects(const Violations& violations) {
  std::vector<std::string> subjects;
  for (const Violation& violation : violations) subjects.push_back(violation.subject);
  return subjects;
}

using Strings = std::vector<std::string>;

TEST(LinesFit, CountsCharactersNotBytes) {
  const std::string wide = "// " + std::string(98, 'x');
  std::string greek = "// ";
  for (int i = 0; i < 97; ++i) greek += "λ";
  EXPECT_EQ(Subjects(LinesFit({Planted("base/a.h", wide)})), Strings{"base/a.h"});
  EXPECT_TRUE(LinesFit({Planted("base/a.h", greek)}).empty());
  EXPECT_TRUE(LinesFit({Planted("docs/a.md", wide)}).empty());
}

TEST(FilesFit, CountsLines) {
  EXPECT_EQ(FilesFit({Planted("base/a.cc", Lines(501, "//"))}).size(), 1u);
  EXPECT_TRUE(FilesFit({Planted("base/a.cc", Lines(500, "//"))}).empty());
}

TEST(FunctionsFit, CountsTheLinesOfABody) {
  const auto function = [](size_t lines) {
    return "void A(int a,\n       int b) {\n" + Lines(lines, "  B();") + "}\n";
  };
  EXPECT_EQ(FunctionsFit({Planted("base/a.cc", function(70))}).size(), 1u);
  EXPECT_TRUE(FunctionsFit({Planted("base/a.cc", function(60))}).empty());
  // A comment or a literal with parentheses is no function, and text in one has no end.
  EXPECT_TRUE(FunctionsFit({Planted("base/a.cc", "// see F() {\n" + Lines(80, "// x"))}).empty());
  EXPECT_TRUE(FunctionsFit(
                  {Planted("base/a.cc", "const char* a = R\"(f() {\n" + Lines(80, "b") + ")\";\n")})
                  .empty());
}

TEST(ClassesFit, CountsMembersAsTheCompilerSeesThem) {
  const std::vector<ClassSize> sizes = ClassesOf(Planted("base/a.h", R"(
class Plain final : public Base<int> {
 public:
  explicit Plain(int a) : a_(a), b_{a, a} {}
  Plain(const Plain&) = delete;
  ~Plain() = default;
  template <typename T, typename U>
  void Take(std::map<T, U> map) {
    if (map.empty()) return;
    int local = 0;
  }
  bool operator<(const Plain& other) const;
  int operator()(int x) const { return x; }
  [[nodiscard]] std::function<void(int)> Function() const;  // void NotCounted();
  friend bool operator==(const Plain&, const Plain&) = default;

 private:
  struct Nested {
    int x = 0, y = 0;
    double z{};
  };
  enum class Kind { kA, kB };
  using Alias = std::vector<int>;
  static constexpr size_t kMax = 3;
  static_assert(kMax > 2);

  alignas(64) std::atomic<int> a_;
  std::array<int, 2> b_{1, 2};
  std::function<void(int, int)> c_;
  std::map<std::string, std::vector<int>> d_ = {};
  bool (*e_)(int) = nullptr;
  static int f_;
  const char* g_ = "int h_; void I();";
};
)"));
  ASSERT_EQ(sizes.size(), 2u);
  EXPECT_EQ(sizes[0].name, "Plain");
  EXPECT_EQ(sizes[0].line, 2u);
  EXPECT_EQ(sizes[0].functions, 5u);
  EXPECT_EQ(sizes[0].data, 7u);
  EXPECT_EQ(sizes[1].name, "Nested");
  EXPECT_EQ(sizes[1].data, 3u);
}

TEST(ClassesFit, LimitsFunctionsAndData) {
  const auto of = [](size_t count, std::string_view member) {
    return Planted("base/a.h", "class A {\n" + Lines(count, member) + "};\n");
  };
  EXPECT_EQ(Subjects(ClassesFit({of(41, "  void F();")})), Strings{"A member functions"});
  EXPECT_TRUE(ClassesFit({of(40, "  void F();")}).empty());
  EXPECT_EQ(Subjects(ClassesFit({of(21, "  int a_ = 0;")})), Strings{"A data members"});
  EXPECT_TRUE(ClassesFit({of(20, "  int a_ = 0;")}).empty());
}

SourceFile Map(std::string_view rooms) {
  return Planted("docs/ARCHITECTURE.md",
                 "# Map\n\n```rooms\n" + std::string(rooms) + "```\n\nprose: not a room\n");
}
const SourceFile kBase = Planted("base/a.h", "#pragma once\n");

TEST(MapHolds, ArrowsGoDownAndRoomsExist) {
  const SourceFile storage = Planted("storage/b.h", "");
  const Files clean = {Map("base:\nstorage: base\n"), kBase, storage};
  EXPECT_TRUE(MapHolds(clean).empty());
  EXPECT_EQ(Subjects(MapHolds({Map("base: storage\nstorage:\n"), kBase, storage})),
            Strings{"base: storage"});
  EXPECT_EQ(Subjects(MapHolds({Map("base:\nstorage: base\n"), kBase})), Strings{"storage"});
  EXPECT_EQ(Subjects(MapHolds({Map("base:\nbase:\n"), kBase})), Strings{"base"});
  EXPECT_EQ(Subjects(MapHolds({kBase})), Strings{"rooms"});
}

TEST(IncludesFollowMap, OnlyWhatTheMapAllows) {
  const SourceFile map =
      Map("base:\nproto/faultline/v1/detector*:\nproto/faultline/v1:\n"
          "core/a:\ndetectors: base, proto/faultline/v1/detector*\n"
          "daemon/core/low: base\ndaemon/core/high: base daemon/core\n");
  const auto check = [&](std::string path, std::string_view text) {
    return Subjects(IncludesFollowMap({map, Planted(std::move(path), text)}));
  };
  EXPECT_TRUE(check("daemon/core/high/a.h", "#include \"daemon/core/low/b.h\"\n").empty());
  EXPECT_TRUE(check("daemon/core/low/a.h", "#include \"daemon/core/low/b.h\"\n").empty());
  EXPECT_TRUE(check("detectors/a.h", "#include \"faultline/v1/detector.pb.h\"\n").empty());
  EXPECT_EQ(check("daemon/core/low/a.h", "#include \"daemon/core/high/b.h\"\n"),
            Strings{"daemon/core/low/a.h > daemon/core/high/b.h"});
  EXPECT_EQ(check("detectors/a.h", "#include \"faultline/v1/event.pb.h\"\n"),
            Strings{"detectors/a.h > proto/faultline/v1/event.pb.h"});
  EXPECT_EQ(check("base/a.h", "#include \"detectors/b.h\"\n"), Strings{"base/a.h > detectors/b.h"});
}

TEST(SourcesHaveRoom, NoFolderBesideTheMap) {
  const SourceFile map = Map("base:\n");
  EXPECT_TRUE(SourcesHaveRoom({map, kBase, Planted("tests/x/y.h", "")}).empty());
  EXPECT_EQ(Subjects(SourcesHaveRoom({map, Planted("base/deep/a.h", "")})),
            Strings{"base/deep/a.h"});
}

TEST(CoreIsPure, NamesSystemHeadersWithoutTheirBrackets) {
  const auto check = [](std::string path, std::string_view text) {
    return Subjects(CoreIsPure({Planted(std::move(path), text)}));
  };
  EXPECT_EQ(check("daemon/core/settings/settings.h", "#include <thread>\n"),
            Strings{"daemon/core/settings/settings.h > thread"});
  EXPECT_EQ(check("detectors/a.cc", "#include \"base/clock.h\"\n"),
            Strings{"detectors/a.cc > base/clock.h"});
  EXPECT_EQ(check("daemon/core/a.h", "#include <sys/un.h>\n"),
            Strings{"daemon/core/a.h > sys/un.h"});
  EXPECT_TRUE(check("daemon/core/a.h", "#include <span>\n").empty());
  EXPECT_TRUE(check("daemon/runtime/a.h", "#include <thread>\n").empty());
}

TEST(ThirdPartiesStayAtHome, EachHasItsRoom) {
  const auto check = [](std::string path, std::string_view text) {
    return ThirdPartiesStayAtHome({Planted(std::move(path), text)}).size();
  };
  EXPECT_EQ(check("daemon/runtime/a.cc", "#include <spdlog/spdlog.h>\n"), 1u);
  EXPECT_EQ(check("daemon/log/log.cc", "#include <spdlog/spdlog.h>\n"), 0u);
  EXPECT_EQ(check("daemon/edge/metrics/a.cc", "#include <grpcpp/server.h>\n"), 1u);
  EXPECT_EQ(check("daemon/edge/grpc/a.cc", "#include <grpcpp/server.h>\n"), 0u);
  EXPECT_EQ(check("daemon/runtime/a.cc", "#include \"faultline/v1/admin.grpc.pb.h\"\n"), 1u);
  EXPECT_EQ(check("daemon/client/a.cc", "#include <CLI/CLI.hpp>\n"), 1u);
  EXPECT_EQ(check("daemon/cli/a.cc", "#include <CLI/CLI.hpp>\n"), 0u);
}

TEST(FoldersFit, AHeaderAndItsSourceAreOne) {
  Files files;
  for (int i = 0; i < 20; ++i) {
    files.push_back(Planted("base/a" + std::to_string(i) + ".h", ""));
    files.push_back(Planted("base/a" + std::to_string(i) + ".cc", ""));
  }
  EXPECT_TRUE(FoldersFit(files).empty());
  files.push_back(Planted("base/b.h", ""));
  EXPECT_EQ(Subjects(FoldersFit(files)), Strings{"base"});
}

TEST(TestsStandBesideSources, InTheRoomOfWhatTheyTest) {
  const SourceFile source = Planted("daemon/core/alert/alert_book.h", "");
  const SourceFile other = Planted("daemon/runtime/board.h", "");
  const SourceFile run =
      Planted("tests/daemon/run.h", "#include \"daemon/core/alert/alert_book.h\"\n");
  const auto check = [&](std::string path, std::string_view text) {
    return TestsStandBesideSources({source, other, run, Planted(std::move(path), text)}).size();
  };
  // Named after a source.
  EXPECT_EQ(check("tests/daemon/core/alert/alert_book_test.cc", ""), 0u);
  EXPECT_EQ(check("tests/daemon/runtime/alert_book_test.cc", ""), 1u);
  // Named after what it shows: includes its room, if only through a header of tests.
  EXPECT_EQ(check("tests/daemon/core/alert/restart_test.cc", "#include \"tests/daemon/run.h\"\n"),
            0u);
  EXPECT_EQ(check("tests/daemon/runtime/restart_test.cc", "#include \"tests/daemon/run.h\"\n"), 1u);
  // In no room.
  EXPECT_EQ(check("tests/daemon/alert/alert_book_test.cc", ""), 1u);
  EXPECT_EQ(check("tests/alert_book_test.cc", ""), 1u);
  EXPECT_EQ(check("tests/e2e/alert_book_test.cc", ""), 0u);
}

TEST(SourcesAreBuilt, SomeListNamesEach) {
  const SourceFile list = Planted("base/CMakeLists.txt", "add_library(base a.cc)\n");
  EXPECT_TRUE(SourcesAreBuilt({list, Planted("base/a.cc", "")}).empty());
  EXPECT_EQ(Subjects(SourcesAreBuilt({list, Planted("base/b.cc", "")})), Strings{"base/b.cc"});
}

TEST(BannedCodeIsAbsent, FindsEach) {
  const auto check = [](std::string path, std::string_view text) {
    return BannedCodeIsAbsent({Planted(std::move(path), text)}).size();
  };
  EXPECT_EQ(check("base/a.h", "// TODO: later\n"), 1u);
  EXPECT_EQ(check("tests/a_test.cc", "TEST(A, DISABLED_B) {\n"), 1u);
  EXPECT_EQ(check("base/a.h", "const char* p = \"/work/main\";\n"), 1u);
  EXPECT_EQ(check("daemon/core/a.cc", "std::mt19937 random;\n"), 1u);
  EXPECT_EQ(check("daemon/runtime/a.cc", "x = std::chrono::steady_clock::now();\n"), 1u);
  EXPECT_EQ(check("base/clock.h", "x = std::chrono::steady_clock::now();\n"), 0u);
  EXPECT_EQ(check("daemon/core/a.h", "std::unordered_map<int, int> a_;\n"), 1u);
  EXPECT_EQ(check("daemon/core/a.h", "std::unordered_map<int, int> a_;  // never iterated over\n"),
            0u);
  EXPECT_EQ(check("base/a.h", "class ModelManager {\n"), 1u);
  EXPECT_EQ(check("base/a.h", "class Model {\n"), 0u);
  EXPECT_EQ(check("daemon/core/a.h", "struct AlertEdge {\n"), 1u);
  EXPECT_EQ(check("daemon/core/a.h", "struct PaneDeposit {\n"), 1u);
  EXPECT_EQ(check("daemon/edge/a.h", "class IngestionDesk;\n"), 1u);
  EXPECT_EQ(check("daemon/runtime/a.h", "SequenceMark mark;\n"), 1u);
  EXPECT_EQ(check("storage/a.h", "Table::kProducerMark,\n"), 1u);
}

TEST(EnglishIsPlain, InCommentsLiteralsAndDocuments) {
  const auto check = [](std::string path, std::string_view text) {
    return Subjects(EnglishIsPlain({Planted(std::move(path), text)}));
  };
  EXPECT_EQ(check("daemon/core/alert/a.h", "int a;  // Whoever reads it.\n"),
            Strings{"daemon/core"});
  EXPECT_EQ(check("base/a.h", "const char* a = \"nobody asked\";\n"), Strings{"base"});
  EXPECT_EQ(check("README.md", "The id is none.\n"), Strings{"README.md"});
  EXPECT_EQ(check("docs/a.md", "the id stands twice\n"), Strings{"docs"});
  EXPECT_EQ(check("deploy/a.json", "\"Whoever asks\"\n"), Strings{"deploy"});
  EXPECT_EQ(check("docs/a.md", "What one pane deposits.\n"), Strings{"docs"});
  EXPECT_EQ(check("docs/a.md", "The values at the bin edges.\n"), Strings{"docs"});
  EXPECT_TRUE(check("base/a.h", "int nobody = 0;  // A name is code.\n").empty());
  EXPECT_TRUE(check("docs/a.md", "The log, if there is none, is empty.\n").empty());
  EXPECT_TRUE(check("docs/a.md", "A nonempty body is not one.\n").empty());
}

TEST(HeadersAreGuardedOnce, FirstLine) {
  EXPECT_TRUE(HeadersAreGuardedOnce({kBase}).empty());
  EXPECT_EQ(HeadersAreGuardedOnce({Planted("base/a.h", "// text\n#pragma once\n")}).size(), 1u);
  EXPECT_EQ(HeadersAreGuardedOnce({Planted("base/a.h", "")}).size(), 1u);
}

TEST(DocumentsHaveOneTitle, OutsideOfBlocks) {
  EXPECT_TRUE(
      DocumentsHaveOneTitle({Planted("docs/a.md", "# A\n\n```\n# a comment\n```\n")}).empty());
  EXPECT_EQ(DocumentsHaveOneTitle({Planted("docs/a.md", "# A\n\n# B\n")}).size(), 1u);
  EXPECT_EQ(DocumentsHaveOneTitle({Planted("docs/a.md", "text\n")}).size(), 1u);
}

TEST(DecisionsAreDated, WithDateAndStatus) {
  const auto check = [](std::string_view text) {
    return DecisionsAreDated({Planted("docs/decisions/a.md", text)}).size();
  };
  EXPECT_EQ(check("# A\n\nDate: 2026-01-31\nStatus: accepted\n"), 0u);
  EXPECT_EQ(check("# A\n\nDate: 2026-01-31\nStatus: superseded by [B](b.md)\n"), 0u);
  EXPECT_EQ(check("# A\n\nDate: yesterday\nStatus: accepted\n"), 1u);
  EXPECT_EQ(check("# A\n\nDate: 2026-01-31\nStatus: perhaps\n"), 1u);
  EXPECT_EQ(check("# A\n"), 2u);
}

TEST(LinksResolve, FilesFoldersAndAnchors) {
  const SourceFile target = Planted("docs/b.md", "# The one Title, here\n");
  const auto check = [&](std::string_view text) {
    return LinksResolve({target, Planted("docs/decisions/a.md", text)}).size();
  };
  EXPECT_EQ(check("[b](../b.md), [b](../b.md#the-one-title-here), [all](../)\n"), 0u);
  EXPECT_EQ(check("[web](https://example.org/x.md), `[a](c.md)` in code: \n"), 1u);
  EXPECT_EQ(check("```\n[x](nowhere.md)\n```\n"), 0u);
  EXPECT_EQ(check("[c](c.md)\n"), 1u);
  EXPECT_EQ(check("[b](../b.md#another)\n"), 1u);
}

TEST(Exceptions, ExceptOneSubjectAndMustBeNeeded) {
  const Rule rule{"HeadersAreGuardedOnce", HeadersAreGuardedOnce};
  const Files files = {Planted("base/a.h", ""), Planted("base/b.h", "")};
  EXPECT_EQ(Subjects(Unexcepted(rule, files, {{rule.name, "base/a.h", "reason"}})),
            Strings{"base/b.h"});
  EXPECT_EQ(Subjects(Unexcepted(rule, {kBase}, {{rule.name, "base/a.h", "reason"}})),
            Strings{"base/a.h"});
  EXPECT_TRUE(Unexcepted(rule, {kBase}, {{"LinesFit", "base/a.h", "reason"}}).empty());
}

TEST(TakeApart, CommentsAndLiteralsAreProse) {
  const TakenApart parts = TakeApart(
      Planted("base/a.cc",
              "int a = 1'000;  // one\nf(\"two\\\"\", 'x'); /* three\nfour */ g(R\"(five)\");"));
  ASSERT_EQ(parts.code.size(), 3u);
  EXPECT_NE(parts.code[0].find("1'000;"), std::string::npos);
  EXPECT_EQ(parts.code[0].find("one"), std::string::npos);
  EXPECT_EQ(parts.code[1].find("two"), std::string::npos);
  EXPECT_EQ(parts.code[2].find("four"), std::string::npos);
  EXPECT_NE(parts.code[2].find("g("), std::string::npos);
  EXPECT_EQ(parts.code[2].find("five"), std::string::npos);
  EXPECT_NE(parts.prose[2].find("five"), std::string::npos);
  EXPECT_EQ(parts.prose[2].find("g("), std::string::npos);
}

}  // namespace
}  // namespace faultline::tidy
