#include <cctype>
#include <regex>

#include "tests/tidy/rules.h"

// A light parser of class bodies. It relies on clang-format: a body of code follows a space, the
// braces of an initializer do not.

namespace faultline::tidy {
namespace {

constexpr size_t kFunctionsMax = 40;
constexpr size_t kDataMax = 20;

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    // Preprocessor lines declare nothing.
    text += line.starts_with("#") ? "" : line;
    text += '\n';
  }
  return text;
}

// The position after the bracket that closes the one at `open`.
size_t AfterBracket(const std::string& text, size_t open) {
  const char opening = text[open];
  const char closing = opening == '{' ? '}' : ')';
  size_t depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == opening) ++depth;
    if (text[i] == closing && --depth == 0) return i + 1;
  }
  return text.size();
}

// One member's declaration: its text up to its body, initializer or semicolon.
struct Declaration {
  std::string text;
  bool parenthesis = false;  // parameters were seen
  size_t names = 1;          // of `int a, b;`
};

bool Has(const std::string& text, const std::regex& pattern) {
  return std::regex_search(text, pattern);
}

void Count(const Declaration& declaration, ClassSize& size) {
  static const std::regex word(R"(\w)");
  static const std::regex type(R"(^\s*(using|typedef|enum|class|struct|union)\b)");
  static const std::regex no_member(R"(^\s*(friend|static_assert)\b|=\s*(default|delete)\s*$)");
  static const std::regex op(R"(\boperator\b)");
  static const std::regex constant(R"(\bstatic\s+(constexpr|const)\b)");
  const std::string& text = declaration.text;
  const bool function = declaration.parenthesis || Has(text, op);
  if (!Has(text, word) || Has(text, no_member) || (!function && Has(text, type))) return;
  if (function) {
    ++size.functions;
  } else if (!Has(text, constant)) {
    size.data += declaration.names;
  }
}

// Walks through a class body, from after its "{" to its "}", and counts what it declares.
class BodyWalk {
 public:
  BodyWalk(const std::string& text, size_t begin, ClassSize& size)
      : text_(text), at_(begin), size_(size) {}

  void Walk() {
    while (at_ < text_.size() && text_[at_] != '}') Step();
  }

 private:
  void Step() {
    const char c = text_[at_];
    if (c == ';') {
      Finish();
      ++at_;
    } else if (c == '{') {
      TakeBraces();
    } else if (c == '(') {
      TakeParentheses();
    } else if (c == ':' && IsAccess()) {
      now_ = {};
      ++at_;
    } else {
      TakeCharacter(c);
    }
  }

  void TakeParentheses() {
    static const std::regex no_parameters(R"(\b(alignas|decltype|[A-Z][A-Z_]+)$)");
    const bool pointer = text_.compare(at_, 2, "(*") == 0;
    initialized_ = initialized_ || pointer;
    if (angles_ == 0 && !initialized_ && !Has(now_.text, no_parameters)) now_.parenthesis = true;
    now_.text += "()";
    at_ = AfterBracket(text_, at_);
  }

  void TakeCharacter(char c) {
    static const std::regex operator_end(R"(operator\s*[^\w\s]*$)");
    static const std::regex template_head(R"(^\s*template\s*<)");
    const bool special = c == '<' || c == '>' || c == '=';
    const bool operator_name = special && Has(now_.text, operator_end);
    if (c == '<' && !operator_name) ++angles_;
    if (c == '>' && !operator_name && angles_ > 0) --angles_;
    if (c == '=' && angles_ == 0 && !operator_name) initialized_ = true;
    if (c == ',' && angles_ == 0 && !now_.parenthesis) ++now_.names;
    if (c == '>' && angles_ == 0 && Has(now_.text, template_head)) {
      now_ = {};  // the head of a template
      ++at_;
      return;
    }
    now_.text += c;
    ++at_;
  }

  bool IsAccess() const {
    static const std::regex access(R"(^\s*(public|protected|private)$)");
    return Has(now_.text, access);
  }

  // A function's body ends its declaration; after other braces a semicolon follows.
  void TakeBraces() {
    const bool spaced = !now_.text.empty() && now_.text.back() == ' ';
    const bool body = spaced && now_.parenthesis && !initialized_;
    at_ = AfterBracket(text_, at_);
    if (body) Finish();
  }

  void Finish() {
    Count(now_, size_);
    now_ = {};
    angles_ = 0;
    initialized_ = false;
  }

  const std::string& text_;
  size_t at_;
  ClassSize& size_;
  Declaration now_;
  size_t angles_ = 0;
  bool initialized_ = false;  // an "=" was seen
};

}  // namespace

std::vector<ClassSize> ClassesOf(const SourceFile& file) {
  static const std::regex head(R"((class|struct) ([\w:]+)( final)?(\s+:[^:;{}][^;{}]*)? \{)");
  const std::string text = Joined(TakeApart(file).code);
  std::vector<ClassSize> sizes;
  size_t line = 1;
  bool line_begins = true;
  for (size_t i = 0; i < text.size(); ++i) {
    std::smatch match;
    if (line_begins && (text[i] == 'c' || text[i] == 's') &&
        std::regex_search(text.begin() + static_cast<std::ptrdiff_t>(i), text.end(), match, head,
                          std::regex_constants::match_continuous)) {
      ClassSize size{match[2], line, 0, 0};
      BodyWalk(text, i + static_cast<size_t>(match.length()), size).Walk();
      sizes.push_back(size);
    }
    line += text[i] == '\n' ? 1 : 0;
    line_begins = text[i] == '\n' || (line_begins && text[i] == ' ');
  }
  return sizes;
}

Violations ClassesFit(const Files& files) {
  Violations violations;
  const auto check = [&](const SourceFile& file, const ClassSize& size, size_t count, size_t limit,
                         std::string_view what) {
    if (count <= limit) return;
    violations.push_back(
        {size.name + " " + std::string(what), file.path + ":" + std::to_string(size.line),
         size.name + " has " + std::to_string(count) + " " + std::string(what) + ", the limit is " +
             std::to_string(limit) + ": find the parts that own a piece of its state"});
  };
  for (const SourceFile& file : files) {
    if (!file.IsCode()) continue;
    for (const ClassSize& size : ClassesOf(file)) {
      check(file, size, size.functions, kFunctionsMax, "member functions");
      check(file, size, size.data, kDataMax, "data members");
    }
  }
  return violations;
}

}  // namespace faultline::tidy
