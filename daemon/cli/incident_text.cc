#include "daemon/cli/incident_text.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/cli/client.h"
#include "daemon/cli/plot.h"

namespace faultline::cli {
namespace {

// From here on a list says how bad each incident is, and of what kind.
constexpr size_t kWide = 110;

std::string StateWord(v1::IncidentState state) {
  return EnumWords(v1::IncidentState_Name(state), "INCIDENT_STATE_");
}
std::string SeverityWord(v1::Severity severity) {
  return EnumWords(v1::Severity_Name(severity), "SEVERITY_");
}
std::string ModeWords(v1::FailureMode mode) {
  return EnumWords(v1::FailureMode_Name(mode), "FAILURE_MODE_");
}

std::optional<Colour> ColourOf(v1::Severity severity) {
  if (severity == v1::SEVERITY_CRITICAL) return Colour::kRed;
  if (severity == v1::SEVERITY_WARNING) return Colour::kYellow;
  return std::nullopt;
}

std::optional<Colour> ColourOf(v1::IncidentState state) {
  if (state == v1::INCIDENT_STATE_OPEN) return Colour::kRed;
  if (state == v1::INCIDENT_STATE_ACKNOWLEDGED) return Colour::kYellow;
  return Colour::kGreen;
}

std::optional<Colour> ColourOf(v1::AlertState state) {
  if (state == v1::ALERT_STATE_FIRING) return Colour::kRed;
  if (state == v1::ALERT_STATE_PENDING) return Colour::kYellow;
  return Colour::kGreen;
}

std::string PaintIf(const Style& style, std::optional<Colour> colour, const std::string& text) {
  return colour ? Paint(style, *colour, text) : text;
}

std::string Field(const char* name, const std::string& value, const Style& style) {
  if (value.empty()) return "";
  constexpr size_t kNameWidth = 12;
  return absl::StrCat("  ", Paint(style, Colour::kDim, Fit(name, kNameWidth)),
                      Cut(Printable(value), style.width - kNameWidth - 2), "\n");
}

std::string Section(const std::string& title, const Style& style) {
  return absl::StrCat("\n", Paint(style, Colour::kBold, title), "\n");
}

std::string LabelsText(const v1::Incident& incident) {
  std::vector<std::string> labels;
  for (const auto& [name, value] : incident.labels()) {
    labels.push_back(absl::StrCat(name, "=", value));
  }
  std::sort(labels.begin(), labels.end());
  std::string text;
  for (const std::string& label : labels) absl::StrAppend(&text, text.empty() ? "" : ", ", label);
  return text;
}

// Its part of the alarm budget, and how far its evidence got.
std::string BudgetText(const v1::Alert& alert) {
  const v1::Verdict& peak = alert.peak();
  if (!peak.has_budget_share()) return "";
  std::string text = absl::StrCat(alert.detector(), " has ", ShareText(peak.budget_share()),
                                  " of the alarm budget");
  if (peak.has_evidence_ratio()) {
    absl::StrAppend(&text, "; its evidence was ", Short(peak.evidence_ratio()),
                    " times what is an alarm");
  }
  return text;
}

std::string AlertsText(const v1::Incident& incident, const Style& style) {
  if (incident.alerts().empty()) return "";
  std::string title = "Alerts";
  if (incident.alerts_total() > static_cast<uint32_t>(incident.alerts_size())) {
    absl::StrAppend(&title, " (", incident.alerts_size(), " of ", incident.alerts_total(), ")");
  }
  Grid grid({"  signal", "detector", "state", "now", "peak", "rows", "since"});
  std::string details;
  for (const v1::Alert& alert : incident.alerts()) {
    const std::string state = EnumWords(v1::AlertState_Name(alert.state()), "ALERT_STATE_");
    grid.Add({"  " + Printable(alert.signal()),
              Printable(alert.detector()),
              {state + (alert.silenced() ? ", silenced" : ""), ColourOf(alert.state())},
              ScoreText(alert.verdict()),
              alert.peak().has_score() ? Short(alert.peak().score()) : "-",
              Grouped(alert.verdict().rows()),
              TimeText(ToNs(alert.start_time()))});
    for (const std::string& detail : {alert.verdict().detail(), BudgetText(alert)}) {
      if (detail.empty()) continue;
      details += Wrap(Printable(alert.signal() + ": " + detail), style.width, "  ");
    }
  }
  return Section(title, style) + grid.Text(style) + details;
}

std::string TimelineText(const v1::Incident& incident, const Style& style) {
  if (incident.timeline().empty()) return "";
  std::string out = Section("Timeline", style);
  for (const v1::IncidentEvent& event : incident.timeline()) {
    std::string text = Printable(event.text());
    if (!event.actor().empty()) absl::StrAppend(&text, " (", Printable(event.actor()), ")");
    const std::string time = TimeText(ToNs(event.time()));
    const std::string indent(time.size() + 4, ' ');
    std::string lines = Wrap(text, style.width, indent);
    lines.replace(0, indent.size(), "  " + Paint(style, Colour::kDim, time) + "  ");
    out += lines;
  }
  return out;
}

}  // namespace

std::string EnumWords(const std::string& name, const char* prefix) {
  std::string words = name.starts_with(prefix) ? name.substr(std::strlen(prefix)) : name;
  if (words.empty()) return "unknown";
  absl::AsciiStrToLower(&words);
  std::replace(words.begin(), words.end(), '_', ' ');
  return words == "unspecified" ? "unknown" : words;
}

std::string ModelText(const std::string& name, const std::string& version) {
  return version.empty() ? Printable(name) : Printable(name) + " " + Printable(version);
}

std::string ScoreText(const v1::Verdict& verdict) {
  const std::string score = verdict.has_score() ? Short(verdict.score()) : "-";
  return verdict.has_threshold() ? score + " / " + Short(verdict.threshold()) : score;
}

std::string ShareText(double share) { return Short(100 * share) + " %"; }

std::string ListText(const v1::ListIncidentsResponse& incidents, const Style& style) {
  if (incidents.incidents().empty()) return "No incidents.\n";
  const bool wide = style.width >= kWide;
  std::vector<Cell> header = {"id", "state", "model", "began"};
  if (wide) header.insert(header.end(), {"severity", "failure mode"});
  header.emplace_back("summary");
  Grid grid(std::move(header), /*whole=*/1);
  for (const v1::Incident& incident : incidents.incidents()) {
    std::vector<Cell> row = {Printable(incident.id()),
                             {StateWord(incident.state()), ColourOf(incident.state())},
                             ModelText(incident.model(), incident.version()),
                             TimeText(ToNs(incident.start_time()))};
    if (wide) {
      row.emplace_back(SeverityWord(incident.severity()), ColourOf(incident.severity()));
      row.emplace_back(ModeWords(incident.failure_mode()));
    }
    row.emplace_back(Printable(incident.summary()));
    grid.Add(std::move(row));
  }
  return grid.Text(style);
}

std::string IncidentText(const v1::Incident& incident, const Style& style) {
  std::string out = absl::StrCat(
      Paint(style, Colour::kBold, "Incident " + Printable(incident.id())), "  ",
      PaintIf(style, ColourOf(incident.state()), StateWord(incident.state())), "  ",
      PaintIf(style, ColourOf(incident.severity()), SeverityWord(incident.severity())), "  ",
      ModeWords(incident.failure_mode()), incident.test() ? "  (test)" : "", "\n");
  out += Wrap(Printable(incident.summary()), style.width, "  ");
  out += "\n";
  out += Field("model", ModelText(incident.model(), incident.version()), style);
  out += Field("began", TimeText(ToNs(incident.start_time())) + " (event time)", style);
  out += Field("opened", TimeText(ToNs(incident.open_time())), style);
  if (incident.has_resolve_time()) {
    out += Field("resolved", TimeText(ToNs(incident.resolve_time())), style);
  }
  out += Field("owner", LabelsText(incident), style);
  out += Field("runbook", incident.runbook_url(), style);
  if (incident.unbudgeted()) {
    out += Field("unbudgeted", "raised by fixed thresholds: no promise about false alarms", style);
  }
  out += AlertsText(incident, style);
  if (!incident.evidence().empty()) {
    out += Section("Reference against window", style);
    for (const v1::SignalEvidence& evidence : incident.evidence()) {
      out += PlotSignal(ViewOf(evidence), style);
    }
  }
  return out + TimelineText(incident, style);
}

std::string ChangeText(const v1::WatchIncidentsResponse& change, const Style& style) {
  const v1::Incident& incident = change.incident();
  const std::string head = absl::StrCat(
      Printable(incident.id()), "  ",
      PaintIf(style, ColourOf(incident.state()), Fit(StateWord(incident.state()), 12)), "  ");
  std::string text =
      ModelText(incident.model(), incident.version()) + ": " + Printable(change.change());
  if (!incident.summary().empty()) text += "; " + Printable(incident.summary());
  const size_t used = DisplayWidth(Printable(incident.id())) + 16;
  const size_t room = style.width > used + 20 ? style.width - used : 20;
  return head + Cut(text, room) + "\n";
}

}  // namespace faultline::cli
