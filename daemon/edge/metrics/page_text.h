#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/label_value.h"

namespace faultline {

enum class MetricType : uint8_t { kCounter, kGauge, kHistogram };

// The labels of a series, rendered: `{model="credit",version="7"}`. Values may be any text,
// see LabelValue (base/label_value.h).
class Labels {
 public:
  using Pair = std::pair<std::string_view, std::string_view>;

  Labels() = default;
  Labels(std::initializer_list<Pair> pairs);
  // Names must be [a-zA-Z_][a-zA-Z0-9_]* and not taken yet.
  void Add(std::string_view name, std::string_view value);
  // `{...} ` with the blank before the value; only a blank without labels.
  const std::string& text() const { return text_; }

 private:
  std::string text_ = " ";
};

// Appends label=value pairs without braces, for many series that share a beginning.
void AppendLabel(std::string_view name, std::string_view value, std::string* out);

// A label name from any text: other characters become "_".
std::string LabelName(std::string_view prefix, std::string_view text);

// Writes the Prometheus text exposition format 0.0.4, family after family.
//
// Limitations:  the caller writes each family once and each series once. NaN is left out.
class PageText {
 public:
  explicit PageText(std::string* out) : out_(out) {}

  // Opens a family, to which the next lines belong. Both texts must be literals.
  void Family(std::string_view name, MetricType type, std::string_view help);
  // `labels` as Labels::text has them.
  void Line(std::string_view labels, double value);
  void Line(std::string_view labels, uint64_t value);
  void Line(std::string_view labels, int value) { Line(labels, static_cast<uint64_t>(value)); }
  void Line(std::string_view labels, uint32_t value) { Line(labels, uint64_t{value}); }
  void Line(std::string_view labels, bool value) { Line(labels, uint64_t{value}); }
  // A line of a histogram: `suffix` goes after the family's name.
  template <typename T>
  void LineOf(std::string_view suffix, std::string_view labels, T value) {
    Line(std::string(suffix).append(labels), value);
  }
  uint64_t lines() const { return lines_; }

 private:
  std::string* out_;
  std::string_view name_;
  uint64_t lines_ = 0;
};

}  // namespace faultline
