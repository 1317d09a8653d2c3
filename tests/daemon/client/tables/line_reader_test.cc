#include "daemon/client/tables/line_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace faultline::cli {
namespace {

// Gives out a text a few bytes at a time, then ends or fails.
class TextSource final : public ByteSource {
 public:
  TextSource(std::string text, absl::Status end) : text_(std::move(text)), end_(std::move(end)) {}
  double progress() const override { return -1; }

 private:
  absl::StatusOr<size_t> Pull(char* out, size_t size) override {
    if (at_ == text_.size() && !end_.ok()) return end_;
    const size_t got = text_.copy(out, std::min<size_t>(size, 3), at_);
    at_ += got;
    return got;
  }

  std::string text_;
  absl::Status end_;
  size_t at_ = 0;
};

LineReader ReaderOf(std::string text, absl::Status end = absl::OkStatus()) {
  return {std::make_unique<TextSource>(std::move(text), std::move(end)), 16};
}

// Each line as "number:text", refused ones as "number!reason".
std::vector<std::string> LinesOf(LineReader* reader) {
  std::vector<std::string> lines;
  std::string_view line;
  std::string reason;
  for (;;) {
    const RowResult result = reader->Next(&line, &reason);
    if (result == RowResult::kEnd) return lines;
    const bool row = result == RowResult::kRow;
    lines.push_back(std::to_string(reader->line()) +
                    (row ? ":" + std::string(line) : "!" + reason));
  }
}

using Strings = std::vector<std::string>;

TEST(LineReader, CountsAllLinesAndSkipsLongOnes) {
  LineReader reader = ReaderOf("one\n\ntwo\r\n" + std::string(40, 'x') + "\nlast");
  EXPECT_EQ(LinesOf(&reader),
            (Strings{"1:one", "2:", "3:two\r", "4!longer than 16 bytes", "5:last"}));
  EXPECT_TRUE(reader.open_end());
  EXPECT_TRUE(reader.status().ok());
}

TEST(LineReader, LastLineWithItsLineEndIsNoOpenEnd) {
  LineReader reader = ReaderOf("one\ntwo\n");
  EXPECT_EQ(LinesOf(&reader), (Strings{"1:one", "2:two"}));
  EXPECT_FALSE(reader.open_end());
}

TEST(LineReader, ByteOrderMarkIsDroppedAtTheStartOnly) {
  LineReader reader = ReaderOf(
      "\xef\xbb\xbf"
      "a\n\xef\xbb\xbf"
      "b\n");
  EXPECT_EQ(LinesOf(&reader), (Strings{"1:a",
                                       "2:\xef\xbb\xbf"
                                       "b"}));
}

TEST(LineReader, Utf16IsRefusedAsAWhole) {
  for (const std::string mark : {"\xff\xfe", "\xfe\xff"}) {
    LineReader reader = ReaderOf(mark + "a\nb\n");
    EXPECT_EQ(LinesOf(&reader), Strings());
    EXPECT_EQ(reader.status().message(), "line 1: UTF-16; expected UTF-8");
  }
}

TEST(LineReader, LineCutShortByAReadErrorIsRefused) {
  LineReader reader = ReaderOf("one\ntwo", absl::DataLossError("damaged"));
  EXPECT_EQ(LinesOf(&reader), (Strings{"1:one", "2!the file ends in the middle of this line"}));
  EXPECT_EQ(reader.status().message(), "damaged");
  EXPECT_TRUE(reader.open_end());
}

TEST(LineReader, RecordsMaySpanLines) {
  LineReader reader = ReaderOf("a(\nb)\nc\n");
  std::string_view line;
  std::string reason;
  ASSERT_EQ(reader.Next(&line, &reason), RowResult::kRow);
  EXPECT_EQ(line, "a(");
  while (reader.pending().size() < 5 && reader.More()) {
  }
  reader.EndRecord(5);
  EXPECT_EQ(LinesOf(&reader), Strings{"3:c"});
}

TEST(LineReader, RefusingARecordSkipsItsFirstLineOnly) {
  LineReader reader = ReaderOf("a(\nb\n");
  std::string_view line;
  std::string reason;
  ASSERT_EQ(reader.Next(&line, &reason), RowResult::kRow);
  EXPECT_EQ(reader.Refuse("not closed", &reason), RowResult::kRefused);
  EXPECT_EQ(reason, "not closed");
  EXPECT_EQ(LinesOf(&reader), Strings{"2:b"});
}

}  // namespace
}  // namespace faultline::cli
