#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "daemon/cli/args/command_line.h"
#include "daemon/client/tables/table_reader.h"

namespace faultline::cli {

// The options of all commands that read a table, as on the command line.
struct TableFlags {
  std::string path;
  std::string format = "auto";
  std::string delimiter = ",";
  bool no_header = false;
  std::string model;  // empty: the file's name
  std::string version;
  std::vector<std::string> types;  // column=type
  std::vector<std::string> roles;  // column=role
  std::vector<std::string> ignored;
  std::vector<std::string> missing;
  std::string label;
  std::string id_column;
  std::string time_column;
  std::string time_unit = "auto";
  std::string bad_cells = "refuse";
  uint32_t infer_rows = 1'000;
  uint64_t skip_rows = 0;
  uint64_t rows = 0;  // 0: all
};

// Adds the options to a command; `flags` must outlive it.
void AddTableFlags(Command app, TableFlags* flags);

// INVALID_ARGUMENT naming the option that is wrong.
absl::StatusOr<TableOptions> ToTableOptions(const TableFlags& flags);

// "elec2" for "/x/elec2.csv.gz"; empty for standard input.
std::string NameOfFile(const std::string& path);

}  // namespace faultline::cli
