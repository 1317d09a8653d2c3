#include "daemon/client/tables/column_builder.h"

#include <algorithm>

namespace faultline::cli {

void ColumnBuilder::Start(v1::Column* column, uint32_t rows, uint32_t rows_max) {
  column_ = column;
  rows_ = 0;
  column->set_name(name_);
  column->set_role(role_);
  const int reserve = static_cast<int>(rows_max);
  switch (type_) {
    case TableType::kNumber:
      column->mutable_doubles()->mutable_values()->Reserve(reserve);
      break;
    case TableType::kString:
      column->mutable_strings()->mutable_codes()->Reserve(reserve);
      break;
    case TableType::kBool:
      column->mutable_bools()->mutable_values()->Reserve(reserve);
      break;
    case TableType::kEmbedding:
      column->mutable_embeddings();
      break;
  }
  for (uint32_t i = 0; i < rows; ++i) Append(Value());
}

void ColumnBuilder::Finish() {
  // A vector column needs a length even if every row is missing.
  if (column_ != nullptr && type_ == TableType::kEmbedding &&
      column_->embeddings().dimension() == 0) {
    v1::EmbeddingValues* vectors = column_->mutable_embeddings();
    vectors->set_dimension(1);
    vectors->mutable_values()->Resize(static_cast<int>(rows_), 0.0F);
  }
  codes_.clear();
  column_ = nullptr;
}

bool ColumnBuilder::Fits(const Value& value) const {
  if (type_ != TableType::kEmbedding || value.missing || column_ == nullptr) return true;
  const uint32_t dimension = column_->embeddings().dimension();
  return dimension == 0 || dimension == value.size;
}

size_t ColumnBuilder::Append(const Value& value) {
  size_t bytes = 8;
  if (value.missing) AppendNull();
  switch (type_) {
    case TableType::kNumber:
      column_->mutable_doubles()->add_values(value.missing ? 0.0 : value.number);
      break;
    case TableType::kBool:
      column_->mutable_bools()->add_values(!value.missing && value.number != 0);
      break;
    case TableType::kString:
      bytes = AppendText(value.missing ? std::string_view() : value.text);
      break;
    case TableType::kEmbedding: {
      v1::EmbeddingValues* vectors = column_->mutable_embeddings();
      if (!value.missing && vectors->dimension() == 0) {
        vectors->set_dimension(static_cast<uint32_t>(value.size));
        vectors->mutable_values()->Resize(static_cast<int>(rows_ * value.size), 0.0F);
      }
      const int size = static_cast<int>(vectors->dimension());
      bytes = sizeof(float) * vectors->dimension();
      const int before = vectors->values_size();
      vectors->mutable_values()->Resize(before + size, 0.0F);
      if (!value.missing) {
        std::copy_n(value.vector, size, vectors->mutable_values()->mutable_data() + before);
      }
      break;
    }
  }
  ++rows_;
  std::string* nulls = column_->mutable_null_bitmap();
  if (!nulls->empty()) nulls->resize((rows_ + 7) / 8);
  return bytes;
}

void ColumnBuilder::AppendNull() {
  std::string* nulls = column_->mutable_null_bitmap();
  nulls->resize(rows_ / 8 + 1);
  (*nulls)[rows_ / 8] = static_cast<char>((*nulls)[rows_ / 8] | (1 << (rows_ % 8)));
}

size_t ColumnBuilder::AppendText(std::string_view text) {
  v1::StringValues* strings = column_->mutable_strings();
  const auto known = codes_.find(text);
  if (known != codes_.end()) {
    strings->add_codes(known->second);
    return 4;
  }
  const auto code = static_cast<uint32_t>(strings->dictionary_size());
  std::string* kept = strings->add_dictionary();
  kept->assign(text);
  codes_.emplace(*kept, code);
  strings->add_codes(code);
  return text.size() + 8;
}

}  // namespace faultline::cli
