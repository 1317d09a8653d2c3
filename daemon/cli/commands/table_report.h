#pragma once

#include <absl/status/status.h>

#include <boost/json/object.hpp>
#include <string>

#include "daemon/client/client.h"
#include "daemon/client/tables/table_reader.h"

namespace faultline::cli {

// What was refused while reading a table: counts and the first rows, in words and as JSON members
// read_rows, refused_rows, refused.
std::string TableText(const TableReader& table);
void AddTableJson(const TableReader& table, boost::json::object* out);

// As Complain and Report of client.h, for an absl::Status.
int Complain(const absl::Status& status, int exit_code);
int Report(const absl::Status& status, const ClientOptions& options);

}  // namespace faultline::cli
