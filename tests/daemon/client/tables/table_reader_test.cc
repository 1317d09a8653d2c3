#include "daemon/client/tables/table_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace faultline::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TableReaderTest : public ::testing::Test {
 protected:
  TableReaderTest() {
    std::string folder = ::testing::TempDir() + "table_reader_XXXXXX";
    folder_ = mkdtemp(folder.data());
  }
  ~TableReaderTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string Pack(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    gzFile file = gzopen(path.c_str(), "ab");  // appending makes a second member
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
    return path;
  }
  // Opens it and reads everything; batches_ and last_ then hold what came.
  void ReadAll(TableOptions options, BatchLimits limits = {}) {
    auto opened = TableReader::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status();
    reader_ = *std::move(opened);
    for (;;) {
      TableBatch batch;
      last_ = reader_->Read(limits, &batch);
      if (batch.batch.rows() == 0) break;
      EXPECT_EQ(batch.lines.size(), batch.batch.rows());
      batches_.push_back(std::move(batch));
    }
    const TableCounts& counts = reader_->counts();
    EXPECT_EQ(counts.read, counts.accepted + counts.refused);
    uint64_t rows = 0;
    for (const TableBatch& batch : batches_) rows += batch.batch.rows();
    EXPECT_EQ(rows, counts.accepted);
  }
  const v1::Column& column(int i) const { return batches_.at(0).batch.columns(i); }
  std::vector<std::string> Texts(int i) const {
    std::vector<std::string> texts;
    for (const uint32_t code : column(i).strings().codes()) {
      texts.push_back(column(i).strings().dictionary(static_cast<int>(code)));
    }
    return texts;
  }
  static TableOptions At(const std::string& path) {
    TableOptions options;
    options.path = path;
    return options;
  }

  std::string folder_;
  std::unique_ptr<TableReader> reader_;
  std::vector<TableBatch> batches_;
  absl::Status last_;
};

TEST_F(TableReaderTest, QuotesEmbeddedLineEndsAndByteOrderMark) {
  ReadAll(At(Write("a.csv",
                   "\xef\xbb\xbfname,note,x\r\n"
                   "\"a,\"\"b\"\"\",\"two\r\nlines\",1\r\n"
                   "plain 5\" pipe,,-2.5e3\r\n")));
  ASSERT_EQ(batches_.size(), 1u);
  EXPECT_TRUE(last_.ok());
  EXPECT_EQ(column(0).name(), "name");
  EXPECT_THAT(Texts(0), ElementsAre("a,\"b\"", "plain 5\" pipe"));
  EXPECT_EQ(Texts(1)[0], "two\r\nlines");
  EXPECT_EQ(column(1).null_bitmap(), std::string(1, '\x02'));
  EXPECT_THAT(column(2).doubles().values(), ElementsAre(1, -2500));
  EXPECT_THAT(batches_[0].lines, ElementsAre(2, 4));
  EXPECT_FALSE(reader_->open_end());
}

