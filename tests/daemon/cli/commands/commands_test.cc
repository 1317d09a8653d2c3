#include "daemon/cli/commands/commands.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "daemon/cli/console/outcome.h"
#include "daemon/client/client.h"
#include "tests/daemon/edge/review/review_server.h"
#include "tests/support/wait.h"

namespace faultline::cli {
namespace {

using testing::MakeIncident;
using testing::ReviewServer;

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

Ran Faultline(std::vector<std::string> words) {
  words.insert(words.begin(), "faultline");
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  CommandLine line("faultline", "test", "1");
  AddCommands(line.root());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Ran ran;
  ran.code = line.Run(static_cast<int>(argv.size()), argv.data());
  ran.out = ::testing::internal::GetCapturedStdout();
  ran.err = ::testing::internal::GetCapturedStderr();
  return ran;
}

class CommandsTest : public ::testing::Test {
 protected:
  // Runs a command against the server.
  Ran Ask(std::vector<std::string> words) {
    words.insert(words.end(), {"--address", server_.address()});
    return Faultline(std::move(words));
  }

  ReviewServer server_{ReviewServer::Core::kRunning};
};

TEST_F(CommandsTest, ModelsFromCreationToDeletion) {
  EXPECT_EQ(Ask({"models", "list"}).out,
            "No models yet: send events, or create one with 'faultline models create'.\n");
  const Ran created = Ask({"models", "create", "credit", "1", "--signal", "income:numeric",
                           "--signal", "a:b:categorical:tag"});
  EXPECT_EQ(created.code, kExitOk) << created.err;
  EXPECT_EQ(created.out, "Created model 'credit 1'.\n");
  const Ran shown = Ask({"models", "show", "credit"});
  EXPECT_EQ(shown.code, kExitOk) << shown.err;
  EXPECT_NE(shown.out.find("income  numeric"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("a:b     categorical  tag"), std::string::npos) << shown.out;
  const Ran twice = Ask({"models", "create", "credit", "1"});
  EXPECT_EQ(twice.code, kExitFailed);
  EXPECT_EQ(twice.out, "");
  ASSERT_EQ(Ask({"models", "create", "credit", "2"}).code, kExitOk);
  EXPECT_EQ(Ask({"models", "show", "credit"}).err,
            "faultline: model 'credit' has versions '1', '2'; name one of them\n");
  EXPECT_EQ(Ask({"models", "silence", "credit", "--for", "2h"}).code, kExitOk);
  EXPECT_EQ(Ask({"models", "silence", "credit", "--off"}).code, kExitOk);
  EXPECT_EQ(Ask({"models", "silence", "credit"}).code, kExitUsage);
  EXPECT_EQ(Ask({"models", "deploy", "credit", "2", "--note", "hotfix"}).code, kExitOk);
  EXPECT_EQ(Ask({"models", "delete", "credit", "1"}).out, "Forgot model 'credit 1'.\n");
  EXPECT_EQ(Ask({"state", "delete-model", "credit"}).out, "Forgot model 'credit 2'.\n");
  EXPECT_EQ(Ask({"models", "show", "credit"}).code, kExitNotFound);
  EXPECT_EQ(Ask({"models", "create", "x", "--signal", "income"}).code, kExitUsage);
}

TEST_F(CommandsTest, ReferencesArePromotedAndRolledBack) {
  server_.Feed("credit", 300);
  Ran ran = Ask({"reference", "promote", "credit"});
  EXPECT_EQ(ran.code, kExitFailed);
  EXPECT_NE(ran.err.find("no signal has enough rows in quiet panes"), std::string::npos) << ran.err;
  ran = Ask({"reference", "rollback", "credit"});
  EXPECT_EQ(ran.code, kExitFailed);
  EXPECT_NE(ran.err.find("nothing to roll back"), std::string::npos) << ran.err;
  server_.Feed("credit", 600);
  ran = Ask({"reference", "list", "credit"});
  EXPECT_EQ(ran.code, kExitOk) << ran.err;
  EXPECT_NE(ran.out.find("Rolling: 4 quiet panes"), std::string::npos) << ran.out;
  ran = Ask({"reference", "promote", "credit", "--actor", "ada", "--comment", "new prices"});
  EXPECT_EQ(ran.code, kExitOk) << ran.err;
  EXPECT_EQ(ran.out, "Reference 2 is in use, made of quiet panes: 1 signals.\n");
  ran = Ask({"reference", "rollback", "credit", "--actor", "bob"});
  EXPECT_EQ(ran.code, kExitOk) << ran.err;
  EXPECT_EQ(ran.out, "Reference 1 is in use again.\n");
  const std::string listed = Ask({"reference", "list", "credit"}).out;
  EXPECT_NE(listed.find("by rollback"), std::string::npos) << listed;
  EXPECT_NE(listed.find("bob"), std::string::npos) << listed;
  EXPECT_NE(listed.find("2: new prices"), std::string::npos) << listed;
  EXPECT_EQ(Ask({"reference", "list", "unknown"}).code, kExitNotFound);
}

TEST_F(CommandsTest, StatusSaysWhyItIsQuiet) {
  server_.Feed("credit", 50);
  const Ran daemon = Ask({"status"});
  EXPECT_EQ(daemon.code, kExitOk) << daemon.err;
  EXPECT_NE(daemon.out.find("Faultline 1.2.3, ready\n"), std::string::npos) << daemon.out;
  EXPECT_NE(daemon.out.find("credit  1        50"), std::string::npos) << daemon.out;
  const Ran model = Ask({"status", "credit"});
  EXPECT_EQ(model.code, kExitOk) << model.err;
  EXPECT_NE(model.out.find("learning its reference"), std::string::npos) << model.out;
  EXPECT_NE(model.out.find("cannot tell yet"), std::string::npos) << model.out;
  const Ran json = Ask({"status", "credit", "--output", "json"});
  EXPECT_NE(json.out.find("\"state\": \"VERDICT_STATE_CANNOT_TELL\""), std::string::npos)
      << json.out;
  EXPECT_EQ(Ask({"status", "unknown"}).code, kExitNotFound);
}

TEST_F(CommandsTest, AnIncidentFromTestAlertToResolution) {
  EXPECT_EQ(Ask({"incidents", "list"}).out, "No incidents.\n");
  const Ran tested = Ask({"alert", "test", "--seconds", "3600"});
  ASSERT_EQ(tested.code, kExitOk) << tested.err;
  const std::string id = tested.out.substr(std::string("Opened test incident ").size(), 13);
  const Ran watched = Ask({"incidents", "watch", "--count", "1", "--output", "json"});
  EXPECT_EQ(watched.code, kExitOk) << watched.err;
  EXPECT_NE(watched.out.find(id), std::string::npos) << watched.out;
  EXPECT_EQ(std::count(watched.out.begin(), watched.out.end(), '\n'), 1) << "one line each";
  EXPECT_EQ(Ask({"incidents", "ack", id.substr(0, 10), "--actor", "zoe"}).out,
            "Acknowledged incident " + id + ".\n");
  EXPECT_EQ(Ask({"incidents", "comment", id, "it is only a test"}).code, kExitOk);
  const Ran shown = Ask({"incidents", "show", id});
  EXPECT_NE(shown.out.find("it is only a test"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("(zoe, unauthenticated)"), std::string::npos) << shown.out;
  EXPECT_EQ(Ask({"incidents", "list", "--state", "resolved"}).out, "No incidents.\n");
  EXPECT_EQ(Ask({"incidents", "resolve", id}).code, kExitOk);
  EXPECT_EQ(Ask({"incidents", "resolve", id}).code, kExitFailed);
  const Ran none = Ask({"incidents", "show", "nope"});
  EXPECT_EQ(none.code, kExitFailed) << "no such id can be";
  EXPECT_EQ(none.err,
            "faultline: id: 'nope' is not an incident id: an incident's id has 13 digits and small "
            "letters, such "
            "as 6amzh02dbsqqg, of which the first 4 or more do; 'faultline incidents list' shows "
            "them\n");
  const Ran missing = Ask({"incidents", "show", "0000"});
  EXPECT_EQ(missing.code, kExitNotFound);
  EXPECT_EQ(
      missing.err,
      "faultline: there is no incident 0000; 'faultline incidents list' shows all incidents\n");
}

TEST_F(CommandsTest, AReplayThatComputesNothingFails) {
  server_.Feed("credit", 500);
  server_.Feed("credit", 400, 1'000);
  std::string id;
  ASSERT_TRUE(testing::WaitUntil([&] {
    id = Ask({"incidents", "list"}).out;
    id = id.substr(std::min(id.find('\n') + 1, id.size())).substr(0, 13);
    return id.size() == 13;
  }));
  server_.Feed("credit", 200, 1'000);
  const Ran as_it_was = Ask({"incidents", "replay", id});
  EXPECT_EQ(as_it_was.code, kExitOk) << as_it_was.out << as_it_was.err;
  EXPECT_EQ(Ask({"incidents", "replay", id, "--budget", "0 per 30d"}).code, kExitOk);
  for (const char* format : {"text", "json"}) {
    const Ran ran = Ask({"incidents", "replay", id, "--reference",
                         "2023-11-14T22:00:00Z..2023-11-14T22:13:20Z", "--output", format});
    EXPECT_EQ(ran.code, kExitFailed);
    EXPECT_NE(ran.out.find("nothing could be recomputed"), std::string::npos) << ran.out;
    EXPECT_EQ(ran.out.find("no detector would have been"), std::string::npos) << ran.out;
  }
}

TEST_F(CommandsTest, WhatCannotBeMeantIsRefusedInOneSentence) {
  for (const char* option : {"--budget", "--config", "--reference"}) {
    const Ran ran = Ask({"incidents", "replay", "6p2", option, ""});
    EXPECT_EQ(ran.code, kExitUsage) << option;
    EXPECT_NE(ran.err.find("must not be empty"), std::string::npos) << ran.err;
  }
  const std::string bad = "bad \xff\xfe";
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"incidents", "comment", "6p2", bad},
        {"incidents", "ack", "6p2", "--actor", bad},
        {"incidents", "reopen", "6p2", "--comment", bad},
        {"incidents", "suppress", "6p2", "--for", "1h", "--comment", bad}}) {
    const Ran bytes = Ask(words);
    EXPECT_EQ(bytes.code, kExitUsage) << words[1];
    EXPECT_NE(bytes.err.find("must be valid UTF-8"), std::string::npos) << bytes.err;
  }
  const Ran watch = Ask({"incidents", "watch", "--resume", "garbage"});
  EXPECT_NE(watch.code, kExitOk);
  EXPECT_EQ(watch.err.find("CANCELLED"), std::string::npos) << watch.err;
  EXPECT_EQ(watch.err.find("to continue from here"), std::string::npos) << watch.err;
  EXPECT_NE(watch.err.find("token"), std::string::npos) << watch.err;
}

TEST_F(CommandsTest, StateAndItsErrors) {
  const Ran digest = Ask({"state", "digest"});
  EXPECT_EQ(digest.code, kExitOk) << digest.err;
  EXPECT_EQ(digest.out.size(), 33u);
  EXPECT_EQ(Ask({"state", "erase", "p-1"}).err,
            "faultline: no events are recorded: recorder.enabled is not set\n");
  EXPECT_EQ(Ask({"state", "backup", "/tmp/x"}).code, kExitFailed);
  EXPECT_EQ(Faultline({"state", "restore", "/nonexistent/backup", "/nonexistent/data"}).code,
            kExitNotFound);
}

TEST(Commands, WithoutADaemon) {
  const Ran ran = Faultline({"status", "--address", "127.0.0.1:1", "--timeout", "5"});
  EXPECT_EQ(ran.code, kExitUnreachable);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(ran.err.find("cannot reach the daemon at 127.0.0.1:1"), std::string::npos) << ran.err;
  EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
}

TEST(Commands, UsageErrorsAreOneLine) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {}, {"nonsense"}, {"incidents"}, {"incidents", "show"}, {"status", "--output", "xml"}}) {
    const Ran ran = Faultline(words);
    EXPECT_EQ(ran.code, kExitUsage);
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
    EXPECT_EQ(ran.out, "");
  }
  EXPECT_EQ(Faultline({"--help"}).code, kExitOk);
}

