// instructions_bench TASK UNITS: does a fixed piece of work so many times, for callgrind to count.
// What is done before does not depend on UNITS, so the difference of two runs is the work alone.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "daemon/core/shard/shard.h"
#include "daemon/edge/decode/decode.h"
#include "faultline/v1/event.pb.h"
#include "tests/support/streams.h"

namespace faultline::bench {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'790'000'000 * kSecond;
constexpr uint32_t kFeatures = 64;
constexpr uint32_t kBatches = 16;  // that differ

std::shared_ptr<const Settings> MakeSettings(uint32_t pane_rows) {
  v1::Config config;
  config.mutable_defaults()->mutable_pane()->set_rows(pane_rows);
  config.mutable_defaults()->mutable_reference()->set_learn_rows(2'000);
  const auto settings = Settings::Make(config, 1);
  FAULTLINE_CHECK(settings.ok(), "the settings of the benchmark are valid");
  return *settings;
}

std::vector<v1::InferenceBatch> MakeMessages(uint32_t rows) {
  const std::vector<double> values = testing::Normals(7, size_t{kFeatures} * rows * kBatches);
  size_t next = 0;
  std::vector<v1::InferenceBatch> messages(kBatches);
  for (v1::InferenceBatch& message : messages) {
    message.set_model("credit");
    message.set_version("1");
    message.set_rows(rows);
    for (uint32_t row = 0; row < rows; ++row) {
      message.add_event_times_unix_nano(static_cast<uint64_t>(kStart + row));
    }
    for (uint32_t feature = 0; feature < kFeatures; ++feature) {
      v1::Column* column = message.add_columns();
      column->set_name("feature_" + std::to_string(feature));
      for (uint32_t row = 0; row < rows; ++row) {
        column->mutable_doubles()->add_values(values[next++]);
      }
    }
  }
  return messages;
}

std::unique_ptr<EventBatch> Decoded(v1::InferenceBatch message) {
  Refusal refusal;
  std::unique_ptr<EventBatch> batch =
      DecodeBatch(&message, {.received_ns = kStart + kSecond}, &refusal);
  FAULTLINE_CHECK(batch != nullptr, "the batches of the benchmark can be decoded");
  return batch;
}

void Decode(int units) {
  const std::vector<v1::InferenceBatch> messages = MakeMessages(256);
  std::vector<std::string> bytes;
  for (const v1::InferenceBatch& message : messages) bytes.push_back(message.SerializeAsString());
  v1::InferenceBatch message;
  for (int unit = 0; unit < units; ++unit) {
    FAULTLINE_CHECK(message.ParseFromString(bytes[static_cast<size_t>(unit) % kBatches]), "parses");
    Refusal refusal;
    FAULTLINE_CHECK(DecodeBatch(&message, {.received_ns = kStart + kSecond}, &refusal), "decodes");
  }
}

// Batches of so many rows into panes of so many, after the reference was learnt.
void Apply(uint32_t rows, uint32_t pane_rows, int units) {
  std::vector<std::shared_ptr<EventBatch>> batches;
  for (v1::InferenceBatch& message : MakeMessages(rows)) batches.push_back(Decoded(message));
  Shard shard(MakeSettings(pane_rows));
  Effects effects;
  const int warm = static_cast<int>(3'000 / rows) + 1;
  for (int i = 0; i < warm + units; ++i) {
    BatchResult result;
    shard.Apply(batches[static_cast<size_t>(i) % kBatches], &result, &effects);
    FAULTLINE_CHECK(result.applied_rows == rows, "every row is applied");
    effects.writes.clear();
  }
}

int Main(int argc, char** argv) {
  const std::map<std::string, std::function<void(int)>> tasks = {
      {"decode_256_rows", Decode},
      {"count_256_rows", [](int units) { Apply(256, 1'000'000, units); }},
      {"count_1_row", [](int units) { Apply(1, 1'000'000, units); }},
      {"close_panes_of_128_rows", [](int units) { Apply(128, 128, units); }},
  };
  const auto task = argc == 3 ? tasks.find(argv[1]) : tasks.end();
  if (task == tasks.end()) {
    std::fprintf(stderr, "usage: instructions_bench TASK UNITS; tasks:");
    for (const auto& [name, run] : tasks) std::fprintf(stderr, " %s", name.c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  task->second(std::atoi(argv[2]));
  return 0;
}

}  // namespace
}  // namespace faultline::bench

int main(int argc, char** argv) { return faultline::bench::Main(argc, argv); }
