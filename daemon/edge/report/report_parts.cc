#include "daemon/edge/report/report_parts.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/html.h"
#include "daemon/core/incident/incident_words.h"
#include "daemon/edge/report/incident_sentence.h"
#include "daemon/edge/report/report_figures.h"
#include "daemon/edge/report/report_plot.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

int64_t Ns(const google::protobuf::Timestamp& time) {
  return TimeUtil::TimestampToNanoseconds(time);
}

std::string Paragraph(const char* style, const std::string& html) {
  return html.empty() ? "" : absl::StrCat("<p class=\"", style, "\">", html, "</p>\n");
}

std::string Argument(const v1::Argument& argument, bool supports) {
  return absl::StrCat(
      supports ? "<li>" : "<li class=\"against\">Against it: ", Html(argument.text()), "</li>\n");
}

std::string HypothesisHtml(const v1::Hypothesis& hypothesis) {
  std::string out =
      absl::StrCat("<div class=\"rank\"><div class=\"head\"><h3>", Html(hypothesis.title()),
                   "</h3><span class=\"note\">", Html(ShareWords(hypothesis.share())),
                   " of the weight</span></div>\n<ul>\n");
  for (const v1::Argument& argument : hypothesis.arguments_for()) out += Argument(argument, true);
  for (const v1::Argument& argument : hypothesis.arguments_against()) {
    out += Argument(argument, false);
  }
  out += "</ul>\n";
  if (!hypothesis.next_step().empty()) {
    absl::StrAppend(&out, "<p>Next: ", Html(hypothesis.next_step()), "</p>\n");
  }
  return out + "</div>\n";
}

std::string ScoreHtml(const v1::Verdict& verdict) {
  return verdict.has_score() ? NumberText(verdict.score()) : "–";
}

// "0.34 (0.31 to 0.37)".
std::string EffectHtml(const v1::Verdict& verdict) {
  if (!verdict.has_effect_size()) return "–";
  std::string text = NumberText(verdict.effect_size());
  if (verdict.has_effect_low() && verdict.has_effect_high()) {
    absl::StrAppend(&text, " (", NumberText(verdict.effect_low()), " to ",
                    NumberText(verdict.effect_high()), ")");
  }
  return text;
}

// The reference as it was when the evidence was counted.
std::string NullHtml(const v1::Verdict& verdict) {
  std::string text;
  if (verdict.rows_per_independent_row() > 1) {
    text = NumberText(verdict.rows_per_independent_row()) + " rows count as one";
  }
  if (verdict.season_hours() > 0) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", "by the hour of the ",
                    verdict.season_hours() > 24 ? "week" : "day");
  }
  return text.empty() ? "–" : text;
}

// The evidence of an incident without a bundle.
v1::ContributingSignal SignalOf(const v1::SignalEvidence& evidence) {
  v1::ContributingSignal signal;
  signal.set_signal(evidence.signal());
  return signal;
}

std::string FindingOf(const v1::Incident& incident, const v1::SignalEvidence& evidence) {
  for (const v1::Alert& alert : incident.alerts()) {
    if (alert.signal() == evidence.signal()) return Finding(alert, &evidence);
  }
  return "";
}

std::string UnseenHtml(const v1::Distribution& window) {
  if (window.unseen().empty()) return "";
  std::string text;
  for (const v1::CategoryCount& count : window.unseen()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", Html(count.category()), " (about ",
                    count.count(), ")");
  }
  return Paragraph("note", "Categories that the reference does not have: " + text + ".");
}

std::string PictureHtml(const SignalView& view) {
  constexpr size_t kBarsMax = 12;
  constexpr double kDifferenceMin = 0.001;
  std::string out;
  std::vector<ShareCell> bars = view.special;
  if (!view.bins.empty()) {
    out = HistogramSvg(view);
  } else {
    bars.insert(bars.begin(), view.cells.begin(), view.cells.end());
  }
  SortByDifference(&bars);
  const size_t all = bars.size();
  size_t shown = std::min(all, kBarsMax);
  while (shown > 3 && bars[shown - 1].difference() < kDifferenceMin) --shown;
  bars.resize(shown);
  if (!bars.empty()) out += BarsHtml(bars);
  if (all > shown) {
    out += Paragraph("note", absl::StrCat("And ", all - shown, " that changed less."));
  }
  if (out.empty()) return "";
  const auto rows = [](uint64_t count) {
    return count == 0 ? "" : absl::StrCat(", ", count, " rows");
  };
  return absl::StrCat("<p class=\"key\"><span>reference", rows(view.reference_rows),
                      "</span><span class=\"window\">window", rows(view.window_rows),
                      "</span></p>\n", out);
}

