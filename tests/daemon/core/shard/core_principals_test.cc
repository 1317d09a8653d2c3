// Who did it: every effect says who gave the input that caused it.
#include <gtest/gtest.h>

#include "daemon/core/contract/principal.h"
#include "storage/tables/incident_id.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

const Principal kSource = Principal::Producer("scorer-1");

std::string Config(const std::string& more = "") {
  return R"(
  defaults {
    pane { rows: 10 } window_panes: 3 reference { learn_rows: 50 }
    alert { fire_panes: 1 resolve_panes: 1 }
    detectors { out_of_range { threshold: 0.5 rows_min: 10 } } } )" +
         more;
}

std::unique_ptr<EventBatch> Rows(uint32_t rows, double value, const std::string& version = "1") {
  auto batch = BatchMaker(rows)
                   .Model("credit", version)
                   .Number("age", std::vector<double>(rows, value))
                   .Make();
  batch->principal = kSource;
  return batch;
}

// With an open incident.
CoreRun InAlarm(const std::string& more = "") {
  CoreRun run(MakeSettings(Config(more)));
  run.Apply(Rows(80, 1));
  run.Apply(Rows(30, 2));
  run.TakeCheckpoint();
  EXPECT_EQ(run.incidents().size(), 1u);
  return run;
}

const v1::IncidentEvent& LastEvent(const CoreRun& run) {
  return *run.incidents().begin()->second.timeline().rbegin();
}

std::vector<std::string> Actors(CoreRun* run) {
  run->TakeCheckpoint();
  std::vector<std::string> actors;
  for (const v1::Reference& reference : run->Snapshot()->signals->references) {
    actors.push_back(reference.actor());
  }
  return actors;
}

TEST(CorePrincipals, ThoseOfBatchesAreTheirProducers) {
  CoreRun run = InAlarm();
  ASSERT_EQ(run.notes().size(), 2u);
  EXPECT_EQ(run.notes()[0].text, "model credit version 1: registered");
  EXPECT_EQ(run.notes()[0].by, kSource);
  ASSERT_FALSE(run.changes().empty());
  for (const IncidentChange& change : run.changes()) EXPECT_EQ(change.by, kSource);
  run.Apply(Rows(10, 1, "2"));
  run.TakeCheckpoint();
  EXPECT_EQ(LastEvent(run).text(), "version 2 deployed");
  EXPECT_EQ(LastEvent(run).actor(), "producer scorer-1");
  EXPECT_EQ(LastEvent(run).who().kind(), v1::ACTOR_KIND_PRODUCER);
}

TEST(CorePrincipals, EveryCommandThatChangesAModelLeavesANoteOfWhoGaveIt) {
  CoreRun run = InAlarm();
  v1::Model model;
  model.set_name("other");
  InstallReference install{"credit", "1", {}};
  install.rows.push_back(Rows(60, 1));
  const std::vector<std::pair<std::string, std::function<CommandAction()>>> commands = {
      {"model other version : registered", [&] { return CreateModel{model}; }},
      {"model other version : deleted",
       [] {
         return DeleteModel{"other", ""};
       }},
      {"model credit: version 1 deployed: canary",
       [] {
         return RecordDeploy{"credit", "1", "canary"};
       }},
      {"model credit version 1: silence ended: done",
       [] {
         return SilenceModel{"credit", 0, "done"};
       }},
      {"model credit version 1: reference 2 imported, 1 signals",
       [&] { return std::move(install); }},
      {"model credit version 1: rolled back to reference 1",
       [] {
         return RollbackReference{"credit", "1", ""};
       }},
      {"model credit version 1: learns its reference again",
       [] {
         return RelearnReference{"credit", "1"};
       }},
      {"model faultline_test version : registered", [] { return TestAlert{kSecond}; }},
  };
  for (size_t i = 0; i < commands.size(); ++i) {
    const Principal person = Principal::Person("person " + std::to_string(i));
    const size_t before = run.notes().size();
    const CommandResult result = run.Run(commands[i].second(), kStart, person);
    ASSERT_TRUE(result.status.ok()) << result.status;
    run.TakeCheckpoint();
    ASSERT_EQ(run.notes().size(), before + 1) << commands[i].first;
    EXPECT_EQ(run.notes().back().text, commands[i].first);
    EXPECT_EQ(run.notes().back().by, person);
  }
}

TEST(CorePrincipals, EveryDecisionOnAnIncidentLeavesANoteOfWhoMadeIt) {
  CoreRun run = InAlarm();
  const uint64_t id = run.incidents().begin()->first;
  const Principal ada = Principal::Person("ada");
  const auto expect = [&](const std::string& done, CommandAction decision) {
    const size_t before = run.notes().size();
    ASSERT_TRUE(run.Run(std::move(decision), kStart, ada).status.ok()) << done;
    run.TakeCheckpoint();
    ASSERT_EQ(run.notes().size(), before + 1) << done;
    EXPECT_EQ(run.notes().back().text, "incident " + FormatIncidentId(id) + ": " + done);
    EXPECT_EQ(run.notes().back().by, ada);
  };
  expect("acknowledged", AcknowledgeIncident{id, ""});
  const size_t before = run.notes().size();
  EXPECT_TRUE(run.Run(AcknowledgeIncident{id, ""}, kStart, ada).status.ok());
  EXPECT_TRUE(absl::IsNotFound(run.Run(ResolveIncident{id + 1, ""}, kStart, ada).status));
  run.TakeCheckpoint();
  EXPECT_EQ(run.notes().size(), before) << "nothing changed";
  expect("comment added", CommentIncident{id, "looking"});
  expect("suppressed", SuppressIncident{id, "", kStart + 60 * kSecond});
  expect("suppression ended", SuppressIncident{id, "", 0});
  expect("resolved", ResolveIncident{id, ""});
  expect("reopened", ReopenIncident{id, ""});
}

