#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/client/tables/table_reader.h"

namespace faultline::cli {

// A cell that has been understood, in the type of its column.
struct Value {
  bool missing = true;
  double number = 0;              // kNumber; kBool: 0 or 1
  std::string_view text;          // kString
  const float* vector = nullptr;  // kEmbedding
  size_t size = 0;
};

// Fills one column of a batch, row after row.
class ColumnBuilder {
 public:
  ColumnBuilder(std::string name, TableType type, v1::ColumnRole role)
      : name_(std::move(name)), type_(type), role_(role) {}

  const std::string& name() const { return name_; }
  TableType type() const { return type_; }

  // Goes on in a column of a new batch, whose first `rows` rows have no value.
  void Start(v1::Column* column, uint32_t rows, uint32_t rows_max);
  bool started() const { return column_ != nullptr; }
  // Forgets the column; the batch goes its own way.
  void Finish();
  // False if a vector has another length than the batch's others.
  bool Fits(const Value& value) const;
  // Returns about how many bytes it adds to the message.
  size_t Append(const Value& value);

 private:
  void AppendNull();
  size_t AppendText(std::string_view text);

  std::string name_;
  TableType type_;
  v1::ColumnRole role_;
  v1::Column* column_ = nullptr;
  uint32_t rows_ = 0;
  // The dictionary so far; keys point into the column.
  absl::flat_hash_map<std::string_view, uint32_t> codes_;
};

}  // namespace faultline::cli
