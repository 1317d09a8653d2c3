#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/escape.h"
#include "daemon/cli/args/command_line.h"
#include "daemon/cli/args/table_report.h"
#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/commands/incident_watch.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/incident_text.h"
#include "daemon/cli/console/interrupt.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/cli/console/progress.h"
#include "daemon/cli/demo/demo_acts.h"
#include "daemon/cli/demo/demo_traffic.h"
#include "daemon/client/client.h"
#include "daemon/client/pace.h"
#include "daemon/client/producer.h"
#include "daemon/edge/report/incident_sentence.h"
#include "faultline/v1/incident_service.pb.h"

namespace faultline::cli {
namespace {

constexpr const char* kModel = "credit";
constexpr uint32_t kBatchRows = 100;
// Between an acknowledgement and the change of an incident that it caused.
constexpr std::chrono::milliseconds kNewsMax{5'000};

struct Flags {
  ClientOptions client;
  uint64_t seed = 1;
  double rate = 1'000;
  std::vector<std::string> acts;
  bool once = false;
};

class Demo {
 public:
  explicit Demo(const Flags& flags)
      : flags_(flags),
        quiet_(flags.client.json()),
        traffic_(flags.seed),
        pace_(flags.rate, 0),
        progress_("demo", quiet_) {}

  int Run();

 private:
  absl::Status ChooseActs();
  // Checks that no open incident would absorb the demo's alerts.
  int CheckGround();
  int Connect();
  absl::Status PlayAll();
  absl::Status PlayAct(const DemoAct& act);
  absl::Status Send(uint32_t rows, const CreditBehaviour& behaviour);
  std::vector<v1::Incident> NewIncidents() const;
  void Tell(const v1::WatchIncidentsResponse& change);
  void Say(const std::string& line);
  uint64_t RowsInAll() const {
    return kDemoStartRows + acts_.size() * (kDemoActRows + kDemoCalmRows);
  }
  bool AsExpected() const;
  std::string Text() const;
  std::string Json() const;

  const Flags& flags_;
  const bool quiet_;
  const Style style_ = TerminalStyle();
  CreditTraffic traffic_;
  Pace pace_;
  std::mutex screen_mutex_;
  Progress progress_;
  std::atomic<bool> stop_ = false;
  std::vector<const DemoAct*> acts_;
  std::unique_ptr<IncidentWatch> watch_;
  std::unique_ptr<Producer> producer_;
  std::vector<std::string> known_;   // ids of incidents from before
  std::vector<v1::Incident> early_;  // that opened before the first act
  std::vector<DemoActOutcome> outcomes_;
  std::map<std::string, std::string> told_;  // by incident; of the watch's thread
  uint64_t sent_ = 0;
};

int Demo::Run() {
  if (const absl::Status chosen = ChooseActs(); !chosen.ok()) return Complain(chosen, kExitUsage);
  const Interrupt interrupt([this] { stop_ = true; });
  if (const int code = CheckGround(); code != kExitOk) return code;
  if (const int code = Connect(); code != kExitOk) return code;
  const absl::Status played = PlayAll();
  watch_->Cancel();
  {
    std::lock_guard lock(screen_mutex_);
    progress_.Finish();
  }
  if (!played.ok() && !absl::IsCancelled(played)) return Report(played, flags_.client);
  Print(quiet_ ? Json() : Text());
  if (stop_) return Complain("interrupted", kExitFailed);
  return AsExpected() || !flags_.once ? kExitOk : kExitFailed;
}

absl::Status Demo::ChooseActs() {
  std::string names;
  for (const DemoAct& act : DemoActs()) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(act.name));
    const bool wanted =
        flags_.acts.empty() || std::count(flags_.acts.begin(), flags_.acts.end(), act.name) > 0;
    if (wanted) acts_.push_back(&act);
  }
  const size_t wanted = flags_.acts.empty() ? DemoActs().size() : flags_.acts.size();
  if (acts_.size() == wanted) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--acts: each one of ", names, ", once"));
}

int Demo::CheckGround() {
  const auto stub = v1::IncidentService::NewStub(cli::Connect(flags_.client));
  v1::ListIncidentsRequest request;
  request.set_model(kModel);
  request.set_page_size(1'000);
  v1::ListIncidentsResponse response;
  grpc::ClientContext context;
  SetDeadline(flags_.client, &context);
  const grpc::Status status = stub->ListIncidents(&context, request, &response);
  if (!status.ok()) return cli::Report(status, flags_.client);
  for (const v1::Incident& incident : response.incidents()) {
    known_.push_back(incident.id());
    if (incident.state() == v1::INCIDENT_STATE_RESOLVED) continue;
    return Complain(
        absl::StrCat("incident ", incident.id(), " of model ", kModel,
                     " is still open and would take in the demo's; resolve it first: faultline "
                     "incidents resolve ",
                     incident.id()),
        kExitFailed);
  }
  return kExitOk;
}

int Demo::Connect() {
  watch_ = std::make_unique<IncidentWatch>(
      cli::Connect(flags_.client), kModel,
      [this](const v1::WatchIncidentsResponse& change) { Tell(change); });
  ProducerOptions options;
  options.address = flags_.client.address.empty() ? DefaultAddress() : flags_.client.address;
  options.id = absl::StrCat("demo-", WallNowNs(), "-", getpid());
  options.connect_timeout =
      std::chrono::milliseconds(static_cast<int64_t>(flags_.client.timeout_seconds * 1'000));
  absl::StatusOr<std::unique_ptr<Producer>> producer = Producer::Connect(std::move(options));
  if (!producer.ok()) return Report(producer.status(), flags_.client);
  producer_ = *std::move(producer);
  return kExitOk;
}

absl::Status Demo::PlayAll() {
  Say(absl::StrCat("The credit model behaves, for ", Grouped(kDemoStartRows),
                   " rows: from the first ", Grouped(kDemoLearnRows),
                   " the daemon learns what is normal."));
  if (absl::Status sent = Send(kDemoStartRows, {}); !sent.ok()) return sent;
  early_ = NewIncidents();
  for (const DemoAct* act : acts_) {
    if (absl::Status played = PlayAct(*act); !played.ok()) return played;
  }
  return absl::OkStatus();
}

absl::Status Demo::PlayAct(const DemoAct& act) {
  const size_t before = NewIncidents().size();
  Say(absl::StrCat("\nAct ", outcomes_.size() + 1, " of ", acts_.size(), ", ",
                   std::string(act.name), ": ", std::string(act.story)));
  if (absl::Status sent = Send(kDemoActRows, act.behaviour); !sent.ok()) return sent;
  watch_->WaitUntil([&](const auto&) { return stop_ || NewIncidents().size() > before; }, kNewsMax);
  Say("Calm again.");
  if (absl::Status sent = Send(kDemoCalmRows, {}); !sent.ok()) return sent;
  watch_->WaitUntil(
      [&](const auto& incidents) {
        return stop_ || std::all_of(incidents.begin(), incidents.end(), [](const auto& incident) {
                 return incident.state() == v1::INCIDENT_STATE_RESOLVED;
               });
      },
      kNewsMax);
  std::vector<v1::Incident> opened = NewIncidents();
  opened.erase(opened.begin(), opened.begin() + static_cast<std::ptrdiff_t>(before));
  std::vector<std::string> problems = JudgeAct(act, opened);
  for (const std::string& problem : problems) Say("  not as expected: " + problem);
  outcomes_.push_back({&act, std::move(opened), std::move(problems)});
  return absl::OkStatus();
}

absl::Status Demo::Send(uint32_t rows, const CreditBehaviour& behaviour) {
  const uint32_t step = pace_.Limit({.rows = kBatchRows}).rows;
  while (rows > 0 && !stop_) {
    v1::InferenceBatch batch = traffic_.Next(std::min(rows, step), behaviour);
    rows -= batch.rows();
    sent_ += batch.rows();
    const int64_t wait_ns = pace_.WaitNs(batch, SteadyNowNs());
    if (wait_ns > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(wait_ns));
    const absl::StatusOr<uint64_t> sent = producer_->Send(std::move(batch));
    if (!sent.ok()) return sent.status();
    std::lock_guard lock(screen_mutex_);
    progress_.Update(sent_, static_cast<double>(sent_) / static_cast<double>(RowsInAll()));
  }
  if (stop_) return absl::CancelledError("interrupted");
  return producer_->Flush(
      std::chrono::milliseconds(static_cast<int64_t>(flags_.client.timeout_seconds * 1'000)));
}

std::vector<v1::Incident> Demo::NewIncidents() const {
  std::vector<v1::Incident> incidents = watch_->Incidents();
  std::erase_if(incidents, [&](const v1::Incident& incident) {
    return std::count(known_.begin(), known_.end(), incident.id()) > 0;
  });
  return incidents;
}

// Only incidents that open, change their kind, or end: most changes are a higher peak.
void Demo::Tell(const v1::WatchIncidentsResponse& change) {
  const v1::Incident& incident = change.incident();
  const bool resolved = incident.state() == v1::INCIDENT_STATE_RESOLVED;
  const std::string mode =
      EnumWords(v1::FailureMode_Name(incident.failure_mode()), "FAILURE_MODE_");
  const std::string now = resolved ? "resolved" : mode;
  std::string& told = told_[incident.id()];
  if (told == now) return;
  const char* what = resolved ? "resolved" : told.empty() ? "opened:" : "turned out to be";
  std::string line = absl::StrCat("  incident ", incident.id(), " ",
                                  Paint(style_, resolved ? Colour::kGreen : Colour::kRed, what));
  if (!resolved) {
    absl::StrAppend(&line, " ", mode, "\n",
                    Wrap(Printable(Headline(incident)), style_.width, "    "));
    line.pop_back();
  }
  told = now;
  Say(line);
}

void Demo::Say(const std::string& line) {
  std::lock_guard lock(screen_mutex_);
  progress_.Say(line);
}

bool Demo::AsExpected() const {
  return early_.empty() && outcomes_.size() == acts_.size() &&
         std::all_of(outcomes_.begin(), outcomes_.end(),
                     [](const DemoActOutcome& outcome) { return outcome.problems.empty(); });
}

std::string Demo::Text() const {
  Grid grid({"act", "expected", "incident", "what it says", "as expected"});
  for (const DemoActOutcome& outcome : outcomes_) {
    const v1::Incident none;
    const v1::Incident& incident = outcome.incidents.empty() ? none : outcome.incidents.front();
    const bool good = outcome.problems.empty();
    grid.Add({std::string(outcome.act->name),
              EnumWords(v1::FailureMode_Name(outcome.act->failure_mode), "FAILURE_MODE_"),
              incident.id().empty() ? "-" : incident.id(),
              incident.id().empty()
                  ? "-"
                  : EnumWords(v1::FailureMode_Name(incident.failure_mode()), "FAILURE_MODE_"),
              {good ? "yes" : "no", good ? Colour::kGreen : Colour::kRed}});
  }
  std::string text = absl::StrCat("\n", grid.Text(style_));
  for (const v1::Incident& incident : early_) {
    absl::StrAppend(&text, "incident ", incident.id(),
                    " opened while the model behaved: ", Printable(Headline(incident)), "\n");
  }
  const ProducerTotals totals = producer_->totals();
  absl::StrAppend(&text, Grouped(totals.sent_rows), " rows sent, ", Grouped(totals.applied_rows),
                  " applied. See one with: faultline incidents show ID\n");
  return text;
}

std::string Demo::Json() const {
  boost::json::array acts;
  for (const DemoActOutcome& outcome : outcomes_) {
    boost::json::array incidents;
    for (const v1::Incident& incident : outcome.incidents) {
      boost::json::array alerts;
      for (const v1::Alert& alert : incident.alerts()) {
        alerts.push_back({{"signal", alert.signal()}, {"detector", alert.detector()}});
      }
      incidents.push_back({{"id", incident.id()},
                           {"failure_mode", ShortName(incident.failure_mode())},
                           {"summary", incident.summary()},
                           {"resolved", incident.state() == v1::INCIDENT_STATE_RESOLVED},
                           {"alerts", std::move(alerts)}});
    }
    boost::json::array problems;
    for (const std::string& problem : outcome.problems) problems.emplace_back(problem);
    acts.push_back({{"act", std::string(outcome.act->name)},
                    {"expected_failure_mode", ShortName(outcome.act->failure_mode)},
                    {"incidents", std::move(incidents)},
                    {"problems", std::move(problems)}});
  }
  boost::json::array early;
  for (const v1::Incident& incident : early_) early.emplace_back(incident.summary());
  const ProducerTotals totals = producer_->totals();
  boost::json::object out;
  out["model"] = kModel;
  out["seed"] = flags_.seed;
  out["sent_rows"] = totals.sent_rows;
  out["applied_rows"] = totals.applied_rows;
  out["acts"] = std::move(acts);
  out["incidents_before_the_first_act"] = std::move(early);
  out["as_expected"] = AsExpected();
  return SafeJson(boost::json::serialize(out)) + "\n";
}

}  // namespace

void AddDemo(Command root) {
  Command demo =
      root.Add("demo", "Run a simulated credit model that behaves, then fails in several ways");
  auto flags = std::make_shared<Flags>();
  demo.AddOption("--seed", &flags->seed, "Random seed of the simulation").ShowDefault();
  demo.AddOption("--rate", &flags->rate, "Rows per second; 0: full speed")
      .InRange(0.0, 1e9)
      .ShowDefault();
  demo.AddOption("--acts", &flags->acts, "Only these acts: names separated by commas").SplitAt(',');
  demo.AddFlag("--once", &flags->once,
               "Exit with 0 only if exactly the expected incidents opened and resolved");
  AddClientOptions(demo, &flags->client);
  demo.OnRun([flags] { return Demo(*flags).Run(); });
}

}  // namespace faultline::cli
