#include "storage/segments/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/segments/segment.h"
#include "storage/tables/envelope.h"
#include "tests/storage/files.h"
#include "tests/storage/temporary_folder.h"

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

// A batch whose payload is its ids, each followed by a comma, so that a test can redact it.
RecordedEvents Batch(const std::string& model, int64_t first_ns, std::vector<std::string> ids,
                     size_t padding = 0) {
  RecordedEvents events;
  events.model = model;
  events.version = "v1";
  events.first_ns = first_ns;
  events.last_ns = first_ns + 9;
  events.rows = static_cast<uint32_t>(ids.size());
  for (const std::string& id : ids) events.payload += id + ",";
  events.payload += std::string(padding, '.');
  events.prediction_ids = std::move(ids);
  return events;
}

std::string RedactBatch(std::string_view payload, const std::vector<uint32_t>& rows) {
  std::string left;
  uint32_t row = 0;
  size_t next_erased = 0;
  while (payload.find(',') != std::string_view::npos) {
    const size_t end = payload.find(',') + 1;
    if (next_erased < rows.size() && rows[next_erased] == row) {
      ++next_erased;
    } else {
      left += payload.substr(0, end);
    }
    payload.remove_prefix(end);
    ++row;
  }
  return left + std::string(payload);
}

class RecorderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.folder = folder_ / "events";
    options_.bytes_max = 1 << 20;
    options_.bytes_per_second_max = 1ull << 40;
    Reopen();
  }
  void Reopen() {
    recorder_.reset();
    auto opened = Recorder::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    recorder_ = *std::move(opened);
  }
  std::vector<RecordedEvents> Scan(const std::string& model, int64_t first_ns = 0,
                                   int64_t last_ns = kForever) {
    std::vector<RecordedEvents> batches;
    scanned_ = recorder_->Scan(model, first_ns, last_ns, [&](const RecordedEvents& events) {
      batches.push_back(events);
      return true;
    });
    return batches;
  }
  std::string Payloads(const std::string& model) {
    std::string payloads;
    for (const RecordedEvents& events : Scan(model)) payloads += events.payload;
    return payloads;
  }
  std::vector<std::string> Segments() const {
    return FindFiles(options_.folder, "segment-", ".events");
  }
  // So many batches of about 8 KiB each, of ids <prefix>0, <prefix>1, ...
  void Fill(const std::string& model, const std::string& prefix, int batches, int64_t now_ns = 0) {
    for (int i = 0; i < batches; ++i) {
      recorder_->Append(Batch(model, i * 10, {prefix + std::to_string(i)}, 8'000), now_ns);
    }
  }

  TemporaryFolder folder_;
  RecorderOptions options_;
  std::unique_ptr<Recorder> recorder_;
  absl::Status scanned_;
};

TEST_F(RecorderTest, BatchesComeBackWholeInTheirOrder) {
  RecordedEvents first = Batch("credit", -5, {"a", "", "c"});
  first.version = std::string("\0v", 2);
  first.payload = std::string("\0\xff payload", 10);
  recorder_->Append(first, 1);
  recorder_->Append(Batch("other", 0, {"x"}), 2);
  recorder_->Append(Batch("credit", 100, {}), 3);
  for (int opened = 0; opened < 3; ++opened) {
    const auto batches = Scan("credit", -100);
    ASSERT_TRUE(scanned_.ok()) << scanned_;
    ASSERT_EQ(batches.size(), 2u);
    EXPECT_EQ(batches[0].version, first.version);
    EXPECT_EQ(batches[0].first_ns, -5);
    EXPECT_EQ(batches[0].last_ns, 4);
    EXPECT_EQ(batches[0].rows, 3u);
    EXPECT_EQ(batches[0].prediction_ids, first.prediction_ids);
    EXPECT_EQ(batches[0].payload, first.payload);
    EXPECT_EQ(batches[0].dropped_before, 0u);
    EXPECT_TRUE(batches[1].prediction_ids.empty());
    Reopen();
  }
  EXPECT_TRUE(Scan("unknown").empty());
}

TEST_F(RecorderTest, ScanTakesWhatTouchesTheTimes) {
  for (int i = 0; i < 5; ++i) recorder_->Append(Batch("m", i * 10, {std::to_string(i)}), 0);
  const auto ids = [this](int64_t first_ns, int64_t last_ns) {
    std::string all;
    for (const RecordedEvents& events : Scan("m", first_ns, last_ns)) {
      all += events.prediction_ids[0];
    }
    return all;
  };
  EXPECT_EQ(ids(10, 29), "12");
  EXPECT_EQ(ids(19, 20), "12");
  EXPECT_EQ(ids(49, kForever), "4");
  EXPECT_EQ(ids(50, kForever), "");
  int visited = 0;
  EXPECT_TRUE(recorder_->Scan("m", 0, kForever, [&](const auto&) { return ++visited < 2; }).ok());
  EXPECT_EQ(visited, 2);
}

TEST_F(RecorderTest, ReadingCountsRowsAndBytes) {
  Fill("m", "a", 20);
  recorder_->Append(Batch("m", 0, {"x", "y", "z"}), 0);
  const RecorderReading reading = recorder_->Read();
  EXPECT_EQ(reading.recorded_rows, 23u);
  EXPECT_EQ(reading.dropped_rows, 0u);
  EXPECT_EQ(reading.segments, Segments().size());
  uint64_t bytes = 0;
  for (const std::string& file : FindFiles(options_.folder, "segment-", "")) {
    bytes += std::filesystem::file_size(file);
  }
  EXPECT_EQ(reading.bytes, bytes);
  Reopen();
  EXPECT_EQ(recorder_->Read().bytes, bytes);
  EXPECT_EQ(recorder_->Read().recorded_rows, 0u);
}

TEST_F(RecorderTest, OldestSegmentsGoBeyondTheBytes) {
  Fill("m", "a", 400);
  EXPECT_LE(recorder_->Read().bytes, options_.bytes_max);
  EXPECT_GE(recorder_->Read().bytes, options_.bytes_max / 2);
  const auto batches = Scan("m");
  ASSERT_TRUE(scanned_.ok()) << scanned_;
  ASSERT_GT(batches.size(), 50u);
  EXPECT_EQ(batches.back().prediction_ids[0], "a399");
  EXPECT_EQ(batches.front().prediction_ids[0], "a" + std::to_string(400 - batches.size()));
}

TEST_F(RecorderTest, SegmentsGoByAgeAlsoWhenNothingComesIn) {
  options_.age_max_ns = 80 * kSecond;
  Reopen();
  recorder_->Append(Batch("m", 0, {"old"}), 0);
  recorder_->Append(Batch("m", 0, {"newer"}), 5 * kSecond);
  recorder_->Retain(80 * kSecond);
  EXPECT_EQ(Payloads("m"), "old,newer,");
  recorder_->Append(Batch("m", 0, {"newest"}), 80 * kSecond);
  recorder_->Retain(86 * kSecond);
  EXPECT_EQ(Payloads("m"), "newest,");
  Reopen();
  recorder_->Retain(161 * kSecond);
  EXPECT_EQ(Payloads("m"), "");
  EXPECT_EQ(recorder_->Read().segments, 0u);
  EXPECT_EQ(recorder_->Read().bytes, 0u);
}

TEST_F(RecorderTest, WhatExceedsTheByteRateIsCountedAndLeavesAGap) {
  options_.bytes_per_second_max = 20'000;
  Reopen();
  const int64_t start = 1'700'000'000 * kSecond;
  Fill("m", "a", 10, start);
  const RecorderReading burst = recorder_->Read();
  EXPECT_EQ(burst.recorded_rows, 3u) << "a second's bytes, and what begins within them";
  EXPECT_EQ(burst.dropped_rows, 7u);
  recorder_->Append(Batch("m", 0, {"before"}), start - 100 * kSecond);
  EXPECT_EQ(recorder_->Read().dropped_rows, 8u) << "a clock going back gives nothing";
  recorder_->Append(Batch("m", 0, {"after"}), start + kSecond);
  EXPECT_EQ(recorder_->Read().recorded_rows, 4u);
  Reopen();
  const auto batches = Scan("m");
  EXPECT_EQ(batches.back().prediction_ids[0], "after");
  EXPECT_EQ(batches.back().dropped_before, 8u);
  EXPECT_EQ(batches.front().dropped_before, 0u);
}

TEST_F(RecorderTest, LongRunRateHolds) {
  options_.bytes_per_second_max = 50'000;
  options_.bytes_max = 1ull << 30;
  Reopen();
  for (int tick = 0; tick < 1'000; ++tick) {  // 100 seconds at 8 KB per 100 ms
    recorder_->Append(Batch("m", tick, {"x"}, 8'000), tick * kSecond / 10);
  }
  EXPECT_GT(recorder_->Read().bytes, 100u * 48'000);
  EXPECT_LT(recorder_->Read().bytes, 101u * 50'000 + 10'000);
}

TEST_F(RecorderTest, BatchTooLargeForAllIsDropped) {
  recorder_->Append(Batch("m", 0, {"huge"}, 2 << 20), 0);
  recorder_->Append(Batch("m", 0, {"small"}), 0);
  EXPECT_EQ(recorder_->Read().dropped_rows, 1u);
  EXPECT_EQ(Scan("m").front().dropped_before, 1u);
}

TEST_F(RecorderTest, TailTornAnywhereIsCutOff) {
  Fill("m", "a", 3);
  recorder_.reset();
  ASSERT_EQ(Segments().size(), 1u);
  const std::string segment = Segments()[0];
  const std::string whole = ReadBytes(segment);
  std::mt19937_64 random(1);
  for (int round = 0; round < 60; ++round) {
    const size_t size = round < 40 ? round : random() % whole.size();
    WriteBytes(segment, whole.substr(0, size));
    Reopen();
    const size_t kept = Scan("m").size();
    EXPECT_TRUE(scanned_.ok()) << scanned_;
    EXPECT_EQ(kept, size < kSegmentHeaderBytes
                        ? 0
                        : (size - kSegmentHeaderBytes) * 3 / (whole.size() - kSegmentHeaderBytes));
    recorder_->Append(Batch("m", 0, {"next"}), 0);
    EXPECT_EQ(Scan("m").size(), kept + 1);
    EXPECT_TRUE(scanned_.ok()) << scanned_;
    recorder_.reset();
    for (const std::string& file : FindFiles(options_.folder, "segment-", "")) {
      std::filesystem::remove(file);
    }
  }
}

TEST_F(RecorderTest, DamageElsewhereIsPassedOverAndReported) {
  Fill("m", "a", 30);
  const size_t segments = Segments().size();
  ASSERT_GT(segments, 2u);
  const std::string first = Segments()[0];
  FlipByte(first, std::filesystem::file_size(first) / 2);
  for (int opened = 0; opened < 2; ++opened) {
    const auto batches = Scan("m");
    EXPECT_TRUE(absl::IsDataLoss(scanned_)) << scanned_;
    EXPECT_EQ(batches.size(), 29u);
    EXPECT_EQ(batches.back().prediction_ids[0], "a29");
    Reopen();
  }
}

TEST_F(RecorderTest, HostileBytesNeverCrashAndNeverInventBatches) {
  Fill("m", "a", 4);
  recorder_.reset();
  const std::string segment = Segments()[0];
  const std::string whole = ReadBytes(segment);
  std::mt19937_64 random(2);
  for (int round = 0; round < 150; ++round) {
    std::string bytes = whole;
    for (uint64_t edits = 1 + random() % 5; edits > 0; --edits) {
      // Mostly where lengths and counts are.
      const size_t record = (whole.size() - kSegmentHeaderBytes) / 4 * (random() % 4);
      const size_t at = random() % 2 == 0 ? record + random() % 100 : random() % whole.size();
      bytes[at] = static_cast<char>(random());
    }
    WriteBytes(segment, bytes);
    auto opened = Recorder::Open(options_);
    if (!opened.ok()) continue;
    size_t batches = 0;
    const auto visit = [&batches](const RecordedEvents& events) {
      EXPECT_EQ(events.payload.size(), 8'003u);
      ++batches;
      return true;
    };
    (void)(*opened)->Scan("m", 0, kForever, visit);
    EXPECT_LE(batches, 4u);
    EXPECT_TRUE((*opened)->Erase("a1", RedactBatch).ok());
  }
}

TEST_F(RecorderTest, NewerSegmentsAreRefused) {
  Fill("m", "a", 1);
  recorder_.reset();
  std::string bytes = ReadBytes(Segments()[0]);
  const std::string newer = Seal('S', 2, std::string(16, '\0'));
  WriteBytes(Segments()[0], newer + bytes.substr(kSegmentHeaderBytes));
  const absl::Status status = Recorder::Open(options_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr(Segments()[0]));
}

TEST_F(RecorderTest, FolderHasOneOwner) {
  EXPECT_TRUE(absl::IsFailedPrecondition(Recorder::Open(options_).status()));
}

TEST_F(RecorderTest, EraseTakesTheRowsOutOfEverySegment) {
  recorder_->Append(Batch("m", 0, {"a", "victim", "b", "victim"}), 0);
  Fill("m", "x", 20);
  recorder_->Append(Batch("m", 0, {"victim"}), 0);
  recorder_->Append(Batch("n", 0, {"c", "victim"}), 0);
  ASSERT_GT(Segments().size(), 1u);
  const auto erased = recorder_->Erase("victim", RedactBatch);
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(*erased, 4u);
  EXPECT_EQ(*recorder_->Erase("victim", RedactBatch), 0u);
  for (int opened = 0; opened < 2; ++opened) {
    const auto batches = Scan("m");
    EXPECT_TRUE(scanned_.ok()) << scanned_;
    ASSERT_EQ(batches.size(), 21u);
    EXPECT_EQ(batches[0].payload, "a,b,");
    EXPECT_EQ(batches[0].rows, 2u);
    EXPECT_THAT(batches[0].prediction_ids, ElementsAre("a", "b"));
    EXPECT_EQ(Payloads("n"), "c,");
    for (const std::string& file : FindFiles(options_.folder, "segment-", ".events")) {
      EXPECT_EQ(ReadBytes(file).find("victim"), std::string::npos) << file;
    }
    Reopen();
  }
  EXPECT_EQ(*recorder_->Erase("x7", RedactBatch), 1u) << "indexes of rewritten segments fit";
  EXPECT_EQ(*recorder_->Erase("unknown", RedactBatch), 0u);
  EXPECT_TRUE(absl::IsInvalidArgument(recorder_->Erase("", RedactBatch).status()));
}

TEST_F(RecorderTest, EraseReadsOnlyTheSegmentsConcerned) {
  Fill("m", "a", 40);
  const std::vector<std::string> segments = Segments();
  ASSERT_GT(segments.size(), 3u);
  std::vector<std::string> before;
  for (const std::string& segment : segments) before.push_back(ReadBytes(segment));
  ASSERT_EQ(*recorder_->Erase("a0", RedactBatch), 1u);
  EXPECT_NE(ReadBytes(segments[0]), before[0]);
  for (size_t i = 1; i < segments.size(); ++i) EXPECT_EQ(ReadBytes(segments[i]), before[i]);
  EXPECT_EQ(Segments().size(), segments.size()) << "the open segment stays open";
}

TEST_F(RecorderTest, EraseDoesWithoutUsableIndexes) {
  Fill("m", "a", 40);
  const std::vector<std::string> indexes = FindFiles(options_.folder, "segment-", ".ids");
  ASSERT_GT(indexes.size(), 2u);
  std::filesystem::remove(indexes[0]);
  FlipByte(indexes[1], 20);
  WriteBytes(indexes[2], ReadBytes(FindFiles(options_.folder, "segment-", ".ids").back()));
  for (const char* id : {"a0", "a10", "a20"}) EXPECT_EQ(*recorder_->Erase(id, RedactBatch), 1u);
}

TEST_F(RecorderTest, GapsOfErasedBatchesStay) {
  options_.bytes_per_second_max = 100;
  Reopen();
  recorder_->Append(Batch("m", 0, {"a"}), 0);
  recorder_->Append(Batch("m", 0, {"dropped"}, 500), 0);
  recorder_->Append(Batch("m", 0, {"dropped"}, 500), 0);
  recorder_->Append(Batch("m", 0, {"victim"}), 10 * kSecond);
  recorder_->Append(Batch("m", 0, {"b"}), 20 * kSecond);
  ASSERT_EQ(*recorder_->Erase("victim", RedactBatch), 1u);
  uint64_t gap = 0;
  for (const RecordedEvents& events : Scan("m")) gap += events.dropped_before;
  EXPECT_EQ(gap, recorder_->Read().dropped_rows);
}

TEST_F(RecorderTest, FailingDiskIsCountedAndRecordingGoesOnAfterIt) {
  Fill("m", "a", 2);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit limited{20'000, before.rlim_max};  // in the middle of the third batch
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
  Fill("m", "lost", 3);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, ignored);
  EXPECT_EQ(recorder_->Read().dropped_rows, 3u);
  Fill("m", "b", 2);
  const auto batches = Scan("m");
  EXPECT_TRUE(scanned_.ok()) << scanned_;
  ASSERT_EQ(batches.size(), 4u);
  EXPECT_EQ(batches[2].prediction_ids[0], "b0");
  EXPECT_EQ(batches[2].dropped_before, 3u);
}

TEST_F(RecorderTest, NearlyFullDiskIsLeftToTheStore) {
  SmallDisk disk(16 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system";
  options_.folder = disk.path() + "/events";
  options_.bytes_max = 1ull << 30;
  Reopen();
  Fill("m", "a", 3'000);
  EXPECT_GT(recorder_->Read().dropped_rows, 0u);
  EXPECT_GT(recorder_->Read().bytes, 10u << 20);
  EXPECT_GT(std::filesystem::space(disk.path()).available, (16u << 20) / 25);
  recorder_.reset();
}

TEST_F(RecorderTest, AppendsScansErasesAndRetainsAtOnce) {
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    while (!done) {
      int64_t before = -1;
      const absl::Status status = recorder_->Scan("m", 0, kForever, [&](const auto& events) {
        EXPECT_GT(events.first_ns, before);
        before = events.first_ns;
        return true;
      });
      EXPECT_TRUE(status.ok()) << status;
    }
  });
  threads.emplace_back([&] {
    for (int i = 0; !done; ++i) {
      const auto erased = recorder_->Erase("a" + std::to_string(i % 500), RedactBatch);
      EXPECT_TRUE(erased.ok()) << erased.status();
      recorder_->Retain(i);
    }
  });
  Fill("m", "a", 1'000);
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(recorder_->Read().recorded_rows, 1'000u);
}

}  // namespace
}  // namespace faultline
