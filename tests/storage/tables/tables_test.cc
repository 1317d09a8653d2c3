#include "storage/tables/tables.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline {
namespace {

std::string TypeName(const KeyField& field) {
  return std::visit(
      [](auto member) -> std::string {
        using Value = std::remove_cvref_t<decltype(Key().*member)>;
        if constexpr (std::is_same_v<Value, std::string>) return "bytes";
        if constexpr (std::is_same_v<Value, Global>) return "u8";
        return absl::StrCat(std::is_signed_v<Value> ? "i" : "u", 8 * sizeof(Value));
      },
      field.member);
}

const char* OwnerName(TableOwner owner) {
  switch (owner) {
    case TableOwner::kModel:
      return "model";
    case TableOwner::kIncidents:
      return "incidents";
    case TableOwner::kAdmission:
      return "admission";
    case TableOwner::kDaemon:
      return "daemon";
  }
  return "";
}

std::string Row(const TableDescriptor& table) {
  std::vector<std::string> fields;
  for (const KeyField& field : table.used_fields()) {
    fields.push_back(absl::StrCat(field.name, " ", TypeName(field)));
  }
  return absl::StrCat(table.name, " | ", absl::StrJoin(fields, ", "), " | ", table.record_version,
                      " | ", OwnerName(table.owner), " | ",
                      table.read == TableRead::kAtStart ? "start" : "demand", " | ",
                      table.origin == TableOrigin::kEvents ? "yes" : "no");
}

// | `o` | open pane | model_hash u64, ... | 1 | model | start | yes | what it holds |
TEST(TablesTest, TheFormatPageListsEveryDescriptor) {
  std::ifstream page(FAULTLINE_SOURCE_DIR "/docs/formats/keys.md");
  ASSERT_TRUE(page.is_open());
  std::map<char, std::string> documented;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells = absl::StrSplit(line, " | ");
    ASSERT_EQ(cells.size(), 8u) << line;
    cells.pop_back();
    documented[cells[0][3]] = absl::StrJoin(cells.begin() + 1, cells.end(), " | ");
  }
  for (const TableDescriptor& table : kTables) {
    EXPECT_EQ(documented[static_cast<char>(table.tag)], Row(table));
  }
  EXPECT_EQ(documented.size(), kTables.size());
}

TEST(TablesTest, RecordsCarryTagAndVersionOfTheirTable) {
  for (const TableDescriptor& table : kTables) {
    const std::string sealed = SealRecord(table.tag, "payload");
    EXPECT_EQ(sealed[2], static_cast<char>(table.tag));
    EXPECT_EQ(sealed[3], static_cast<char>(table.record_version));
    EXPECT_EQ(*OpenRecord(table.tag, sealed), "payload");
    const Table other = table.tag == Table::kModel ? Table::kAlerts : Table::kModel;
    EXPECT_TRUE(absl::IsDataLoss(OpenRecord(other, sealed).status())) << table.name;
  }
}

TEST(TablesTest, OnlyTablesThatGrowWithTimeAreReadOnDemand) {
  std::string on_demand;
  for (const TableDescriptor& table : kTables) {
    EXPECT_EQ(ReadOnDemand(table.tag), table.read == TableRead::kOnDemand);
    if (ReadOnDemand(table.tag)) on_demand.push_back(static_cast<char>(table.tag));
  }
  EXPECT_EQ(on_demand, "cesw");
}

TEST(TablesTest, TagsThatNoTableHasAreNotFound) {
  EXPECT_EQ(FindTable('?'), nullptr);
  EXPECT_EQ(FindTable('o')->tag, Table::kOpenPane);
}

TEST(TablesDeathTest, UnknownTablesAbort) {
  EXPECT_DEATH(DescriptorOf(static_cast<Table>('?')), "a line in kTables");
  EXPECT_DEATH(SealRecord(static_cast<Table>('?'), ""), "a line in kTables");
}

}  // namespace
}  // namespace faultline