TEST_F(TableReaderTest, InfersTypesAndMissingValues) {
  ReadAll(At(Write("a.csv",
                   "n,b,s,v,none\n"
                   "NA,true,1,\"[1, 2]\",\n"
                   "+3,FALSE,x,\"[3,4]\",NA\n"
                   "1e999,null,NA,\"[5,6]\",null\n")));
  ASSERT_EQ(batches_.size(), 1u);
  EXPECT_EQ(column(0).doubles().values(1), 3);
  EXPECT_TRUE(std::isinf(column(0).doubles().values(2)));
  EXPECT_EQ(column(0).null_bitmap(), std::string(1, '\x01'));
  EXPECT_THAT(column(1).bools().values(), ElementsAre(true, false, false));
  EXPECT_EQ(column(1).null_bitmap(), std::string(1, '\x04'));
  EXPECT_THAT(Texts(2), ElementsAre("1", "x", ""));
  EXPECT_EQ(column(3).embeddings().dimension(), 2u);
  EXPECT_THAT(column(3).embeddings().values(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_TRUE(column(4).has_strings());
  EXPECT_EQ(column(4).null_bitmap(), std::string(1, '\x07'));
}

TEST_F(TableReaderTest, RefusesRowsWithLineAndReasonAndGoesOn) {
  TableOptions options = At(Write("a.csv",
                                  "a,b\n"
                                  "1,x\n"
                                  "1,2,3\n"
                                  "word,x\n"
                                  "2,\"un\"closed\n"
                                  "3,\xff\n" +
                                      std::string("4,\0\n", 4) +
                                      "5,x\n"
                                      "6,\"open\n"
                                      "7,x\n"
                                      "8"));
  options.types["a"] = TableType::kNumber;
  ReadAll(std::move(options));
  ASSERT_EQ(batches_.size(), 1u);
  EXPECT_THAT(column(0).doubles().values(), ElementsAre(1, 5, 7));
  std::vector<uint64_t> lines;
  for (const RefusedRow& row : reader_->refused()) lines.push_back(row.line);
  EXPECT_THAT(lines, ElementsAre(3, 4, 5, 6, 7, 9, 11));
  EXPECT_EQ(reader_->refused()[0].reason, "3 cells, expected 2");
  EXPECT_EQ(reader_->refused()[1].reason, "column a: \"word\" is not a number");
  EXPECT_EQ(reader_->refused()[2].reason, "text after a closing quote");
  EXPECT_EQ(reader_->refused()[3].reason, "not valid UTF-8");
  EXPECT_EQ(reader_->refused()[4].reason, "a NUL byte");
  EXPECT_EQ(reader_->refused()[5].reason, "unclosed quote");
  EXPECT_EQ(reader_->refused()[6].reason,
            "1 cells, expected 2; the file ends in the middle of this line");
  EXPECT_EQ(reader_->counts().read, 10u);
}

TEST_F(TableReaderTest, BadCellsMayCountAsMissing) {
  TableOptions options = At(Write("a.csv", "a\n1\nword\n"));
  options.types["a"] = TableType::kNumber;
  options.bad_cells_are_missing = true;
  ReadAll(std::move(options));
  EXPECT_EQ(reader_->counts().refused, 0u);
  EXPECT_EQ(column(0).null_bitmap(), std::string(1, '\x02'));
}

TEST_F(TableReaderTest, LongLinesAreRefusedWithoutBeingHeld) {
  std::string text = "a,b\n1,x\n";
  for (int i = 0; i < 9; ++i) text += "2," + std::string(1 << 20, 'y') + "\n";
  text += "3,\"" + std::string(5 << 20, 'z') + "\"\n4," + std::string(5 << 20, 'z') + "\n5,x\n";
  ReadAll(At(Write("a.csv", text)));
  EXPECT_EQ(reader_->counts().read, 13u);
  EXPECT_THAT(column(0).doubles().values(), ElementsAre(1, 5));
  EXPECT_EQ(reader_->refused()[0].reason, "column b: text of 1048576 bytes; at most 1024");
  EXPECT_EQ(reader_->refused()[9].reason, "longer than 4194304 bytes");
  EXPECT_EQ(reader_->refused()[10].reason, "longer than 4194304 bytes");
}

TEST_F(TableReaderTest, HeaderTwiceTheSameNameAndNoHeader) {
  ReadAll(At(Write("a.csv", "a,a,,a.1\n1,2,3,4\n")));
  EXPECT_EQ(column(0).name(), "a");
  EXPECT_EQ(column(1).name(), "a.1");
  EXPECT_EQ(column(2).name(), "column_3");
  EXPECT_EQ(column(3).name(), "a.1.1");
  batches_.clear();
  TableOptions options = At(Write("b.csv", "1;2\n3;4\n"));
  options.csv.header = false;
  options.csv.delimiter = ';';
  ReadAll(std::move(options));
  EXPECT_EQ(column(1).name(), "column_2");
  EXPECT_THAT(column(1).doubles().values(), ElementsAre(2, 4));
}

TEST_F(TableReaderTest, WhatIsNoTableIsSaidSo) {
  EXPECT_EQ(TableReader::Open(At(folder_ + "/none.csv")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(TableReader::Open(At(folder_)).status().message()), HasSubstr("folder"));
  EXPECT_THAT(std::string(TableReader::Open(At(Write("e.csv", ""))).status().message()),
              HasSubstr("empty"));
  std::string noise;
  for (int i = 0; i < 100'000; ++i) noise.push_back(static_cast<char>(i * 7919 >> 3));
  EXPECT_FALSE(TableReader::Open(At(Write("n.csv", noise))).ok());
  EXPECT_THAT(std::string(TableReader::Open(At(Write("u.csv", std::string("\xff\xfe"
                                                                          "a\0",
                                                                          4))))
                              .status()
                              .message()),
              HasSubstr("UTF-16"));
  TableOptions options = At(Write("a.csv", "a,b\n1,2\n"));
  options.time_column = "when";
  EXPECT_THAT(std::string(TableReader::Open(options).status().message()),
              HasSubstr("no column \"when\"; there are a, b"));
}

TEST_F(TableReaderTest, JsonLines) {
  ReadAll(At(Write("a.jsonl",
                   "{\"a\": 1, \"in\": {\"x\": \"u\"}, \"v\": [1, 2.5]}\n"
                   "\n"
                   "{\"a\": null, \"late\": true}\r\n"
                   "[1]\n"
                   "{\"a\": \"word\"}\n"
                   "{\"a\": [\"p\"]}\n"
                   "{\"a\": 2, \"in\": {\"x\": 7}}\n"
                   "{\"a\": 3, \"in")));
  EXPECT_EQ(reader_->counts().read, 7u);
  EXPECT_EQ(reader_->counts().accepted, 4u);  // "a" holds a word too: text
  EXPECT_EQ(column(0).name(), "a");
  EXPECT_THAT(Texts(0), ElementsAre("1", "", "word", "2"));
  EXPECT_EQ(column(1).name(), "in.x");
  EXPECT_THAT(Texts(1), ElementsAre("u", "", "", "7"));
  EXPECT_THAT(column(2).embeddings().values(), ElementsAre(1, 2.5, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(column(3).bools().values(), ElementsAre(false, true, false, false));
  EXPECT_EQ(reader_->refused()[0].reason, "not a JSON object");
  EXPECT_EQ(reader_->refused()[1].reason, "column a: an array that is not all numbers");
  EXPECT_EQ(reader_->refused()[2].line, 8u);
  EXPECT_THAT(reader_->refused()[2].reason, HasSubstr("the file ends in the middle"));
}

TEST_F(TableReaderTest, JsonColumnsThatComeLateJoin) {
  TableOptions options = At(Write("a.jsonl", "{\"a\":1}\n{\"a\":2}\n{\"a\":3,\"b\":\"x\"}\n"));
  options.infer_rows = 1;
  ReadAll(std::move(options));
  ASSERT_EQ(batches_[0].batch.columns_size(), 2);
  EXPECT_THAT(Texts(1), ElementsAre("", "", "x"));
  EXPECT_EQ(column(1).null_bitmap(), std::string(1, '\x03'));
}

TEST_F(TableReaderTest, GzipInSeveralMembersAndCut) {
  const std::string path = Pack("a.csv.gz", "a\n1\n2\n");
  Pack("a.csv.gz", "3\n4\n");
  ReadAll(At(path));
  EXPECT_THAT(column(0).doubles().values(), ElementsAre(1, 2, 3, 4));
  EXPECT_TRUE(last_.ok());

  batches_.clear();
  std::string rows = "a\n";
  for (int i = 0; i < 50'000; ++i) rows += std::to_string(i * 7919 % 100'003) + "\n";
  const std::string cut = Pack("cut.csv.gz", rows);
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) / 2);
  ReadAll(At(cut));
  EXPECT_EQ(last_.code(), absl::StatusCode::kDataLoss);
  EXPECT_GT(reader_->counts().accepted, 1'000u);
  EXPECT_LE(reader_->counts().refused, 1u);
}

TEST_F(TableReaderTest, TimesAndIds) {
  TableOptions options = At(Write("a.csv",
                                  "id,t,x\n"
                                  "p1,2024-03-01T00:00:00.5Z,1\n"
                                  "p2,2024-03-01 01:00:00,2\n"
                                  "p3,1709251200,3\n"
                                  "p4,1709251200123,4\n"
                                  "p5,1709251200123456789,5\n"
                                  "p6,2024-03-01T02:00:00+02:00,6\n"
                                  ",1709251200,7\n"
                                  "p8,yesterday,8\n"
                                  "p9,-5,9\n"));
  options.id_column = "id";
  options.time_column = "t";
  ReadAll(std::move(options));
  const v1::InferenceBatch& batch = batches_[0].batch;
  EXPECT_EQ(batch.columns_size(), 1);
  EXPECT_THAT(batch.prediction_ids(), ElementsAre("p1", "p2", "p3", "p4", "p5", "p6"));
  constexpr uint64_t kDay = 1'709'251'200'000'000'000;
  EXPECT_THAT(batch.event_times_unix_nano(),
              ElementsAre(kDay + 500'000'000, kDay + 3'600'000'000'000, kDay, kDay + 123'000'000,
                          kDay + 123'456'789, kDay));
  EXPECT_EQ(reader_->counts().refused, 3u);
}

TEST_F(TableReaderTest, BatchesBreakAtRowsBytesAndSpans) {
  std::string text = "t,x\n";
  for (int i = 0; i < 10; ++i) text += std::to_string(1'000 + i) + "," + std::to_string(i) + "\n";
  TableOptions options = At(Write("a.csv", text));
  options.time_column = "t";
  ReadAll(options, {.rows = 4});
  EXPECT_EQ(batches_.size(), 3u);
  batches_.clear();
  ReadAll(options, {.span_ns = 1'000'000'000});
  EXPECT_EQ(batches_.size(), 5u);
  EXPECT_THAT(batches_[4].lines, ElementsAre(10, 11));
  batches_.clear();
  ReadAll(options, {.bytes = 40});
  EXPECT_EQ(batches_.size(), 4u);
}

TEST_F(TableReaderTest, SkipsAndEndsByRowsOfTheFile) {
  TableOptions options = At(Write("a.csv", "a\n1\nbad,row\n3\n4\nbad,row\n6\n"));
  options.skip_rows = 2;
  options.rows_max = 3;
  ReadAll(std::move(options));
  EXPECT_THAT(column(0).doubles().values(), ElementsAre(3, 4));
  EXPECT_EQ(reader_->counts().read, 3u);
  EXPECT_EQ(reader_->counts().refused, 1u);
}

TEST_F(TableReaderTest, ManyDistinctStrings) {
  std::string text = "s\n";
  for (int i = 0; i < 100'000; ++i) text += "category " + std::to_string(i) + "\n";
  ReadAll(At(Write("a.csv", text)), {.rows = 65'536, .bytes = 64 << 20});
  ASSERT_EQ(batches_.size(), 2u);
  EXPECT_EQ(column(0).strings().dictionary_size(), 65'536);
  EXPECT_EQ(batches_[1].batch.columns(0).strings().dictionary(0), "category 65536");
}

struct RealTable {
  const char* path;
  uint64_t rows;
  int columns;
};

class RealTableTest : public ::testing::TestWithParam<RealTable> {};

// Rows and columns as counted by Python's csv module.
TEST_P(RealTableTest, EverythingLands) {
  const std::string path = std::string(FAULTLINE_SOURCE_DIR) + "/../shared/data/" + GetParam().path;
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  TableOptions options;
  options.path = path;
  auto reader = TableReader::Open(options);
  ASSERT_TRUE(reader.ok()) << reader.status();
  uint64_t rows = 0;
  for (;;) {
    TableBatch batch;
    ASSERT_TRUE((*reader)->Read({}, &batch).ok());
    if (batch.batch.rows() == 0) break;
    rows += batch.batch.rows();
    ASSERT_EQ(batch.batch.columns_size(), GetParam().columns);
  }
  const TableCounts& counts = (*reader)->counts();
  EXPECT_EQ(counts.read, GetParam().rows);
  EXPECT_EQ(counts.read, counts.accepted + counts.refused);
  EXPECT_EQ(rows, counts.accepted);
  for (const RefusedRow& row : (*reader)->refused()) {
    ADD_FAILURE() << "line " << row.line << ": " << row.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tables, RealTableTest,
    ::testing::Values(RealTable{"dirty_tables/beers_clean.csv.gz", 2410, 11},
                      RealTable{"dirty_tables/beers_dirty.csv.gz", 2410, 11},
                      RealTable{"dirty_tables/hospital_clean.csv.gz", 1000, 20},
                      RealTable{"dirty_tables/hospital_dirty.csv.gz", 1000, 20},
                      RealTable{"fairness/compas_discretized.csv.gz", 6172, 8},
                      RealTable{"fairness/compas_two_years.csv.gz", 7214, 53},
                      RealTable{"fairness/german.csv", 1000, 21}));

}  // namespace
}  // namespace faultline::cli
