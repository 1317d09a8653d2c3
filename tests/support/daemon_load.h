#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "daemon/client/producer.h"
#include "faultline/v1/event.pb.h"
#include "tests/support/daemon_child.h"

namespace faultline::testing {

// Whether tests may take hours.
bool LongTests();

// Version "1" of a model, batch `index`: the same bytes at every call. More columns make commits
// larger; they are called x, x1, x2, ...
v1::InferenceBatch NumbersBatch(const std::string& model, uint64_t index, uint32_t rows,
                                int columns = 1);

// A failure is a test failure and gives null.
std::unique_ptr<cli::Producer> ConnectProducer(const DaemonChild& daemon, const std::string& id);

// The metrics page, "" if there is none.
std::string Scrape(const DaemonChild& daemon);
// The value of the series whose line begins with `series`; NaN if there is none.
double Series(const std::string& page, const std::string& series);
// Rows by result; "received" too.
double Rows(const std::string& page, const std::string& result);
// received = applied + duplicate + late + rejected + shed + in flight.
void ExpectRowsAddUp(const std::string& page);
// Status code of /-/ready; 0 if there is no answer.
int ReadyCode(const DaemonChild& daemon);

// A producer with a model of its own name, version "1", that sends numbered batches on a thread and
// keeps what it was told is committed.
class Sender {
 public:
  // `pause`: between two batches.
  Sender(const DaemonChild& daemon, std::string name, uint32_t rows, int columns = 1,
         std::chrono::microseconds pause = std::chrono::microseconds(0));
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Stops sending and waits until all of it is acknowledged; false if that fails.
  bool Finish();
  const std::string& name() const { return name_; }
  uint64_t sent_rows() const { return sent_ * rows_; }
  uint64_t acknowledged_rows() const { return acknowledged_ * rows_; }
  cli::ProducerTotals totals() const { return producer_->totals(); }

 private:
  void Send(int columns, std::chrono::microseconds pause);

  const std::string name_;
  const uint32_t rows_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> giving_up_ = false;
  std::atomic<uint64_t> sent_ = 0;
  std::atomic<uint64_t> acknowledged_ = 0;  // batches, all up to here
  std::unique_ptr<cli::Producer> producer_;
  std::thread thread_;
};

}  // namespace faultline::testing
