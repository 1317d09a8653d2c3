#include "daemon/edge/report/report_plot.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/time.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "base/html.h"
#include "daemon/core/incident/incident_words.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

constexpr double kWidth = 640;
constexpr double kMargin = 8;
constexpr double kInner = kWidth - 2 * kMargin;
constexpr double kAxisHeight = 22;  // of the labels under a plot
constexpr size_t kColumns = 64;

std::string Open(double height, const std::string& label) {
  return absl::StrCat("<svg viewBox=\"0 0 ", Coordinate(kWidth), " ", Coordinate(height),
                      "\" role=\"img\" aria-label=\"", Html(label), "\">\n");
}

std::string Line(const char* style, double x1, double y1, double x2, double y2) {
  return absl::StrCat("<line class=\"", style, "\" x1=\"", Coordinate(x1), "\" y1=\"",
                      Coordinate(y1), "\" x2=\"", Coordinate(x2), "\" y2=\"", Coordinate(y2),
                      "\"/>\n");
}

std::string Rectangle(const std::string& style, double x, double y, double width, double height) {
  return absl::StrCat("<rect class=\"", style, "\" x=\"", Coordinate(x), "\" y=\"", Coordinate(y),
                      "\" width=\"", Coordinate(std::max(width, 0.0)), "\" height=\"",
                      Coordinate(std::max(height, 0.0)), "\"/>\n");
}

// `anchor`: start, middle or end.
std::string Text(const char* style, double x, double y, const char* anchor,
                 const std::string& text) {
  return absl::StrCat("<text class=\"", style, "\" x=\"", Coordinate(x), "\" y=\"", Coordinate(y),
                      "\" text-anchor=\"", anchor, "\">", Html(text), "</text>\n");
}

// The outline of columns as a path, closed to the base line if it is to be filled.
std::string Outline(const char* style, const std::vector<double>& shares, double top, double base,
                    double most, bool filled) {
  const double step = kInner / static_cast<double>(shares.size());
  std::string path = absl::StrCat("M", Coordinate(kMargin), " ", Coordinate(base));
  for (size_t i = 0; i < shares.size(); ++i) {
    const double height = most > 0 ? std::min(shares[i] / most, 1.0) * (base - top) : 0;
    absl::StrAppend(&path, "V", Coordinate(base - height), "H",
                    Coordinate(kMargin + step * static_cast<double>(i + 1)));
  }
  absl::StrAppend(&path, "V", Coordinate(base), filled ? "Z" : "");
  return absl::StrCat("<path class=\"", style, "\" d=\"", path, "\"/>\n");
}

// The position of a value on the axis of a histogram, if it is on it.
std::optional<double> PlaceOf(const Histogram& drawn, const std::optional<double>& value) {
  if (!value || drawn.by_bin || !(drawn.high > drawn.low)) return std::nullopt;
  if (*value < drawn.low || *value > drawn.high) return std::nullopt;
  return kMargin + kInner * (*value - drawn.low) / (drawn.high - drawn.low);
}

std::string TickTime(int64_t ns, bool with_date) {
  return absl::FormatTime(with_date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", absl::FromUnixNanos(ns),
                          absl::UTCTimeZone());
}

// A straight axis of event time.
struct TimeAxis {
  int64_t low_ns = 0;
  int64_t high_ns = 1;
  double left = kMargin;

  double At(int64_t ns) const {
    const double span = static_cast<double>(std::max<int64_t>(high_ns - low_ns, 1));
    const double share = static_cast<double>(ns - low_ns) / span;
    return left + std::clamp(share, 0.0, 1.0) * (kWidth - kMargin - left);
  }
  std::string Ticks(double y) const {
    constexpr int64_t kDayNs = 86'400'000'000'000;
    const bool days = high_ns - low_ns > kDayNs;
    return Text("tick", left, y, "start", TickTime(low_ns, true)) +
           Text("tick", (left + kWidth - kMargin) / 2, y, "middle",
                TickTime(low_ns + (high_ns - low_ns) / 2, days)) +
           Text("tick", kWidth - kMargin, y, "end", TickTime(high_ns, days));
  }
};

int64_t Ns(const google::protobuf::Timestamp& time) {
  return TimeUtil::TimestampToNanoseconds(time);
}

