#include "daemon/edge/metrics/page_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace faultline {
namespace {

// Plain text, the usual case: printable ASCII without quotes and backslashes.
bool IsPlain(std::string_view value) {
  return value.size() <= kLabelBytesMax && std::all_of(value.begin(), value.end(), [](char c) {
           return c >= ' ' && c < 0x7F && c != '"' && c != '\\';
         });
}

void AppendValue(std::string_view value, std::string* out) {
  if (IsPlain(value)) {
    out->append(value);
    return;
  }
  for (const char c : LabelValue(value)) {
    if (c == '"' || c == '\\') out->push_back('\\');
    if (c == '\n') {
      out->append("\\n");
    } else {
      out->push_back(c);
    }
  }
}

}  // namespace

Labels::Labels(std::initializer_list<Pair> pairs) {
  for (const auto& [name, value] : pairs) Add(name, value);
}

void Labels::Add(std::string_view name, std::string_view value) {
  if (text_ == " ") {
    text_.assign(1, '{');
  } else {
    text_.replace(text_.size() - 2, 2, ",");
  }
  AppendLabel(name, value, &text_);
  text_.append("} ");
}

void AppendLabel(std::string_view name, std::string_view value, std::string* out) {
  out->append(name).append("=\"");
  AppendValue(value, out);
  out->push_back('"');
}

std::string LabelName(std::string_view prefix, std::string_view text) {
  std::string name(prefix);
  for (const char c : text.substr(0, kLabelBytesMax)) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name.push_back(allowed ? c : '_');
  }
  return name;
}

void PageText::Family(std::string_view name, MetricType type, std::string_view help) {
  constexpr std::string_view kTypes[] = {"counter", "gauge", "histogram"};
  name_ = name;
  out_->append("# HELP ").append(name).append(" ").append(help);
  out_->append("\n# TYPE ").append(name).append(" ");
  out_->append(kTypes[static_cast<size_t>(type)]).append("\n");
}

void PageText::Line(std::string_view labels, double value) {
  if (std::isnan(value)) return;
  // The shortest form of 100000 is 1e+05; whole numbers are easier on the reader in full.
  if (value >= 0 && value < 1e15 && value == std::floor(value)) {
    return Line(labels, static_cast<uint64_t>(value));
  }
  ++lines_;
  if (std::isinf(value)) {
    out_->append(name_).append(labels).append(value > 0 ? "+Inf\n" : "-Inf\n");
    return;
  }
  char text[32];
  char* end = std::to_chars(text, text + sizeof text - 1, value).ptr;
  *end++ = '\n';
  out_->append(name_).append(labels).append(text, static_cast<size_t>(end - text));
}

void PageText::Line(std::string_view labels, uint64_t value) {
  char text[24];
  char* end = std::to_chars(text, text + sizeof text - 1, value).ptr;
  *end++ = '\n';
  out_->append(name_).append(labels).append(text, static_cast<size_t>(end - text));
  ++lines_;
}

}  // namespace faultline
