#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "daemon/client/tables/table_reader.h"

namespace faultline::cli {

// The rows refused while reading a table, counts and the first ones, in words and as JSON members
// read_rows, refused_rows, refused.
std::string TableText(const TableReader& table);
void AddTableJson(const TableReader& table, boost::json::object* out);

}  // namespace faultline::cli