// When the change began, as a band with a line.
std::string ChangeBand(const v1::TimeEstimate& change, const TimeAxis& axis, double top,
                       double base) {
  if (!change.has_time()) return "";
  std::string out;
  if (change.has_earliest() && change.has_latest()) {
    const double from = axis.At(Ns(change.earliest()));
    out += Rectangle("band", from, top, axis.At(Ns(change.latest())) - from, base - top);
  }
  const double at = axis.At(Ns(change.time()));
  return out + Line("change", at, top, at, base);
}

// Points with a score, as lines that break at points without one, and a dot for each alarm.
std::string ScoreLines(const v1::VerdictSeries& series, const TimeAxis& axis, double base,
                       double height, double most) {
  std::string path;
  std::string dots;
  bool pen_down = false;
  for (const v1::VerdictPoint& point : series.points()) {
    if (!point.has_score() || !std::isfinite(point.score())) {
      pen_down = false;
      continue;
    }
    const double x = axis.At(Ns(point.time()));
    const double y = base - std::clamp(point.score() / most, 0.0, 1.0) * height;
    absl::StrAppend(&path, pen_down ? "L" : "M", Coordinate(x), " ", Coordinate(y));
    pen_down = true;
    if (point.state() != v1::VERDICT_STATE_ALARM) continue;
    absl::StrAppend(&dots, "<circle class=\"alarm\" cx=\"", Coordinate(x), "\" cy=\"",
                    Coordinate(y), "\" r=\"2.5\"/>\n");
  }
  return absl::StrCat("<path class=\"score\" d=\"", path, "\"/>\n", dots);
}

}  // namespace

std::string NumberText(double value) { return absl::StrFormat("%.4g", value); }

std::string HistogramSvg(const SignalView& view) {
  constexpr double kTop = 20;
  constexpr double kBase = 150;
  // A window that piles up in few columns is cut off rather than flattening the reference.
  constexpr double kMostOfReference = 3;
  const Histogram drawn = DrawHistogram(view.bins, kColumns);
  const double reference = *std::max_element(drawn.reference.begin(), drawn.reference.end());
  const double window = *std::max_element(drawn.window.begin(), drawn.window.end());
  double most = std::max(reference, window);
  if (reference > 0) most = std::min(most, kMostOfReference * reference);
  std::string out = Open(kBase + kAxisHeight, "Histogram of " + view.signal);
  out += Outline("reference", drawn.reference, kTop, kBase, most, true);
  out += Outline("window", drawn.window, kTop, kBase, most, true);
  out += Line("axis", kMargin, kBase, kWidth - kMargin, kBase);
  const auto mean = [&](const char* style, const std::optional<double>& value, double y) {
    const std::optional<double> at = PlaceOf(drawn, value);
    if (!at) return std::string();
    const bool left = *at < kWidth / 2;
    return Line(style, *at, kTop, *at, kBase) + Text(style, *at + (left ? 4 : -4), y,
                                                     left ? "start" : "end",
                                                     "mean " + NumberText(*value));
  };
  out += mean("mean-reference", view.reference_mean, kTop - 8);
  out += mean("mean-window", view.window_mean, kTop + 4);
  if (window > most * 1.001) {
    out += Text("tick", kWidth - kMargin, kTop - 8, "end",
                "cut off: up to " + ShareWords(window) + " in one column");
  }
  const double y = kBase + 16;
  out += Text("tick", kMargin, y, "start", (drawn.low_cut ? "≤ " : "") + NumberText(drawn.low));
  if (drawn.by_bin) out += Text("tick", kWidth / 2, y, "middle", "one column for each bin");
  out += Text("tick", kWidth - kMargin, y, "end",
              (drawn.high_cut ? "≥ " : "") + NumberText(drawn.high));
  return out + "</svg>\n";
}

std::string BarsHtml(const std::vector<ShareCell>& cells) {
  double most = 0;
  for (const ShareCell& cell : cells) most = std::max({most, cell.reference, cell.window});
  const auto bar = [&](const char* style, double share) {
    const double width = most > 0 ? 100 * share / most : 0;
    return absl::StrCat(
        "<span class=\"track\"><span class=\"", style, "\" style=\"width:", Coordinate(width),
        "%\"></span></span><span class=\"share\">", Html(ShareWords(share)), "</span>");
  };
  std::string out = "<div class=\"bars\">\n";
  for (const ShareCell& cell : cells) {
    absl::StrAppend(&out, "<span class=\"label\">", Html(cell.label), "</span>",
                    bar("reference", cell.reference), bar("window", cell.window), "\n");
  }
  return out + "</div>\n";
}

