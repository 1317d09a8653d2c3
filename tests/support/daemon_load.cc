#include "tests/support/daemon_load.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "tests/support/streams.h"

namespace faultline::testing {
namespace {

cli::ProducerOptions Options(const DaemonChild& daemon, const std::string& id) {
  cli::ProducerOptions options;
  options.address = daemon.socket_address();
  options.id = id;
  options.give_up_after = std::chrono::minutes(5);
  return options;
}

}  // namespace

bool LongTests() { return std::getenv("FAULTLINE_LONG_TESTS") != nullptr; }

v1::InferenceBatch NumbersBatch(const std::string& model, uint64_t index, uint32_t rows,
                                int columns) {
  Random random(index);
  v1::InferenceBatch batch;
  batch.set_model(model);
  batch.set_version("1");
  batch.set_rows(rows);
  for (int column = 0; column < columns; ++column) {
    v1::Column* x = batch.add_columns();
    x->set_name(column == 0 ? "x" : "x" + std::to_string(column));
    for (uint32_t row = 0; row < rows; ++row) x->mutable_doubles()->add_values(random.Normal());
  }
  return batch;
}

std::unique_ptr<cli::Producer> ConnectProducer(const DaemonChild& daemon, const std::string& id) {
  auto connected = cli::Producer::Connect(Options(daemon, id));
  EXPECT_TRUE(connected.ok()) << connected.status() << daemon.log();
  return connected.ok() ? std::move(*connected) : nullptr;
}

std::string Scrape(const DaemonChild& daemon) {
  std::string page;
  EXPECT_EQ(HttpRequest(daemon.http_address(), "GET", "/metrics", "", &page), 200);
  return page;
}

double Series(const std::string& page, const std::string& series) {
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(series + " ", 0) == 0) return std::stod(line.substr(series.size() + 1));
  }
  return NAN;
}

double Rows(const std::string& page, const std::string& result) {
  return result == "received" ? Series(page, "faultline_rows_received_total")
                              : Series(page, "faultline_rows_total{result=\"" + result + "\"}");
}

void ExpectRowsAddUp(const std::string& page) {
  EXPECT_EQ(Rows(page, "received"), Rows(page, "applied") + Rows(page, "duplicate") +
                                        Rows(page, "late") + Rows(page, "rejected") +
                                        Rows(page, "shed") +
                                        Series(page, "faultline_rows_in_flight"));
}

int ReadyCode(const DaemonChild& daemon) {
  std::string answer;
  return HttpRequest(daemon.http_address(), "GET", "/-/ready", "", &answer);
}

Sender::Sender(const DaemonChild& daemon, std::string name, uint32_t rows, int columns,
               std::chrono::microseconds pause)
    : name_(std::move(name)), rows_(rows) {
  cli::ProducerOptions options = Options(daemon, name_);
  options.interrupted = [this] { return giving_up_.load(); };
  options.on_committed = [this](uint64_t sequence, const v1::BatchOutcome& /*outcome*/) {
    acknowledged_ = sequence;
  };
  auto connected = cli::Producer::Connect(options);
  EXPECT_TRUE(connected.ok()) << connected.status() << daemon.log();
  if (!connected.ok()) return;
  producer_ = std::move(*connected);
  thread_ = std::thread([this, columns, pause] { Send(columns, pause); });
}

Sender::~Sender() {
  stopping_ = true;
  giving_up_ = true;
  if (thread_.joinable()) thread_.join();
}

void Sender::Send(int columns, std::chrono::microseconds pause) {
  for (uint64_t index = 0; !stopping_; ++index) {
    const auto sequence = producer_->Send(NumbersBatch(name_, index, rows_, columns));
    if (!sequence.ok()) {
      EXPECT_TRUE(giving_up_) << sequence.status();
      return;
    }
    ++sent_;
    std::this_thread::sleep_for(pause);
  }
}

bool Sender::Finish() {
  stopping_ = true;
  if (!thread_.joinable()) return false;
  thread_.join();
  const absl::Status flushed = producer_->Flush(std::chrono::minutes(5));
  EXPECT_TRUE(flushed.ok()) << flushed;
  // The callback may come a moment after the acknowledgement.
  return flushed.ok() && WaitUntil([this] { return acknowledged_ == sent_; });
}

}  // namespace faultline::testing
