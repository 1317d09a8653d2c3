#include "daemon/cli/backtest/backtest_report.h"

#include <absl/strings/str_cat.h>

#include <boost/json/array.hpp>
#include <cmath>

#include "base/html.h"
#include "detectors/stats/scoring.h"

namespace faultline::cli {
namespace {

std::string DelayText(const BacktestScore& score) {
  std::string text;
  for (const uint64_t delay : score.delays) {
    absl::StrAppend(&text, text.empty() ? "" : " ",
                    delay == BacktestScore::kMissed ? "-" : absl::StrCat(delay));
  }
  return text;
}

BacktestScore ScoreOf(const BacktestReport& report, const BacktestRule& rule) {
  return ScoreAlarms(rule.alarms, report.changes, report.span, report.horizon);
}

boost::json::value NumberOrNull(double number) {
  return std::isfinite(number) ? boost::json::value(number) : boost::json::value(nullptr);
}

// As if the changes were what one annotator of the streamed rows says.
void AddFieldScores(const BacktestReport& report, const BacktestRule& rule,
                    boost::json::object* out) {
  if (report.changes.empty()) return;
  std::vector<std::vector<uint64_t>> annotators(1);
  for (const uint64_t row : report.changes) annotators[0].push_back(row - report.span.begin);
  std::vector<uint64_t> found;
  for (const BacktestAlarm& alarm : rule.alarms) found.push_back(alarm.row - report.span.begin);
  const uint64_t rows = report.span.end - report.span.begin;
  (*out)["f1"] = NumberOrNull(ChangePointF1(annotators, found));
  (*out)["cover"] = NumberOrNull(ChangePointCover(annotators, found, rows));
}

std::string HorizonText(const BacktestReport& report) {
  if (report.horizon == BacktestReport::kToNextChange) {
    return "An alarm before the first change is false.";
  }
  return absl::StrCat("An alarm more than ", report.horizon,
                      " rows after the newest change is false.");
}

constexpr double kWidth = 600;
constexpr size_t kTicksMax = 2'000;

double Place(const BacktestReport& report, uint64_t row) {
  const auto rows = static_cast<double>(report.span.end - report.span.begin);
  return kWidth * static_cast<double>(row - report.span.begin) / (rows > 0 ? rows : 1);
}

std::string Lane(const BacktestReport& report, const BacktestRule& rule) {
  std::string svg = absl::StrCat("<svg width=\"", kWidth, "\" height=\"18\" role=\"img\">");
  const auto line = [&](uint64_t row, const char* style) {
    const std::string x = Short(Place(report, row));
    absl::StrAppend(&svg, "<line x1=\"", x, "\" x2=\"", x, "\" y1=\"1\" y2=\"17\" class=\"", style,
                    "\"><title>row ", row, "</title></line>");
  };
  for (const uint64_t change : report.changes) line(change, "c");
  // More than this many cannot be told apart.
  const size_t step = rule.alarms.size() / kTicksMax + 1;
  for (size_t i = 0; i < rule.alarms.size(); i += step) line(rule.alarms[i].row, "a");
  return svg + "</svg>";
}

constexpr const char* kHead =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Backtest</title>"
    "<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}"
    "td,th{padding:2px 10px;text-align:left;border-bottom:1px solid #ddd}"
    "svg{background:#f4f4f4}.c{stroke:#888;stroke-width:3}.a{stroke:#c22}</style></head><body>\n";

}  // namespace

std::string BacktestText(const BacktestReport& report, const Style& style) {
  const uint64_t rows = report.span.end - report.span.begin;
  std::string text = absl::StrCat(
      "backtest of ", Printable(report.model), ": ", Grouped(rows), " rows in ",
      Short(report.seconds), " s (",
      Grouped(static_cast<uint64_t>(static_cast<double>(rows) / std::max(report.seconds, 1e-3))),
      " rows/s), ", report.changes.size(), " change points\n");
  Grid grid({"detector", "run", "alarms", "false", "per M", "missed", "delay"}, 6);
  std::string scores;
  for (const BacktestRule& rule : report.rules) {
    if (!rule.armed) {
      if (scores.find(rule.name) == std::string::npos) absl::StrAppend(&scores, " ", rule.name);
      continue;
    }
    const BacktestScore score = ScoreOf(report, rule);
    grid.Add({rule.name, rule.run, absl::StrCat(score.alarms), absl::StrCat(score.false_alarms),
              Short(score.false_per_million()), absl::StrCat(score.missed),
              std::isfinite(score.mean_delay()) ? Short(score.mean_delay()) : "-"});
  }
  text += grid.Text(style) + HorizonText(report) +
          " Per million rows of no change; delays are means, in rows.\n";
  if (!scores.empty()) {
    absl::StrAppend(&text, "Without a threshold, so never an alarm:", scores, "\n");
  }
  return text;
}

boost::json::object BacktestJson(const BacktestReport& report) {
  boost::json::object out;
  out["model"] = report.model;
  out["first_row"] = report.span.begin;
  out["rows"] = report.span.end - report.span.begin;
  if (report.horizon != BacktestReport::kToNextChange) out["horizon_rows"] = report.horizon;
  out["seconds"] = report.seconds;
  out["changes"] = boost::json::array(report.changes.begin(), report.changes.end());
  boost::json::array& rules = out["rules"].emplace_array();
  for (const BacktestRule& rule : report.rules) {
    const BacktestScore score = ScoreOf(report, rule);
    boost::json::object one;
    one["detector"] = rule.name;
    one["run"] = rule.run;
    one["unbudgeted"] = rule.unbudgeted;
    one["has_threshold"] = rule.armed;
    one["false_alarms"] = score.false_alarms;
    one["quiet_rows"] = score.quiet_rows;
    one["false_alarms_per_million"] = NumberOrNull(score.false_per_million());
    one["missed"] = score.missed;
    one["mean_delay"] = NumberOrNull(score.mean_delay());
    one["mean_time_ratio"] = NumberOrNull(score.mean_time_ratio());
    AddFieldScores(report, rule, &one);
    boost::json::array& delays = one["delays"].emplace_array();
    for (const uint64_t delay : score.delays) {
      delays.push_back(delay == BacktestScore::kMissed ? boost::json::value(nullptr)
                                                       : boost::json::value(delay));
    }
    boost::json::array& alarms = one["alarms"].emplace_array();
    for (const BacktestAlarm& alarm : rule.alarms) {
      boost::json::object shown = {{"row", alarm.row}, {"signal", Printable(alarm.signal)}};
      if (alarm.fire_ns != 0) shown["fire_unix_nano"] = alarm.fire_ns;
      alarms.push_back(std::move(shown));
    }
    rules.push_back(std::move(one));
  }
  return out;
}

std::string BacktestHtml(const BacktestReport& report) {
  std::string page = kHead;
  absl::StrAppend(&page, "<h1>Backtest of ", Html(report.model), "</h1><p>Rows ", report.span.begin,
                  " to ", report.span.end, ". Grey: given changes; red: alarms. ",
                  HorizonText(report),
                  "</p><table><tr><th>detector<th>run<th>alarms<th>false<th>false per million rows"
                  "<th>missed<th>delays<th></tr>\n");
  for (const BacktestRule& rule : report.rules) {
    const BacktestScore score = ScoreOf(report, rule);
    absl::StrAppend(&page, "<tr><td>", Html(rule.name), "<td>", Html(rule.run), "<td>",
                    score.alarms, "<td>", score.false_alarms, "<td>",
                    Short(score.false_per_million()), "<td>", score.missed, "<td>",
                    DelayText(score), "<td>", Lane(report, rule), "</tr>\n");
  }
  return page + "</table></body></html>\n";
}

}  // namespace faultline::cli