int64_t AlarmsOf(const v1::VerdictSeries& series) {
  return std::count_if(series.points().begin(), series.points().end(),
                       [](const auto& point) { return point.state() == v1::VERDICT_STATE_ALARM; });
}

double PeakOf(const v1::VerdictSeries& series) {
  double peak = 0;
  for (const v1::VerdictPoint& point : series.points()) {
    if (point.threshold() > 0) peak = std::max(peak, point.score() / point.threshold());
  }
  return peak;
}

// The signals in alarm, strongest first; without any, the one nearest to an alarm.
std::string SeriesHtml(const v1::ContributingSignal& signal, const v1::TimeEstimate& change) {
  constexpr int kSeriesMax = 3;
  std::vector<const v1::VerdictSeries*> order;
  for (const v1::VerdictSeries& series : signal.series()) order.push_back(&series);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(AlarmsOf(*a) > 0, PeakOf(*a)) > std::pair(AlarmsOf(*b) > 0, PeakOf(*b));
  });
  std::string out, more, quiet;
  int shown = 0;
  for (const v1::VerdictSeries* series : order) {
    const int64_t alarms = AlarmsOf(*series);
    std::string plot;
    if (shown == 0 || (alarms > 0 && shown < kSeriesMax)) {
      plot = VerdictsSvg(*series, signal.has_change_time() ? signal.change_time() : change);
    }
    if (plot.empty()) {
      std::string* names = alarms > 0 ? &more : &quiet;
      absl::StrAppend(names, names->empty() ? "" : ", ", Html(series->detector()));
      continue;
    }
    ++shown;
    out += Paragraph("note",
                     absl::StrCat(Html(series->detector()), ": ", alarms, " of ",
                                  series->points_size(), " verdicts are alarms",
                                  series->unbudgeted() ? ", held against a fixed threshold" : "")) +
           plot;
  }
  if (!more.empty()) out += Paragraph("note", "In alarm as well: " + more + ".");
  if (!quiet.empty()) out += Paragraph("note", "Not in alarm: " + quiet + ".");
  return out;
}

std::string SignalHtml(const v1::ContributingSignal& signal, const SignalView& view,
                       const std::string& finding, const v1::TimeEstimate& change) {
  std::string out = absl::StrCat("<article><div class=\"head\"><h3>", Html(view.signal),
                                 "</h3><span>", Html(finding), "</span></div>\n");
  return out + PictureHtml(view) + UnseenHtml(signal.at_peak()) + SeriesHtml(signal, change) +
         FiguresHtml(signal) + "</article>\n";
}

std::string EventItem(const v1::IncidentEvent& event) {
  std::string who;
  if (event.has_who() || !event.actor().empty()) {
    const std::string& name = event.who().name().empty() ? event.actor() : event.who().name();
    absl::StrAppend(&who, " <span class=\"note\">– ", name.empty() ? "a person" : Html(name));
    if (!event.who().authenticated()) {
      who += ", as they said";
    } else if (event.who().has_uid()) {
      absl::StrAppend(&who, ", user ", event.who().uid(), " of this machine");
    }
    if (!event.who().claimed_name().empty()) {
      absl::StrAppend(&who, ", who said \"", Html(event.who().claimed_name()), "\"");
    }
    who += "</span>";
  }
  return absl::StrCat("<li><time>", TimeHtml(event.time()), "</time><span>", Html(event.text()),
                      who, "</span></li>\n");
}

bool IsReview(const v1::IncidentEvent& event) {
  if (event.kind() == v1::INCIDENT_EVENT_KIND_UNSPECIFIED) return !event.actor().empty();
  return event.kind() == v1::INCIDENT_EVENT_KIND_REVIEW;
}

}  // namespace

std::string Section(const std::string& title, const std::string& content) {
  if (content.empty()) return "";
  return absl::StrCat("<section>\n<h2>", title, "</h2>\n", content, "</section>\n");
}

