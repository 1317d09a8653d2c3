#include "daemon/cli/console/model_text.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/cli/console/incident_text.h"
#include "daemon/client/messages.h"

namespace faultline::cli {
namespace {

std::string StateWords(v1::VerdictState state) {
  return state == v1::VERDICT_STATE_CANNOT_TELL
             ? "cannot tell yet"
             : EnumWords(v1::VerdictState_Name(state), "VERDICT_STATE_");
}

std::optional<Colour> ColourOf(v1::VerdictState state) {
  if (state == v1::VERDICT_STATE_ALARM) return Colour::kRed;
  if (state == v1::VERDICT_STATE_QUIET) return Colour::kGreen;
  return Colour::kYellow;
}

std::string TypeWord(const v1::Signal& signal) {
  return EnumWords(v1::SignalType_Name(signal.type()), "SIGNAL_TYPE_");
}

std::string Count(uint64_t count, const char* noun) {
  return Grouped(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string Silence(const v1::Model& model) {
  return model.has_silenced_until() ? TimeText(ToNs(model.silenced_until())) : "";
}

Cell SilenceCell(const v1::Model& model) {
  return model.has_silenced_until() ? TimeCell(ToNs(model.silenced_until())) : Cell("");
}

// How near a verdict is to an alarm; those that cannot alarm come last.
double Nearness(const v1::Verdict& verdict) {
  if (!verdict.has_score() || !verdict.has_threshold() || verdict.threshold() <= 0) return -1;
  return verdict.score() / verdict.threshold();
}

// The verdict to show: in the signal's state, and nearest to an alarm.
const v1::Verdict* Worst(const v1::SignalStatus& signal) {
  const v1::Verdict* worst = nullptr;
  for (const v1::Verdict& verdict : signal.verdicts()) {
    if (verdict.state() != signal.state()) continue;
    if (worst == nullptr || Nearness(verdict) > Nearness(*worst)) worst = &verdict;
  }
  return worst;
}

int Rank(v1::VerdictState state) {
  if (state == v1::VERDICT_STATE_ALARM) return 0;
  return state == v1::VERDICT_STATE_CANNOT_TELL ? 1 : 2;
}

std::vector<Cell> Row(const v1::SignalStatus& signal, const v1::Verdict* verdict,
                      v1::VerdictState state, bool budget) {
  std::vector<Cell> row = {"  " + Printable(signal.signal().name()),
                           {StateWords(state), ColourOf(state)},
                           verdict == nullptr ? "-" : Printable(verdict->detector()),
                           verdict == nullptr ? "-" : ScoreText(*verdict),
                           Grouped(signal.window_rows()),
                           Grouped(signal.reference_rows())};
  if (!budget) return row;
  const bool has_share = verdict != nullptr && verdict->has_budget_share();
  row.emplace_back(has_share ? ShareText(verdict->budget_share()) : "-");
  return row;
}

std::string BudgetText(const v1::AlarmBudgetStatus& budget) {
  constexpr double kHour = 3'600;
  constexpr double kDay = 24 * kHour;
  const double per = budget.threshold();
  const std::string period = budget.in_rows() ? Short(per) + " rows"
                             : per >= kDay    ? Short(per / kDay) + " days"
                                              : Short(per / kHour) + " hours";
  return absl::StrCat("Alarm budget",
                      budget.of_deployment() ? ", its part of the deployment's" : "",
                      ": a false alarm per ", period, "; on the average at most ",
                      Short(budget.mean_false_alarms_max()), " so far; ",
                      Count(budget.alarms(), "alarm"), " in fact.");
}

bool OnBudget(const v1::GetModelStatusResponse& status) {
  for (const v1::SignalStatus& signal : status.signals()) {
    for (const v1::Verdict& verdict : signal.verdicts()) {
      if (verdict.has_budget_share()) return true;
    }
  }
  return false;
}

// The distinct notes on signals, each with its signals.
class Remarks {
 public:
  void Add(const std::string& text, const std::string& signal) {
    if (text.empty()) return;
    auto found = std::find_if(remarks_.begin(), remarks_.end(),
                              [&](const Remark& remark) { return remark.text == text; });
    if (found == remarks_.end()) found = remarks_.insert(found, {text, {}});
    if (found->signals.empty() || found->signals.back() != signal) found->signals.push_back(signal);
  }
  std::string Text(const Style& style) const {
    constexpr size_t kNamed = 6;
    std::string out;
    for (const Remark& remark : remarks_) {
      std::string line;
      for (size_t i = 0; i < std::min(remark.signals.size(), kNamed); ++i) {
        absl::StrAppend(&line, i == 0 ? "" : ", ", Printable(remark.signals[i]));
      }
      if (remark.signals.size() > kNamed) {
        absl::StrAppend(&line, " and ", remark.signals.size() - kNamed, " more");
      }
      absl::StrAppend(&line, ": ", Printable(remark.text));
      out += Wrap(line, style.width, "  ");
    }
    return out.empty() ? out : "\n" + out;
  }

 private:
  struct Remark {
    std::string text;
    std::vector<std::string> signals;
  };
  std::vector<Remark> remarks_;
};

}  // namespace

std::string ModelsText(const v1::ListModelsResponse& models, const Style& style) {
  if (models.models().empty()) {
    return "No models yet: send events, or create one with 'faultline models create'.\n";
  }
  Grid grid({"model", "version", "rows", "late", "rejected", "newest event", "silenced"});
  for (const v1::Model& model : models.models()) {
    grid.Add({Printable(model.name()), Printable(model.version()), Grouped(model.applied_rows()),
              Grouped(model.late_rows()), Grouped(model.rejected_rows()),
              TimeCell(ToNs(model.last_event_time())), SilenceCell(model)});
  }
  return grid.Text(style);
}

std::string ModelText(const v1::Model& model, const v1::ListReferencesResponse& references,
                      const Style& style) {
  std::string out =
      absl::StrCat(Paint(style, Colour::kBold, ModelText(model.name(), model.version())),
                   "\n  rows ", Grouped(model.applied_rows()), ", late ",
                   Grouped(model.late_rows()), ", rejected ", Grouped(model.rejected_rows()),
                   "; newest event ", TimeText(ToNs(model.last_event_time())), "\n");
  if (model.has_silenced_until()) absl::StrAppend(&out, "  silenced until ", Silence(model), "\n");
  if (!model.signals().empty()) {
    Grid grid({"  signal", "type", "role", "derived"});
    for (const v1::Signal& signal : model.signals()) {
      grid.Add({"  " + Printable(signal.name()), TypeWord(signal),
                EnumWords(v1::ColumnRole_Name(signal.role()), "COLUMN_ROLE_"),
                signal.derived() ? "yes" : ""});
    }
    out += "\n" + grid.Text(style);
  }
  if (!references.references().empty()) out += "\n" + ReferencesText(references, style);
  return out;
}

std::string ReferencesText(const v1::ListReferencesResponse& references, const Style& style) {
  if (references.references().empty()) {
    return "No reference yet: it is learnt from the first rows, or import one.\n";
  }
  Grid grid({"  reference", "rows", "signals", "from", "in use", "since", "by"});
  for (const v1::Reference& reference : references.references()) {
    grid.Add({absl::StrCat("  ", reference.version()), Grouped(reference.rows()),
              Grouped(reference.signals()),
              reference.promoted()   ? "quiet panes"
              : reference.imported() ? "import"
                                     : "stream",
              reference.active()     ? "yes"
              : reference.previous() ? "by rollback"
                                     : "",
              TimeCell(ToNs(reference.has_activate_time() ? reference.activate_time()
                                                          : reference.create_time())),
              Printable(reference.actor())});
  }
  std::string out = grid.Text(style);
  for (const v1::Reference& reference : references.references()) {
    if (reference.comment().empty()) continue;
    out += Wrap(absl::StrCat(reference.version(), ": ", Printable(reference.comment())),
                style.width, "  ");
  }
  const v1::RollingReference& rolling = references.rolling();
  if (rolling.signals() == 0) return out;
  return out +
         Wrap(absl::StrCat("Rolling: ", Count(rolling.panes(), "quiet pane"), " with ",
                           Count(rolling.rows(), "row"), " from ",
                           TimeText(ToNs(rolling.start_time())), " to ",
                           TimeText(ToNs(rolling.end_time())), "; ", rolling.promotable_signals(),
                           " of ", rolling.signals(), " signals have the ",
                           Grouped(rolling.rows_needed()), " rows that a promotion takes."),
              style.width, "  ");
}

std::string ModelStatusText(const v1::GetModelStatusResponse& status, bool all,
                            const Style& style) {
  const v1::Model& model = status.model();
  std::string out = Paint(style, Colour::kBold, ModelText(model.name(), model.version())) + "\n";
  out += Wrap(Printable(status.summary()), style.width, "  ");
  if (status.has_alarm_budget()) out += Wrap(BudgetText(status.alarm_budget()), style.width, "  ");
  if (status.signals().empty()) return out;
  std::vector<const v1::SignalStatus*> signals;
  for (const v1::SignalStatus& signal : status.signals()) signals.push_back(&signal);
  std::stable_sort(signals.begin(), signals.end(), [](const auto* a, const auto* b) {
    return Rank(a->state()) < Rank(b->state());
  });
  const bool budget = OnBudget(status);
  std::vector<Cell> header = {"  signal", "state", "detector", "score", "rows", "reference"};
  if (budget) header.emplace_back("budget");
  Grid grid(std::move(header));
  Remarks remarks;
  for (const v1::SignalStatus* signal : signals) {
    const std::string& name = signal->signal().name();
    const v1::Verdict* worst = Worst(*signal);
    if (signal->state() == v1::VERDICT_STATE_CANNOT_TELL) {
      remarks.Add("cannot tell yet: " + signal->missing(), name);
    } else if (worst != nullptr && signal->state() == v1::VERDICT_STATE_ALARM) {
      remarks.Add(worst->detail(), name);
    }
    if (!all || signal->verdicts().empty()) {
      grid.Add(Row(*signal, worst, signal->state(), budget));
      continue;
    }
    for (const v1::Verdict& verdict : signal->verdicts()) {
      grid.Add(Row(*signal, &verdict, verdict.state(), budget));
      if (verdict.detail() != signal->missing()) remarks.Add(verdict.detail(), name);
    }
  }
  return out + "\n" + grid.Text(style) + remarks.Text(style);
}

std::string DaemonStatusText(const v1::GetStatusResponse& status, int64_t now_ns,
                             const Style& style) {
  std::string out = "Faultline " + Printable(status.version()) + ", ";
  if (status.ready()) {
    out += Paint(style, Colour::kGreen, "ready");
  } else {
    out += Paint(style, Colour::kRed, "not ready: " + Printable(status.not_ready_reason()));
  }
  const int64_t start_ns = ToNs(status.start_time());
  const int64_t minutes = std::max<int64_t>(now_ns - start_ns, 0) / 60'000'000'000;
  absl::StrAppend(&out, "\n  up ", minutes / 60, " h ", minutes % 60, " min, since ",
                  TimeText(start_ns), "\n");
  absl::StrAppend(&out, "  ", Count(status.models(), "model"), ", ",
                  Count(status.signals(), "signal"), ", ",
                  Count(status.incidents_open(), "open incident"), "\n");
  out += "  rows:";
  std::vector<std::string> rows;
  for (const auto& [result, count] : status.rows()) {
    rows.push_back(" " + Grouped(count) + " " + Printable(result));
  }
  std::sort(rows.begin(), rows.end(), [](const std::string& a, const std::string& b) {
    return a.substr(a.rfind(' ')) < b.substr(b.rfind(' '));
  });
  for (const std::string& row : rows) out += row + ",";
  absl::StrAppend(&out, " ", Grouped(status.rows_in_flight()), " in flight\n");
  absl::StrAppend(&out, "  memory ", ShortBytes(status.resident_bytes()), ", state ",
                  ShortBytes(status.state_bytes()), ", ", Grouped(status.commits()), " commits\n");
  return out;
}

}  // namespace faultline::cli