TEST(Commands, AMistypedCommandIsMetWithTheOneThatWasMeant) {
  EXPECT_EQ(Faultline({"incident", "list"}).err,
            "faultline: unknown command 'incident'; did you mean 'incidents'?\n");
  EXPECT_EQ(Faultline({"incidents", "shw", "--output", "json", "0000"}).err,
            "faultline: unknown command 'incidents shw'; did you mean 'incidents show'?\n");
  EXPECT_EQ(Faultline({"incidents", "acknowledge"}).err,
            "faultline: unknown command 'incidents acknowledge'; did you mean 'incidents "
            "ack'?\n");
  EXPECT_EQ(Faultline({"alert", "xyz"}).err,
            "faultline: unknown command 'alert xyz'; use one of: test\n");
  EXPECT_EQ(Faultline({"incidents", "show", "shwo", "list"}).err.find("no command"),
            std::string::npos)
      << "what a command takes may be named like one";
}

TEST(Commands, TheAddressComesFromTheEnvironment) {
  setenv("FAULTLINE_ADDRESS", "unix:/somewhere", 1);
  EXPECT_EQ(DefaultAddress(), "unix:/somewhere");
  unsetenv("FAULTLINE_ADDRESS");
  EXPECT_NE(DefaultAddress(), "unix:/somewhere");
}

// bash itself is the oracle.
TEST(Commands, BashCompletes) {
  const Ran script = Faultline({"completion", "bash"});
  ASSERT_EQ(script.code, kExitOk);
  char name[] = "/tmp/faultline_completion_XXXXXX";
  const int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  close(fd);
  const auto complete = [&](const std::string& words, int at) {
    std::ofstream(name) << script.out << "COMP_WORDS=(" << words << ")\nCOMP_CWORD=" << at
                        << "\n_faultline\necho \"${COMPREPLY[@]}\"\n";
    FILE* bash = popen((std::string("bash ") + name).c_str(), "r");
    char line[4'096] = "";
    EXPECT_NE(std::fgets(line, sizeof line, bash), nullptr);
    pclose(bash);
    return std::string(line);
  };
  EXPECT_EQ(complete("faultline inc", 1), "incidents\n");
  EXPECT_EQ(complete("faultline incidents w", 2), "watch\n");
  EXPECT_EQ(complete("faultline incidents watch --re", 3), "--resume\n");
  EXPECT_EQ(complete("faultline --help models s", 3), "show silence\n");
  std::remove(name);
}

}  // namespace
}  // namespace faultline::cli
