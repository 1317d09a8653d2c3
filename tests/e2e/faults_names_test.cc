#include <google/protobuf/stubs/logging.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "faultline/v1/ingestion.grpc.pb.h"
#include "tests/daemon/edge/metrics/exposition.h"
#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/daemon_load.h"

// Names that try to break the programs that show them, through the whole daemon: each is either
// refused and counted, or shown as a name and nothing else.

namespace faultline::testing {
namespace {

constexpr char kConfig[] = R"(
commit: {interval: 1ms}
recorder: {enabled: true}
metrics: {signals_top: 1000}
defaults:
  pane: {rows: 100}
  window_panes: 1
  reference: {learn_rows: 100}
  detectors:
    - psi: {threshold: 0.1}
    - unseen_category: {threshold: 0.1}
)";

std::vector<std::string> HostileNames() {
  return {"two\nlines",
          "x\nfaultline_pwned 1\n",
          "x\"} 1\nfaultline_pwned{a=\"b",
          "quote\"quote",
          "back\\slash\\",
          "end\\",
          "\\n\\\"",
          "{a=\"b\"}",
          "red\x1b[31m\x1b]0;title\x07",
          "carriage\rreturn",
          std::string("nul\0nul", 7),
          "line\u2028separator\u0085next",
          "rightto\u202eleft",
          "\xff\xfe",
          "cut \xe2\x82",
          "overlong \xc0\xaf",
          "surrogate \xed\xa0\x80",
          "<script>alert(1)</script>",
          "../../../etc/passwd",
          "%s%n%x",
          "'; DROP TABLE models; --",
          "nan",
          " ",
          "\xf0\x9f\x94\xa5",
          std::string(128, 'n'),
          std::string(4'000, 'n')};
}

// A hundred rows; in the second batch the numbers and words differ, so that alerts with these names
// open.
v1::InferenceBatch BatchWith(const std::string& model, const std::string& signal,
                             const std::string& word, bool moved) {
  v1::InferenceBatch batch = NumbersBatch(model, 1, 100);
  v1::Column* x = batch.mutable_columns(0);
  x->set_name(signal);
  v1::Column* kind = batch.add_columns();
  kind->set_name(signal + " kind");
  kind->mutable_strings()->add_dictionary("usual");
  kind->mutable_strings()->add_dictionary(word);
  for (int row = 0; row < 100; ++row) {
    if (moved) x->mutable_doubles()->set_values(row, 9);
    kind->mutable_strings()->add_codes(moved ? 1 : 0);
  }
  return batch;
}

void ExpectClean(const std::string& text, const std::string& where) {
  EXPECT_EQ(Utf8PrefixBytes(text), text.size()) << where;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    EXPECT_TRUE(byte >= 0x20 || c == '\n' || c == '\t') << where << ": byte " << int{byte};
  }
  EXPECT_EQ(text.find("\nfaultline_pwned"), std::string::npos) << where;
}

// Sends one batch; the outcome is an answer, or a refusal with a reason.
void Send(v1::IngestionService::Stub* stub, const v1::InferenceBatch& batch) {
  v1::LogInferencesRequest request;
  *request.mutable_batch() = batch;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(120));
  v1::LogInferencesResponse response;
  const grpc::Status status = stub->LogInferences(&context, request, &response);
  EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::INVALID_ARGUMENT)
      << status.error_code() << ": " << status.error_message();
  ExpectClean(status.error_message(), "refusal");
  ExpectClean(response.outcome().batch_error(), "refusal");
}

void SendAll(const DaemonChild& daemon) {
  const auto stub = v1::IngestionService::NewStub(
      grpc::CreateChannel(daemon.socket_address(), grpc::InsecureChannelCredentials()));
  for (const std::string& name : HostileNames()) {
    // Together, and one at a time, since one that is refused takes the batch with it.
    const std::vector<std::array<std::string, 3>> uses = {{name, name, name},
                                                          {name, "x", "other"},
                                                          {"hostile signals", name, "other"},
                                                          {"hostile words", "x", name}};
    for (const auto& [model, signal, word] : uses) {
      for (const bool moved : {false, true, true}) {
        Send(stub.get(), BatchWith(model, signal, word, moved));
      }
    }
  }
}

// One line of JSON for HTTP, which has ways of its own to write a name.
std::string Json(const std::string& name) {
  std::string escaped;
  for (const char c : name) {
    if (c == '"' || c == '\\') escaped.push_back('\\');
    if (static_cast<unsigned char>(c) >= 0x20) {
      escaped.push_back(c);
      continue;
    }
    char code[8];
    std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
    escaped += code;
  }
  return "{\"model\":\"" + escaped + "\",\"features\":{\"" + escaped + "\":\"" + escaped + "\"}}\n";
}

TEST(Faults, HostileNamesStayNames) {
  google::protobuf::SetLogHandler(nullptr);  // it logs every invalid name
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  SendAll(daemon);
  for (const std::string& name : HostileNames()) {
    std::string answer;
    const int code = HttpRequest(daemon.http_address(), "POST", "/v1/events", Json(name), &answer);
    EXPECT_TRUE(code == 200 || code == 400) << code << answer;
    ExpectClean(answer, "answer");
  }
  const std::string page = Scrape(daemon);
  ExpectClean(page, "page");
  ASSERT_NO_THROW(Exposition{page}) << page;
  const Exposition read(page);
  for (const Sample& sample : read.samples) EXPECT_NE(sample.name, "faultline_pwned");
  ExpectRowsAddUp(page);
  EXPECT_GT(Rows(page, "applied"), 0);
  EXPECT_GT(Rows(page, "rejected"), 0);
  const std::vector<v1::Incident> incidents = Incidents(daemon);
  EXPECT_FALSE(incidents.empty());
  ExpectClean(daemon.log(), "log");
  const std::string address = "FAULTLINE_ADDRESS=" + daemon.socket_address();
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"models", "list"}, {"incidents", "list"}}) {
    const CommandOutcome outcome =
        RunCommand({FAULTLINE_BINARY, command[0], command[1]}, {address});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    ExpectClean(outcome.output, command[0]);
  }
  daemon.Kill();
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  EXPECT_EQ(Incidents(daemon).size(), incidents.size());
  EXPECT_EQ(Rows(Scrape(daemon), "applied"), Rows(page, "applied"));
  RecordProperty("incidents", static_cast<int>(incidents.size()));
  RecordProperty("series", static_cast<int>(read.samples.size()));
}

}  // namespace
}  // namespace faultline::testing
