#include "tests/bench/published_streams.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <map>

#include "base/check.h"
#include "tests/support/csv.h"

namespace faultline::bench {
namespace {

using google::protobuf::Value;
using Fields = std::map<std::string, Value>;  // in the order of their names

Fields ReadJson(const std::string& path) {
  const auto text = testing::ReadText(testing::SharedStream(path));
  if (!text.has_value()) return {};
  google::protobuf::Struct object;
  const auto parsed = google::protobuf::util::JsonStringToMessage(*text, &object);
  FAULTLINE_CHECK(parsed.ok(), "the files are as they were published");
  return {object.fields().begin(), object.fields().end()};
}

std::vector<double> NumbersIn(const Value& list) {
  std::vector<double> numbers;
  for (const Value& value : list.list_value().values()) numbers.push_back(value.number_value());
  return numbers;
}

}  // namespace

std::vector<NabStream> ReadNab() {
  std::vector<NabStream> streams;
  for (const auto& [name, spans] : ReadJson("nab/windows.json")) {
    const auto table = testing::ReadTextTable(testing::SharedStream("nab/" + name));
    FAULTLINE_CHECK(table.has_value(), "every file with windows is there");
    const std::vector<std::string>& times = table->columns[0];
    const auto row = [&](const Value& time) {
      const std::string text = time.string_value().substr(0, times[0].size());
      return static_cast<uint64_t>(std::find(times.begin(), times.end(), text) - times.begin());
    };
    NabStream& stream = streams.emplace_back();
    stream.name = name;
    stream.values = testing::NumbersOf(table->columns[1]);
    for (const Value& span : spans.list_value().values()) {
      const auto& ends = span.list_value().values();
      stream.windows.push_back({row(ends[0]), row(ends[1]) + 1});
    }
  }
  return streams;
}

std::vector<TcpdSeries> ReadTcpd() {
  std::vector<TcpdSeries> all;
  for (const auto& [name, annotators] : ReadJson("tcpd/annotations.json")) {
    const Fields file = ReadJson("tcpd/" + name + ".json");
    const auto& columns = file.at("series").list_value().values();
    if (columns.size() != 1) continue;
    TcpdSeries& series = all.emplace_back();
    series.name = name;
    series.values = NumbersIn(columns[0].struct_value().fields().at("raw"));
    const auto& fields = annotators.struct_value().fields();
    for (const auto& [annotator, changes] : Fields(fields.begin(), fields.end())) {
      std::vector<uint64_t>& rows = series.annotations.emplace_back();
      for (const double row : NumbersIn(changes)) rows.push_back(static_cast<uint64_t>(row));
    }
  }
  return all;
}

}  // namespace faultline::bench