std::string VerdictsSvg(const v1::VerdictSeries& series, const v1::TimeEstimate& change) {
  constexpr double kTop = 16;
  constexpr double kBase = 96;
  // Keeps the threshold, and the scores below it, visible.
  constexpr double kMostThresholds = 6;
  double most = 0;
  double threshold = 0;
  int scored = 0;
  for (const v1::VerdictPoint& point : series.points()) {
    if (!point.has_score() || !std::isfinite(point.score())) continue;
    ++scored;
    most = std::max(most, point.score());
    if (point.has_threshold()) threshold = point.threshold();
  }
  if (scored < 2) return "";
  const double highest = most;
  most = std::max(most, threshold) * 1.08;
  if (threshold > 0) most = std::min(most, kMostThresholds * threshold);
  if (!(most > 0)) most = 1;
  const auto& points = series.points();
  const TimeAxis axis{Ns(points.begin()->time()), Ns(points.rbegin()->time())};
  std::string out = Open(kBase + kAxisHeight,
                         absl::StrCat(series.detector(), " of ", series.signal(), " over time"));
  out += ChangeBand(change, axis, kTop, kBase);
  out += Line("axis", kMargin, kBase, kWidth - kMargin, kBase);
  if (threshold > 0) {
    const double y = kBase - threshold / most * (kBase - kTop);
    out += Line("threshold", kMargin, y, kWidth - kMargin, y);
    out += Text("threshold", kMargin, y - 3, "start", "threshold " + NumberText(threshold));
  }
  if (highest > most) {
    out += Text("tick", kWidth - kMargin, kTop - 4, "end", "cut off: up to " + NumberText(highest));
  }
  out += ScoreLines(series, axis, kBase, kBase - kTop, most);
  return out + axis.Ticks(kBase + 16) + "</svg>\n";
}

std::string AlertLanesSvg(const v1::Incident& incident, int64_t end_ns) {
  constexpr int kLanesMax = 12;
  constexpr double kLane = 20;
  constexpr double kNames = 200;
  constexpr size_t kNameMax = 30;
  const int lanes = std::min(incident.alerts_size(), kLanesMax);
  if (lanes == 0) return "";
  TimeAxis axis{Ns(incident.alerts(0).start_time()), end_ns, kNames};
  for (const v1::Alert& alert : incident.alerts()) {
    axis.low_ns = std::min(axis.low_ns, Ns(alert.start_time()));
    axis.high_ns = std::max({axis.high_ns, Ns(alert.resolve_time()), Ns(alert.fire_time())});
  }
  if (incident.change_time().has_earliest()) {
    axis.low_ns = std::min(axis.low_ns, Ns(incident.change_time().earliest()));
  }
  const double base = kLane * lanes + 4;
  std::string out = Open(base + kAxisHeight, "Alerts over event time");
  out += ChangeBand(incident.change_time(), axis, 0, base);
  for (int i = 0; i < lanes; ++i) {
    const v1::Alert& alert = incident.alerts(i);
    const double y = kLane * i + 3;
    const int64_t end = alert.has_resolve_time() ? Ns(alert.resolve_time()) : axis.high_ns;
    const double from = axis.At(Ns(alert.start_time()));
    const bool critical = alert.severity() == v1::SEVERITY_CRITICAL;
    std::string name = AlertName(alert);
    if (name.size() > kNameMax) {
      size_t cut = kNameMax;
      while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xC0) == 0x80) --cut;
      name = name.substr(0, cut) + "…";
    }
    out += Text("lane", 0, y + 11, "start", name);
    out += Rectangle(
        absl::StrCat(alert.has_resolve_time() ? "over " : "", critical ? "critical" : "warning"),
        from, y, std::max(axis.At(end) - from, 3.0), kLane - 6);
  }
  out += Line("axis", kNames, base, kWidth - kMargin, base);
  return out + axis.Ticks(base + 16) + "</svg>\n";
}

}  // namespace faultline
