#include "tests/detectors/play.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/check.h"
#include "base/codec.h"

namespace faultline::testing {
namespace {

// Whether what it judges is derived from the rows.
bool Derives(const Detector& detector) {
  return detector.transform != nullptr &&
         detector.transform->facts().derivation == Derivation::kFitted;
}

Shape ShapeOf(const Rows& rows) {
  if (!rows.categorical()) {
    std::vector<double> present;
    for (uint32_t i = 0; i < rows.size(); ++i) {
      if (rows.missing.empty() || !rows.missing[i]) present.push_back(rows.columns[0][i]);
    }
    return MakeNumericShape(present, 1, {});
  }
  std::map<std::string, uint64_t> counts;
  for (uint32_t i = 0; i < rows.size(); ++i) {
    if (rows.missing.empty() || !rows.missing[i]) ++counts[rows.words[i]];
  }
  std::vector<std::string> names;
  std::vector<uint64_t> numbers;
  for (const auto& [name, count] : counts) {
    names.push_back(name);
    numbers.push_back(count);
  }
  return MakeCategoricalShape(names, numbers, 1, {});
}

}  // namespace

void Rows::Append(const Rows& more) {
  if (columns.size() < more.columns.size()) columns.resize(more.columns.size());
  if (!missing.empty() || !more.missing.empty()) {
    missing.resize(size());
    missing.insert(missing.end(), more.missing.begin(), more.missing.end());
    missing.resize(size() + more.size());
  }
  if (!seconds.empty() || !more.seconds.empty()) {
    seconds.resize(size(), 1);
    seconds.insert(seconds.end(), more.seconds.begin(), more.seconds.end());
    seconds.resize(size() + more.size(), 1);
  }
  for (size_t k = 0; k < more.columns.size(); ++k) {
    columns[k].insert(columns[k].end(), more.columns[k].begin(), more.columns[k].end());
  }
  words.insert(words.end(), more.words.begin(), more.words.end());
}

Rows Numbers(std::vector<double> values) {
  Rows rows;
  rows.columns.push_back(std::move(values));
  return rows;
}

Play::Play(const v1::DetectorSpec& spec, const Rows& reference, Choices choices)
    : spec_(spec), choices_(std::move(choices)) {
  auto made = MakeDetector(spec);
  FAULTLINE_CHECK(made.ok(), "tests give valid options");
  detector_ = *made;
  if (Derives(detector_)) FitTransform(reference);
  Rows counted = Derived(reference);
  for (uint32_t row = 0; row < derived_.used_rows; ++row) counted.missing[row] = true;
  // The live rows begin with nothing remembered.
  std::fill(memory_.begin(), memory_.end(), std::byte{0});
  shape_ = std::make_unique<Shape>(ShapeOf(counted));
  reference_ = std::make_unique<Summary>(Count(counted, 0, counted.size()));
  law_ = LawOf(counted);
  if (detector_.follow != nullptr) {
    state_.resize(detector_.follow->state_bytes());
    detector_.follow->Start(state_);
    if (!choices_.state.empty()) {
      state_.resize(choices_.state.size());
      std::memcpy(state_.data(), choices_.state.data(), choices_.state.size());
    }
  }
}

// Columns are called c0, c1, ...
std::vector<RowColumn> ColumnsOf(const Rows& rows, std::vector<std::string>* names) {
  for (size_t k = 0; k < rows.columns.size(); ++k) names->push_back("c" + std::to_string(k));
  std::vector<RowColumn> columns;
  for (size_t k = 0; k < rows.columns.size(); ++k) {
    columns.push_back({.signal = (*names)[k], .numbers = rows.columns[k]});
  }
  return columns;
}

void Play::FitTransform(const Rows& reference) {
  std::vector<std::string> names;
  const std::vector<RowColumn> columns = ColumnsOf(reference, &names);
  std::vector<RowColumn> taken;
  for (const RowColumn& column : columns) {
    if (detector_.transform->Takes({.signal = column.signal})) taken.push_back(column);
  }
  std::vector<MadeSignal> made;
  if (!detector_.transform->Fit(taken, reference.size(), &made).ok()) return;
  derived_ = made.front();
  FAULTLINE_CHECK(detector_.transform->Makes(derived_.name), "it knows its own");
  memory_.resize(detector_.transform->facts().memory_bytes);
}

Rows Play::Derived(const Rows& rows) {
  if (Derives(detector_)) {
    std::vector<std::string> names;
    const std::vector<RowColumn> columns = ColumnsOf(rows, &names);
    std::vector<RowColumn> inputs;
    for (const uint32_t column : derived_.columns) inputs.push_back(columns[column]);
    Rows values = Numbers(std::vector<double>(rows.size(), kUnset));
    if (!inputs.empty()) {
      // In pieces, as batches come.
      for (uint32_t begin = 0; begin < rows.size(); begin += 37) {
        detector_.transform->Derive(derived_.fitted, inputs,
                                    {begin, std::min(begin + 37, rows.size())}, memory_,
                                    values.columns[0]);
      }
    }
    for (const double value : values.columns[0]) values.missing.push_back(std::isnan(value));
    values.seconds = rows.seconds;
    return values;
  }
  return rows;
}

Summary Play::Count(const Rows& rows, uint32_t begin, uint32_t end) const {
  Summary summary(shape_.get());
  std::vector<uint64_t> nulls(rows.size() / 64 + 1);
  for (uint32_t i = 0; i < rows.size() && !rows.missing.empty(); ++i) {
    if (rows.missing[i]) nulls[i / 64] |= uint64_t{1} << (i % 64);
  }
  if (!rows.categorical()) {
    if (rows.size() > 0) summary.CountNumbers(rows.columns[0], nulls.data(), {begin, end});
    return summary;
  }
  std::map<std::string, uint32_t> places;
  std::vector<std::string> dictionary;
  std::vector<uint32_t> codes(rows.size());
  for (uint32_t i = begin; i < end; ++i) {
    const auto [at, added] = places.try_emplace(rows.words[i], dictionary.size());
    if (added) dictionary.push_back(rows.words[i]);
    codes[i] = at->second;
  }
  CategoryMap map;
  map.Assign(*shape_, dictionary);
  summary.CountCategories(codes, map, nulls.data(), {begin, end});
  return summary;
}

ReferenceLaw Play::LawOf(const Rows& rows) const {
  std::vector<uint64_t> nulls(rows.size() / 64 + 1);
  for (uint32_t i = 0; i < rows.size() && !rows.missing.empty(); ++i) {
    if (rows.missing[i]) nulls[i / 64] |= uint64_t{1} << (i % 64);
  }
  if (!rows.categorical()) {
    const std::vector<double> none;
    const std::vector<double>& values = rows.columns.empty() ? none : rows.columns[0];
    return LearnNumericLaw(*reference_, values, nulls.data(), {});
  }
  CategoryMap map;
  map.Assign(*shape_, rows.words);
  std::vector<uint32_t> codes(rows.size());
  for (uint32_t i = 0; i < rows.size(); ++i) codes[i] = i;
  return LearnCategoricalLaw(*reference_, codes, map, nulls.data(), true);
}

Summary Play::Reread(const Summary& summary) const {
  std::string bytes;
  summary.Encode(&bytes);
  auto read = Summary::Decode(shape_.get(), bytes);
  FAULTLINE_CHECK(read.ok(), "what was written can be read");
  return std::move(*read);
}

Verdict Play::Follow(const Summary& pane, double seconds) {
  FollowInput input = {.reference = *reference_, .law = law_, .pane = pane};
  input.begin_s = at_s_;
  at_s_ += seconds;
  input.end_s = at_s_;
  if (choices_.budget_rows > 0) {
    input.budget_increment = static_cast<double>(pane.rows());
    input.threshold = choices_.budget_rows;
  }
  return detector_.follow->Follow(input, state_);
}

Verdict Play::Judge(const Summary& pane, double seconds) {
  if (choices_.restart) {
    detector_ = *MakeDetector(spec_);
    reference_ = std::make_unique<Summary>(Reread(*reference_));
    std::string law;
    Encoder encoder(&law);
    law_.Encode(&encoder);
    Decoder decoder(law);
    law_ = {};
    FAULTLINE_CHECK(law_.Decode(&decoder) && decoder.Done(), "what was written can be read");
    for (Summary& kept : window_) kept = Reread(kept);
    state_ = std::vector<std::byte>(state_);
  }
  if (detector_.follow != nullptr) return Follow(pane, seconds);
  window_.push_back(choices_.restart ? Reread(pane) : [&] {
    Summary copy(shape_.get());
    copy.Merge(pane);
    return copy;
  }());
  if (window_.size() > choices_.window_panes) window_.erase(window_.begin());
  Summary window(shape_.get());
  for (const Summary& kept : window_) window.Merge(kept);
  return detector_.compare->Compare(*reference_, window);
}

std::vector<Verdict> Play::Run(const Rows& live) {
  const Rows counted = Derived(live);
  std::vector<Verdict> verdicts;
  const uint32_t step = choices_.pane_rows;
  for (uint32_t begin = 0; begin + step <= counted.size(); begin += step) {
    double seconds = step;
    if (!live.seconds.empty()) {
      const auto first = live.seconds.begin() + begin;
      seconds = std::accumulate(first, first + step, 0.0);
    }
    verdicts.push_back(Judge(Count(counted, begin, begin + step), seconds));
  }
  return verdicts;
}

std::string BytesOf(const Verdict& verdict) {
  std::string bytes;
  Encoder encoder(&bytes);
  encoder.Fixed8(static_cast<uint8_t>(verdict.state));
  for (const double number :
       {verdict.score, verdict.threshold, verdict.effect_size, verdict.noise_floor, verdict.p_value,
        verdict.effect_low, verdict.effect_high, verdict.dispersion}) {
    encoder.Double(number);
  }
  encoder.Varint(verdict.rows);
  encoder.Varint(verdict.reference_rows);
  encoder.String(verdict.detail);
  encoder.Signed(verdict.change_ns);
  encoder.Signed(verdict.change_from_ns);
  encoder.Signed(verdict.change_to_ns);
  return bytes;
}

std::string BytesOf(const std::vector<Verdict>& verdicts) {
  std::string bytes;
  for (const Verdict& verdict : verdicts) bytes += BytesOf(verdict);
  return bytes;
}

std::string_view NameOf(VerdictState state) {
  switch (state) {
    case VerdictState::kQuiet:
      return "quiet";
    case VerdictState::kAlarm:
      return "alarm";
    case VerdictState::kCannotTell:
      return "cannot_tell";
  }
  return "?";
}

}  // namespace faultline::testing
