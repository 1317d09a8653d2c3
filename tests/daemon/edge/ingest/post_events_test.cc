#include "daemon/edge/ingest/post_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "daemon/log/log.h"
#include "tests/daemon/edge/ingest/fake_intake.h"

namespace faultline {
namespace {

using testing::HasSubstr;

class PostEventsTest : public testing::Test {
 protected:
  struct Answer {
    int code = 0;
    int64_t accepted = 0, rejected = 0;
    std::string body;
  };
  // Answers are given before PostEvents returns unless the intake holds commits back.
  Answer Post(const std::string& body) {
    PostEvents(&hub_, body, [this](int code, std::string text) { Note(code, std::move(text)); });
    return answer_;
  }
  void Note(int code, std::string text) {
    EXPECT_EQ(answers_++, 0);
    const boost::json::value value = boost::json::parse(text);
    answer_ = {code, value.at("accepted").to_number<int64_t>(),
               value.at("rejected").to_number<int64_t>(), text};
  }

  FakeIntake intake_;
  IngestionHub hub_{&intake_, [] { return int64_t{77}; }};
  Answer answer_;
  int answers_ = 0;
};

TEST_F(PostEventsTest, SaysWhatWasTakenAndWhatWasNot) {
  const Answer answer = Post(
      "{\"model\":\"m\",\"features\":{\"a\":1}}\n"
      "{\"model\":\n"
      "{\"model\":\"n\",\"features\":{\"a\":1}}\n");
  EXPECT_EQ(answer.code, 200);
  EXPECT_EQ(answer.accepted, 2);
  EXPECT_EQ(answer.rejected, 1);
  EXPECT_THAT(answer.body, HasSubstr("\"line\":2,\"reason\":\"decode\""));
  EXPECT_EQ(intake_.batches(), 2u);
  EXPECT_EQ(intake_.rejected(v1::REJECT_REASON_DECODE), 1u);
}

TEST_F(PostEventsTest, NothingTakenIsABadRequest) { EXPECT_EQ(Post("nonsense").code, 400); }

TEST_F(PostEventsTest, RejectedLinesAreLogged) {
  const uint64_t dropped = LogLinesDropped();
  ::testing::internal::CaptureStderr();
  Post("{\"model\":\"m\"}\nnonsense\n");
  const std::string log = ::testing::internal::GetCapturedStderr();
  // Other tests of this process may have used up what the log takes at once.
  if (LogLinesDropped() == dropped) {
    EXPECT_THAT(log, HasSubstr("rows rejected source=post rows=1 reason=decode error=\"line 2: "));
  }
}

TEST_F(PostEventsTest, AnEmptyBodyIsFine) {
  const Answer answer = Post("");
  EXPECT_EQ(answer.code, 200);
  EXPECT_EQ(answer.body, "{\"accepted\":0,\"rejected\":0,\"errors\":[]}\n");
}

TEST_F(PostEventsTest, AnswersAfterTheCommit) {
  intake_.set_holding(true);
  Post("{\"model\":\"m\"}\n{\"model\":\"n\"}\n");
  EXPECT_EQ(answers_, 0);
  intake_.Commit();
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(answer_.accepted, 2);
}

TEST_F(PostEventsTest, StoppingIsUnavailable) {
  intake_.set_stopping(true);
  const Answer answer = Post("{\"model\":\"m\"}\n{\"model\":\"n\"}\n");
  EXPECT_EQ(answer.code, 503);
  EXPECT_EQ(answer.accepted, 0);
  EXPECT_EQ(answer.rejected, 2);
}

TEST_F(PostEventsTest, WaitsForSpace) {
  intake_.set_full(true);
  std::mutex mutex;
  std::condition_variable changed;
  int code = 0;
  PostEvents(&hub_, "{\"model\":\"m\"}", [&](int the_code, const std::string&) {
    std::lock_guard lock(mutex);
    code = the_code;
    changed.notify_one();
  });
  EXPECT_EQ(code, 0);
  intake_.set_full(false);
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return code != 0; }));
  EXPECT_EQ(code, 200);
}

TEST_F(PostEventsTest, IsShedWhenTooManyWait) {
  intake_.set_full(true);
  for (uint32_t i = 0; i < IngestionHub::kCallsWaitingMax; ++i) {
    ASSERT_TRUE(hub_.WaitForSpace(1, [] { return false; }));
  }
  const Answer answer = Post("{\"model\":\"m\"}\n{\"model\":\"m\"}\n");
  EXPECT_EQ(answer.code, 429);
  EXPECT_EQ(answer.rejected, 2);
  EXPECT_EQ(intake_.shed(), 2u);
  EXPECT_THAT(answer.body, HasSubstr("\"reason\":\"shed\"")) << "as the metric";
}

}  // namespace
}  // namespace faultline
