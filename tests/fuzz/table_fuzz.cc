// A table in CSV or JSON lines, packed or not. The first byte chooses how it is read.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"
#include "daemon/client/tables/table_reader.h"
#include "daemon/edge/decode/decode.h"
#include "tests/fuzz/batches.h"
#include "tests/fuzz/core_state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

namespace faultline::fuzz {
namespace {

// A file without a name, for what wants a path.
class Nameless {
 public:
  explicit Nameless(std::string_view bytes) : file_(memfd_create("table", MFD_CLOEXEC)) {
    FAULTLINE_CHECK(write(file_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
                    "it is in memory");
  }
  ~Nameless() { close(file_); }
  Nameless(const Nameless&) = delete;
  Nameless& operator=(const Nameless&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

cli::TableOptions OptionsOf(unsigned char choice, const std::string& path) {
  cli::TableOptions options;
  options.path = path;
  options.infer_rows = 5;
  if ((choice & 1) != 0) options.csv.header = false;
  if ((choice & 2) != 0) options.csv.delimiter = ';';
  if ((choice & 4) != 0) options.bad_cells_are_missing = true;
  if ((choice & 8) != 0) options.id_column = (choice & 1) != 0 ? "column_1" : "id";
  if ((choice & 16) != 0) options.time_column = (choice & 1) != 0 ? "column_2" : "time";
  if ((choice & 32) != 0) options.csv.row_bytes_max = 64;
  if ((choice & 64) != 0) options.format = cli::TableFormat::kCsv;
  if ((choice & 128) != 0) options.format = cli::TableFormat::kJsonLines;
  return options;
}

struct Outcome {
  bool opened = false;
  cli::TableCounts counts;
  std::vector<uint64_t> lines;
  absl::StatusCode end = absl::StatusCode::kOk;
};

void CheckMessage(v1::InferenceBatch message) {
  const uint32_t rows = message.rows();
  Refusal refusal;
  const auto batch = DecodeBatch(&message, {.received_ns = kNow}, &refusal);
  // A text that is too long for a category, or a vector for a model, is the daemon's to refuse.
  if (batch == nullptr) return;
  FAULTLINE_CHECK(batch->rows == rows, "no row is lost");
  CheckBatch(*batch);
}

Outcome ReadAll(const cli::TableOptions& options, const cli::BatchLimits& limits) {
  Outcome outcome;
  auto reader = cli::TableReader::Open(options);
  if (!reader.ok()) {
    FAULTLINE_CHECK(!reader.status().message().empty(), "a refusal says what is wrong");
    return outcome;
  }
  outcome.opened = true;
  for (;;) {
    cli::TableBatch batch;
    outcome.end = (*reader)->Read(limits, &batch).code();
    FAULTLINE_CHECK(batch.lines.size() == batch.batch.rows(), "every row has its line");
    FAULTLINE_CHECK(batch.batch.rows() <= limits.rows, "batches are as large as was asked for");
    outcome.lines.insert(outcome.lines.end(), batch.lines.begin(), batch.lines.end());
    outcome.counts = (*reader)->counts();
    FAULTLINE_CHECK(outcome.counts.read == outcome.counts.accepted + outcome.counts.refused,
                    "every row has one fate");
    if (batch.batch.rows() == 0) break;
    CheckMessage(std::move(batch.batch));
  }
  FAULTLINE_CHECK(outcome.counts.accepted == outcome.lines.size(), "what is accepted is given");
  FAULTLINE_CHECK(std::is_sorted(outcome.lines.begin(), outcome.lines.end()), "in order of lines");
  FAULTLINE_CHECK((*reader)->refused().size() == std::min<uint64_t>(outcome.counts.refused, 100),
                  "the first refusals are said");
  return outcome;
}

}  // namespace

void Run(std::string_view bytes) {
  if (bytes.empty()) return;
  const Nameless file(bytes.substr(1));
  const cli::TableOptions options =
      OptionsOf(static_cast<unsigned char>(bytes.front()), file.path());
  const Outcome whole = ReadAll(options, {});
  const Outcome by_row = ReadAll(options, {.rows = 1});
  FAULTLINE_CHECK(whole.opened == by_row.opened && whole.end == by_row.end,
                  "how it ends does not depend on the batches");
  FAULTLINE_CHECK(whole.lines == by_row.lines && whole.counts.refused == by_row.counts.refused,
                  "nor what is accepted");
}

void Mutate(Random* dice, size_t bytes_max, std::string* bytes) {
  MutateText(dice,
             {",",
              ";",
              "\"",
              "\"\"",
              "\n",
              "\r\n",
              "\xef\xbb\xbf",
              "id,time,a\n",
              "1",
              "-0",
              "1e999",
              "nan",
              "inf",
              "NA",
              "null",
              "true",
              "[1, 2]",
              "[1,2,3]",
              "1790000000",
              "2026-01-01T00:00:00Z",
              "2026-01-01 00:00:00",
              "-9223372036854775808",
              "99999999999999999999",
              "{\"id\":\"x\",\"time\":1790000000,\"a\":1}\n",
              "{\"a\":{\"b\":2}}\n",
              "{",
              "}",
              "\"a\":",
              "\x1f\x8b"},
             bytes_max, bytes);
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const auto add = [&](char choice, const std::string& text) { seeds.push_back(choice + text); };
  const std::string csv =
      "id,time,a,b,c\na1,1790000000,1.5,x,true\na2,1790000001,2.5,\"y \"\"z\"\"\n,\",false\n"
      "a3,oops,NA,,true\na4,1790000003,4,w\n";
  add(0, csv);
  add(24, csv);
  add(28, csv);
  add(1, "1,2\n3,4\n5,[1, 2]\n");
  add(2, "a;b\r\n1;x\r\n2;\"y;\"\r\n");
  add(32, "a,b\n" + std::string(80, 'x') + ",1\n2,3\n");
  const std::string lines =
      "{\"id\":\"a\",\"time\":1790000000,\"a\":1,\"v\":[1,2],\"o\":{\"p\":\"q\"}}\n"
      "{\"id\":\"b\",\"time\":\"2026-09-21T14:13:20Z\",\"a\":\"x\",\"v\":[1,2,3]}\n\nnot json\n"
      "{\"id\":\"c\",\"time\":1790000002,\"a\":true,\"new\":null}";
  add(0, lines);
  add(24, lines);
  add(static_cast<char>(128 + 28), lines);
  // gzip of "a\n1\n"
  add(0, std::string("\x1f\x8b\x08\0\0\0\0\0\x02\xff\x4b\xe4\x32\xe4\x02\0\0\x24\xc1\x89\x04\0\0\0",
                     24));
  return seeds;
}

}  // namespace faultline::fuzz