TEST(CorePrincipals, TimelinesNameWhoDeployedAndSilenced) {
  CoreRun run = InAlarm();
  Principal ada = Principal::Person("ada");
  ada.uid = 1'000;
  ada.account = "lovelace";
  ASSERT_TRUE(run.Run(RecordDeploy{"credit", "1", "canary"}, kStart, ada).status.ok());
  run.TakeCheckpoint();
  EXPECT_EQ(LastEvent(run).text(), "version 1 deployed: canary");
  EXPECT_EQ(LastEvent(run).actor(), "lovelace");
  EXPECT_EQ(LastEvent(run).who().claimed_name(), "ada");
  EXPECT_TRUE(run.changes().back().by == ada);
  const SilenceModel silence{"credit", kStart + 60 * kSecond, "work"};
  ASSERT_TRUE(run.Run(silence, kStart, Principal::Person("bob")).status.ok());
  run.TakeCheckpoint();
  EXPECT_EQ(LastEvent(run).actor(), "bob");
  EXPECT_FALSE(LastEvent(run).who().authenticated());
}

TEST(CorePrincipals, WhatTicksRetentionAndSettingsDoIsTheirs) {
  CoreRun run = InAlarm("retention { incidents_max: 1 }");
  const uint64_t first = run.incidents().begin()->first;
  const Principal ada = Principal::Person("ada");
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(
        run.Run(ResolveIncident{run.incidents().rbegin()->first, ""}, kStart, ada).status.ok());
    run.Apply(Rows(30, 1));
    run.Apply(Rows(30, 2));
    run.TakeCheckpoint();
  }
  bool removed = false;
  for (const IncidentChange& change : run.changes()) {
    if (!change.removed) continue;
    removed = true;
    EXPECT_EQ(change.id, first);
    EXPECT_EQ(change.by, Principal::Daemon()) << "retention, not the one who resolved another";
  }
  EXPECT_TRUE(removed);

  // The tick ends the silence that a person began.
  const uint64_t open = run.incidents().rbegin()->first;
  run.Run(SuppressIncident{open, "", kStart + 10 * kSecond}, kStart, ada);
  run.Tick(kStart + 20 * kSecond);
  run.TakeCheckpoint();
  EXPECT_EQ(run.changes().back().change, "suppression ended");
  EXPECT_EQ(run.changes().back().by, Principal::Daemon());

  // Removing a detector from the configuration ends its alert, in any order.
  run.Restart(MakeSettings(R"(
  defaults { pane { rows: 10 } window_panes: 3 detectors { missing_rate { threshold: 0.5 } } })"));
  run.Run(RecordDeploy{"none", "", ""}, kStart, ada);
  run.TakeCheckpoint();
  EXPECT_EQ(run.incidents().rbegin()->second.state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_EQ(run.changes().back().by, Principal::Configuration());
}

TEST(CorePrincipals, ReferencesRememberWhoTookThemIntoUse) {
  CoreRun run(MakeSettings(Config()));
  run.Apply(Rows(80, 1));
  EXPECT_EQ(Actors(&run), std::vector<std::string>{""}) << "learnt without being asked for";
  InstallReference install{"credit", "1", {}};
  install.rows.push_back(Rows(60, 1));
  const CommandResult installed = run.Run(std::move(install), kStart, Principal::Person("ada"));
  EXPECT_EQ(installed.reference.actor(), "ada");
  run.Run(RelearnReference{"credit", "1"}, kStart, Principal::Person("bob"));
  run.Apply(Rows(20, 1));
  run.Restart();
  run.Apply(Rows(40, 1));
  EXPECT_EQ(Actors(&run), (std::vector<std::string>{"bob", "ada", ""}));
  run.Run(RollbackReference{"credit", "1", ""}, kStart, Principal::Person("cid"));
  run.Restart();
  EXPECT_EQ(Actors(&run), (std::vector<std::string>{"bob", "cid", ""}));
  // Later learning starts by itself.
  run.Apply(BatchMaker(60)
                .Number("age", std::vector<double>(60, 1))
                .Number("new", std::vector<double>(60, 1))
                .Make());
  EXPECT_EQ(Actors(&run), (std::vector<std::string>{"", "bob", "cid", ""}));
}

TEST(CorePrincipals, HaveNames) {
  EXPECT_EQ(NameOf(Principal::Daemon()), "daemon");
  EXPECT_EQ(NameOf(Principal::Configuration()), "configuration");
  EXPECT_EQ(NameOf(Principal::Producer("")), "unnamed producer");
  EXPECT_EQ(NameOf(Principal::Producer("a\nb")), "producer a b");
  EXPECT_EQ(NameOf(Principal::Person("")), "somebody");
  EXPECT_EQ(NameOf(Principal::Person("ada")), "ada");
  Principal without_account = Principal::Person("ada");
  without_account.uid = 7;
  EXPECT_EQ(NameOf(without_account), "uid 7");
  EXPECT_EQ(ActorMessage(without_account).claimed_name(), "ada");
  EXPECT_EQ(NameOf(Principal::Person(std::string(400, 'a'))).size(), kActorBytesMax);
}

}  // namespace
}  // namespace faultline::testing