std::string Table(const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows) {
  const auto is_number = [&](size_t i) { return head[i].starts_with('#'); };
  std::string out = "<div class=\"scroll\"><table>\n<thead><tr>";
  for (size_t i = 0; i < head.size(); ++i) {
    absl::StrAppend(&out, "<th scope=\"col\"", is_number(i) ? " class=\"number\">" : ">",
                    head[i].substr(is_number(i) ? 1 : 0), "</th>");
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : rows) {
    out += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&out, is_number(i) ? "<td class=\"number\">" : "<td>", row[i], "</td>");
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string TimeHtml(const google::protobuf::Timestamp& time) {
  return Ns(time) == 0 ? "–" : TimeWords(Ns(time));
}

std::string WordsOf(const std::string& name, std::string_view prefix) {
  std::string words = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
  absl::AsciiStrToLower(&words);
  std::replace(words.begin(), words.end(), '_', ' ');
  return words.empty() || words == "unspecified" ? "unknown" : words;
}

std::string HypothesesHtml(const v1::Incident& incident) {
  const v1::Triage& triage = incident.triage();
  if (triage.hypotheses().empty()) return "";
  std::string content = Paragraph("note", CertaintySentence(triage.certainty()));
  for (const v1::Hypothesis& hypothesis : triage.hypotheses()) {
    content += HypothesisHtml(hypothesis);
  }
  return Section("Possible causes", content);
}

std::string AlertsHtml(const v1::Incident& incident, const v1::EvidenceBundle& bundle) {
  constexpr int kAlertsMax = 24;
  if (incident.alerts().empty()) return "";
  int64_t end_ns = Ns(bundle.update_time());
  for (const v1::Alert& alert : incident.alerts()) {
    end_ns = std::max({end_ns, Ns(alert.fire_time()), Ns(alert.resolve_time())});
  }
  std::vector<std::vector<std::string>> rows;
  for (int i = 0; i < std::min(incident.alerts_size(), kAlertsMax); ++i) {
    const v1::Alert& alert = incident.alerts(i);
    const std::string state = WordsOf(v1::AlertState_Name(alert.state()), "ALERT_STATE_");
    const std::string severity = WordsOf(v1::Severity_Name(alert.severity()), "SEVERITY_");
    const bool firing = alert.state() == v1::ALERT_STATE_FIRING;
    rows.push_back({Html(alert.signal()), Html(alert.detector()),
                    absl::StrCat("<span class=\"", firing ? severity : "good", "\">", state,
                                 alert.silenced() ? ", silenced" : "", "</span>"),
                    ScoreHtml(alert.verdict()), ScoreHtml(alert.peak()),
                    alert.verdict().has_threshold() ? NumberText(alert.verdict().threshold()) : "–",
                    EffectHtml(alert.verdict()), absl::StrCat(alert.verdict().rows()),
                    NullHtml(alert.verdict())});
  }
  std::string content = AlertLanesSvg(incident, end_ns) +
                        Table({"signal", "detector", "state", "#score", "#at its worst",
                               "#threshold", "#effect", "#rows", "taken into account"},
                              rows);
  const auto total = static_cast<int>(incident.alerts_total());
  if (total > kAlertsMax || incident.alerts_size() > kAlertsMax) {
    content += Paragraph("note", absl::StrCat("The strongest ", rows.size(), " of ",
                                              std::max(total, incident.alerts_size()), "."));
  }
  return Section("Alerts", content);
}

std::string SignalsHtml(const v1::Incident& incident, const v1::EvidenceBundle& bundle) {
  std::string content;
  std::vector<const v1::ContributingSignal*> order;
  for (const v1::ContributingSignal& signal : bundle.signals()) order.push_back(&signal);
  // Evidence for the likeliest cause comes first.
  std::stable_partition(order.begin(), order.end(), [&](const v1::ContributingSignal* signal) {
    if (incident.triage().hypotheses().empty()) return false;
    const auto& reasons = incident.triage().hypotheses(0).arguments_for();
    return std::any_of(reasons.begin(), reasons.end(), [&](const v1::Argument& argument) {
      return argument.signal() == signal->signal();
    });
  });
  for (const v1::ContributingSignal* signal : order) {
    const v1::Distribution& window =
        signal->at_peak().rows() > 0 ? signal->at_peak() : signal->at_open();
    content += SignalHtml(*signal, ViewOf(signal->signal(), signal->reference(), window),
                          signal->finding(), bundle.change_time());
  }
  if (bundle.signals().empty()) {
    for (const v1::SignalEvidence& evidence : incident.evidence()) {
      content +=
          SignalHtml(SignalOf(evidence), ViewOf(evidence), FindingOf(incident, evidence), {});
    }
  }
  if (bundle.signals_left_out() > 0) {
    content += Paragraph(
        "note", absl::StrCat("And ", bundle.signals_left_out(), " more signals with alerts."));
  }
  return Section("Reference against window", content);
}

std::string SlicesHtml(const v1::EvidenceBundle& bundle) {
  if (bundle.slices().empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const v1::ContributingSlice& slice : bundle.slices()) {
    rows.push_back({Html(slice.slice()), ShareWords(slice.reference_share()),
                    ShareWords(slice.window_share()), Html(slice.finding())});
  }
  return Section(
      "Affected slices",
      Table({"slice", "#share of the reference", "#share of the window", "finding"}, rows));
}

std::string ExamplesHtml(const v1::EvidenceBundle& bundle) {
  if (bundle.examples().empty()) {
    const std::string why = Html(bundle.examples_missing());
    return why.empty() ? "" : Section("Example events", Paragraph("note", why));
  }
  std::vector<std::vector<std::string>> rows;
  for (const v1::ExampleEvent& example : bundle.examples()) {
    std::string values;
    for (const v1::ExampleValue& value : example.values()) {
      absl::StrAppend(&values, values.empty() ? "" : ", ", Html(value.name()), " = ",
                      Html(value.value()));
    }
    if (example.columns_left_out() > 0) {
      absl::StrAppend(&values, ", and ", example.columns_left_out(), " more");
    }
    rows.push_back({WordsOf(v1::ExampleKind_Name(example.kind()), "EXAMPLE_KIND_"),
                    Html(example.signal()), TimeHtml(example.time()),
                    example.prediction_id().empty()
                        ? "–"
                        : absl::StrCat("<code>", Html(example.prediction_id()), "</code>"),
                    values});
  }
  std::string content = Table({"why", "for", "time", "prediction id", "values"}, rows);
  if (!bundle.prediction_ids().empty()) {
    absl::StrAppend(&content, "<details><summary>", bundle.prediction_ids_size(),
                    " prediction ids of the window</summary><p>");
    for (const std::string& id : bundle.prediction_ids()) {
      absl::StrAppend(&content, "<code>", Html(id), "</code> ");
    }
    content += "</p></details>\n";
  }
  return Section("Example events", content);
}

std::string TimelineHtml(const v1::Incident& incident) {
  constexpr int kFirst = 12;
  constexpr int kLast = 12;
  std::vector<const v1::IncidentEvent*> events;
  for (const v1::IncidentEvent& event : incident.timeline()) {
    if (!IsReview(event)) events.push_back(&event);
  }
  if (events.empty()) return "";
  const auto items = [&](size_t from, size_t to) {
    std::string out = "<ol class=\"events\">\n";
    for (size_t i = from; i < to; ++i) out += EventItem(*events[i]);
    return out + "</ol>\n";
  };
  if (events.size() <= kFirst + kLast + 3) return Section("Timeline", items(0, events.size()));
  const size_t last = events.size() - kLast;
  return Section("Timeline", absl::StrCat(items(0, kFirst), "<details><summary>", last - kFirst,
                                          " entries between</summary>\n", items(kFirst, last),
                                          "</details>\n", items(last, events.size())));
}

std::string ReviewHtml(const v1::Incident& incident) {
  std::string items;
  for (const v1::IncidentEvent& event : incident.timeline()) {
    if (IsReview(event)) items += EventItem(event);
  }
  if (items.empty()) return Section("Review", Paragraph("note", "Not reviewed yet."));
  return Section("Review", "<ol class=\"events\">\n" + items + "</ol>\n");
}

std::string PromiseHtml(const v1::Incident& incident, const v1::EvidenceBundle& bundle) {
  std::string promise = Html(bundle.promise());
  if (promise.empty() && incident.test()) promise = "This is a test: nothing is wrong.";
  if (promise.empty() && incident.unbudgeted()) {
    const bool all =
        std::all_of(incident.alerts().begin(), incident.alerts().end(),
                    [](const v1::Alert& alert) { return alert.verdict().unbudgeted(); });
    promise = all ? "Nothing. Fixed thresholds raised it; they promise nothing about how often "
                    "they are wrong."
                  : "Fixed thresholds raised some of its alerts; they promise nothing about "
                    "how often they are wrong. The others are on the model's alarm budget.";
  } else if (promise.empty() && !incident.alerts().empty()) {
    promise =
        "Its alerts are on the model's alarm budget: while nothing changes, all signals and "
        "detectors of the model together raise on average no more false alarms than the budget "
        "grants, however often one looks.";
  }
  return Section("Guarantee on false alarms", Paragraph("promise", promise));
}

std::string VersionsHtml(const v1::EvidenceBundle& bundle) {
  const v1::BundleVersions& versions = bundle.versions();
  if (versions.daemon().empty() && versions.config_digest().empty()) return "";
  std::string detectors;
  for (const v1::DetectorVersion& detector : versions.detectors()) {
    absl::StrAppend(&detectors, detectors.empty() ? "" : ", ", Html(detector.detector()), " ",
                    detector.version());
  }
  const auto fact = [](const char* name, const std::string& html) {
    return html.empty() ? "" : absl::StrCat("<dt>", name, "</dt><dd>", html, "</dd>\n");
  };
  return Section(
      "Settings in force",
      absl::StrCat(
          "<dl>\n", fact("Daemon", Html(versions.daemon())),
          fact("Settings", versions.config_digest().empty()
                               ? ""
                               : "digest <code>" + Html(versions.config_digest()) + "</code>"),
          fact("Detectors", detectors), fact("Frozen", TimeHtml(bundle.freeze_time())),
          fact("Kept for replay", absl::StrCat(bundle.panes_kept(), " panes")), "</dl>\n"));
}

}  // namespace faultline
