#include "daemon/cli/console/incident_text.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/cli/console/plot.h"
#include "daemon/client/messages.h"
#include "daemon/core/incident/incident_words.h"
#include "daemon/edge/report/incident_sentence.h"

namespace faultline::cli {
namespace {

// From this width on a list shows severity and kind.
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

// Text with a dim word before its first line; the others begin below the text.
std::string Entry(const std::string& indent, const std::string& word, const std::string& text,
                  const Style& style) {
  const std::string below(indent.size() + word.size(), ' ');
  std::string lines = Wrap(text, style.width, below);
  if (!lines.empty()) lines.replace(0, below.size(), indent + Paint(style, Colour::kDim, word));
  return lines;
}

// When the change began, as precisely as it is known.
std::string BeganText(const v1::Incident& incident, const Style& style) {
  const v1::TimeEstimate& change = incident.change_time();
  const std::string began = TimeText(ToNs(BeganTime(incident)));
  if (!change.has_time()) return Field("began", began + " (event time)", style);
  std::string out = Field("began", began + " (event time, estimated)", style);
  if (change.has_earliest() && change.has_latest()) {
    out += Field("earliest", TimeText(ToNs(change.earliest())), style);
    out += Field("latest", TimeText(ToNs(change.latest())), style);
  }
  return out + Field("known from", change.basis(), style);
}

// The causes ranked by the triage, each with the evidence for and against it and the next step.
std::string CausesText(const v1::Incident& incident, const Style& style) {
  constexpr int kArgumentsMax = 3;
  constexpr const char* kIndent = "     ";
  const v1::Triage& triage = incident.triage();
  if (triage.sentence().empty() && triage.hypotheses().empty()) return "";
  std::string out = Section("Possible causes", style);
  if (triage.hypotheses().empty()) {
    return out + Wrap("No known cause fits. Next: read the evidence.", style.width, "  ");
  }
  out += Wrap(CertaintySentence(triage.certainty()), style.width, "  ");
  for (int i = 0; i < triage.hypotheses_size(); ++i) {
    const v1::Hypothesis& cause = triage.hypotheses(i);
    const auto say = [&](const char* word, const std::string& text) {
      out += Entry(kIndent, word, Printable(text), style);
    };
    out += Entry(
        "  ", absl::StrCat(i + 1, ". "),
        absl::StrCat(Printable(cause.title()), " (", ShareWords(cause.share()), " of the weight)"),
        style);
    for (int a = 0; a < std::min(kArgumentsMax, cause.arguments_for_size()); ++a) {
      say("for      ", cause.arguments_for(a).text());
    }
    for (int a = 0; a < std::min(kArgumentsMax, cause.arguments_against_size()); ++a) {
      say("against  ", cause.arguments_against(a).text());
    }
    say("next     ", cause.next_step());
  }
  return out;
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
              TimeCell(ToNs(alert.start_time()))});
    for (const std::string& detail : {alert.verdict().detail(), BudgetText(alert)}) {
      if (detail.empty()) continue;
      details += Wrap(Printable(alert.signal() + ": " + detail), style.width, "  ");
    }
  }
  return Section(title, style) + grid.Text(style) + details;
}

// A name that the operating system did not verify is marked, so that it cannot pass for an account,
// the daemon or the configuration.
std::string ActorText(const v1::IncidentEvent& event) {
  const v1::Actor& who = event.who();
  std::string name = Printable(event.actor());
  if (!event.has_who() || who.kind() != v1::ACTOR_KIND_PERSON) return name;
  if (!who.authenticated()) return name + ", unauthenticated";
  return who.claimed_name().empty() ? name : name + ", as " + Printable(who.claimed_name());
}

std::string TimelineText(const v1::Incident& incident, const Style& style) {
  if (incident.timeline().empty()) return "";
  std::string out = Section("Timeline", style);
  for (const v1::IncidentEvent& event : incident.timeline()) {
    std::string text = Printable(event.text());
    if (!event.actor().empty()) absl::StrAppend(&text, " (", ActorText(event), ")");
    out += Entry("  ", TimeText(ToNs(event.time())) + "  ", text, style);
  }
  return out;
}

// The model, with the subject if it is not the rows of inference.
std::string ModelAndSubject(const v1::Incident& incident) {
  const std::string model = ModelText(incident.model(), incident.version());
  return incident.subject().empty() ? model : model + ", " + Printable(incident.subject());
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
                             ModelAndSubject(incident),
                             TimeCell(ToNs(BeganTime(incident)))};
    if (wide) {
      row.emplace_back(SeverityWord(incident.severity()), ColourOf(incident.severity()));
      row.emplace_back(ModeWords(incident.failure_mode()));
    }
    row.emplace_back(Printable(TimelessHeadline(incident)));
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
  out += Wrap(Printable(Headline(incident)), style.width, "  ");
  out += "\n";
  out += Field("model", ModelAndSubject(incident), style);
  out += BeganText(incident, style);
  out += Field("opened", TimeText(ToNs(incident.open_time())), style);
  if (incident.has_resolve_time()) {
    out += Field("resolved", TimeText(ToNs(incident.resolve_time())), style);
  }
  out += Field("owner", LabelsText(incident), style);
  out += Field("runbook", incident.runbook_url(), style);
  if (incident.unbudgeted()) {
    out += Field("unbudgeted", "raised by fixed thresholds: no promise about false alarms", style);
  }
  out += CausesText(incident, style);
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
  std::string text = ModelAndSubject(incident) + ": " + Printable(change.change());
  if (!incident.summary().empty()) text += "; " + Printable(Headline(incident));
  const size_t used = DisplayWidth(Printable(incident.id())) + 16;
  const size_t room = style.width > used + 20 ? style.width - used : 20;
  return head + Cut(text, room) + "\n";
}

}  // namespace faultline::cli
