#include "daemon/edge/report/report.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <string_view>

#include "base/html.h"
#include "daemon/edge/report/incident_sentence.h"
#include "daemon/edge/report/report_parts.h"
#include "daemon/edge/report/report_style.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

std::string Page(const std::string& title, const std::string& body) {
  return absl::StrCat(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n<title>",
      Html(title), "</title>\n<style>", std::string(kReportStyle), "</style>\n</head>\n<body>\n",
      body, "</body>\n</html>\n");
}

std::string ModelHtml(const v1::Incident& incident) {
  std::string text = incident.model();
  if (!incident.version().empty()) absl::StrAppend(&text, " ", incident.version());
  if (!incident.subject().empty()) absl::StrAppend(&text, ", ", incident.subject());
  return Html(text);
}

std::string Badges(const v1::Incident& incident) {
  const auto badge = [](const std::string& word) {
    return absl::StrCat("<span class=\"badge ", word, "\">", word, "</span>");
  };
  return absl::StrCat("<p class=\"badges\">",
                      badge(WordsOf(v1::IncidentState_Name(incident.state()), "INCIDENT_STATE_")),
                      badge(WordsOf(v1::Severity_Name(incident.severity()), "SEVERITY_")), "<span>",
                      WordsOf(v1::FailureMode_Name(incident.failure_mode()), "FAILURE_MODE_"),
                      "</span><span>", ModelHtml(incident), "</span>",
                      incident.test() ? "<span>a test</span>" : "", "</p>\n");
}

std::string Fact(const char* name, const std::string& html) {
  return html.empty() ? "" : absl::StrCat("<dt>", name, "</dt><dd>", html, "</dd>\n");
}

// "3 min 20 s".
std::string SpanText(int64_t ns) {
  const int64_t seconds = std::max<int64_t>(ns / 1'000'000'000, 0);
  if (seconds < 60) return absl::StrCat(seconds, " s");
  if (seconds < 3'600) return absl::StrCat(seconds / 60, " min ", seconds % 60, " s");
  if (seconds < 86'400) return absl::StrCat(seconds / 3'600, " h ", seconds / 60 % 60, " min");
  return absl::StrCat(seconds / 86'400, " d ", seconds / 3'600 % 24, " h");
}

std::string BeganHtml(const v1::Incident& incident) {
  const v1::TimeEstimate& change = incident.change_time();
  std::string text = TimeHtml(BeganTime(incident));
  if (change.has_earliest() && change.has_latest()) {
    absl::StrAppend(&text, ", between ", TimeHtml(change.earliest()), " and ",
                    TimeHtml(change.latest()));
  }
  return text + " (event time)";
}

std::string LabelsHtml(const v1::Incident& incident) {
  std::vector<std::string> labels;
  for (const auto& [name, value] : incident.labels())
    labels.push_back(Html(absl::StrCat(name, " = ", value)));
  std::sort(labels.begin(), labels.end());
  std::string text;
  for (const std::string& label : labels) absl::StrAppend(&text, text.empty() ? "" : ", ", label);
  return text;
}

std::string Facts(const v1::Incident& incident, const v1::EvidenceBundle& bundle) {
  std::string out = "<dl>\n";
  out += Fact("Model", ModelHtml(incident));
  out += Fact("Began", BeganHtml(incident));
  const std::string basis = incident.change_time().basis().empty() ? bundle.change_time().basis()
                                                                   : incident.change_time().basis();
  out += Fact("Known from", Html(basis));
  out += Fact("Opened", TimeHtml(incident.open_time()));
  if (incident.has_resolve_time()) {
    const int64_t open_ns = TimeUtil::TimestampToNanoseconds(incident.open_time());
    const int64_t over_ns = TimeUtil::TimestampToNanoseconds(incident.resolve_time());
    out += Fact("Resolved", absl::StrCat(TimeHtml(incident.resolve_time()), ", after ",
                                         SpanText(over_ns - open_ns)));
  }
  if (incident.has_suppressed_until()) {
    out += Fact("Suppressed until", TimeHtml(incident.suppressed_until()));
  }
  out += Fact("Owner", LabelsHtml(incident));
  if (!incident.runbook_url().empty()) {
    out += Fact("Runbook", HtmlLink(incident.runbook_url(), incident.runbook_url()));
  }
  out += Fact("Incident", absl::StrCat("<code>", Html(incident.id()), "</code>"));
  return out + "</dl>\n";
}

std::string Sentence(const v1::Incident& incident) {
  const std::string sentence = WholeSentence(incident);
  return sentence.empty() ? "Nothing is known yet" : Html(sentence);
}

std::string ListItem(const v1::Incident& incident, const std::string& list_url) {
  return absl::StrCat("<li><a href=\"", Html(list_url), "/", Html(incident.id()), "\">",
                      Badges(incident), "<span class=\"what\">", Html(Headline(incident)),
                      "</span><span class=\"note\">opened ", TimeHtml(incident.open_time()), " · ",
                      Html(incident.id()), "</span></a></li>\n");
}

}  // namespace

std::string ReportPage(const v1::Incident& incident, const v1::EvidenceBundle& bundle,
                       const std::string& list_url) {
  std::string body = "<header>\n";
  if (!list_url.empty()) {
    absl::StrAppend(&body, "<p class=\"crumb\"><a href=\"", Html(list_url),
                    "\">All incidents</a></p>\n");
  }
  body += Badges(incident);
  absl::StrAppend(&body, "<h1>", Sentence(incident), "</h1>\n", Facts(incident, bundle),
                  "</header>\n<main>\n");
  body += HypothesesHtml(incident);
  body += AlertsHtml(incident, bundle);
  body += SignalsHtml(incident, bundle);
  body += SlicesHtml(bundle);
  body += ExamplesHtml(bundle);
  body += TimelineHtml(incident);
  body += ReviewHtml(incident);
  body += PromiseHtml(incident, bundle);
  body += VersionsHtml(bundle);
  absl::StrAppend(&body, "</main>\n<footer>Faultline incident ", Html(incident.id()),
                  ". Times are UTC.</footer>\n");
  return Page(absl::StrCat("Incident ", incident.id(), ": ", incident.model()), body);
}

std::string ReportListPage(const ReportList& list) {
  std::string body = "<header>\n";
  if (!list.model.empty()) {
    absl::StrAppend(&body, "<p class=\"crumb\"><a href=\"", Html(list.list_url),
                    "\">All incidents</a></p>\n");
  }
  absl::StrAppend(&body, "<h1>Incidents", list.model.empty() ? "" : " of " + Html(list.model),
                  "</h1>\n</header>\n");
  if (list.incidents.empty()) body += "<p class=\"note\">No incidents.</p>\n";
  body += "<ul class=\"list\">\n";
  for (const v1::Incident& incident : list.incidents) body += ListItem(incident, list.list_url);
  body += "</ul>\n";
  if (!list.older_url.empty()) {
    absl::StrAppend(&body, "<p><a href=\"", Html(list.older_url), "\">Older ones</a></p>\n");
  }
  return Page("Faultline incidents", body);
}

}  // namespace faultline
