#pragma once

#include <memory>
#include <string>
#include <vector>

#include "detectors/catalog.h"
#include "detectors/evidence/reference_law.h"
#include "detectors/summary/summary.h"
#include "faultline/v1/detector.pb.h"

namespace faultline::testing {

// Rows of one signal: words, or numbers in one column (several for transforms).
struct Rows {
  std::vector<std::vector<double>> columns;
  std::vector<std::string> words;
  std::vector<bool> missing;    // by row; empty: none
  std::vector<double> seconds;  // that each row takes to come; empty: one each

  bool categorical() const { return !words.empty(); }
  uint32_t size() const {
    return static_cast<uint32_t>(categorical() ? words.size()
                                               : (columns.empty() ? 0 : columns[0].size()));
  }
  void Append(const Rows& more);
};

Rows Numbers(std::vector<double> values);

// Plays one detector the way the daemon does: counts live rows into panes of pane_rows, keeps a
// window of the last window_panes, asks for a verdict whenever a pane closes.
class Play {
 public:
  struct Choices {
    uint32_t pane_rows = 100;
    uint32_t window_panes = 3;
    // Between panes everything is written to bytes, thrown away and read back.
    bool restart = false;
    // Alarm budget, for kinds on it: rows per false alarm; 0: none.
    double budget_rows = 1e6;
    // Bytes to begin with instead of a fresh start, for follow detectors.
    std::string state = {};
  };

  Play(const v1::DetectorSpec& spec, const Rows& reference, Choices choices);

  // One verdict per full pane.
  std::vector<Verdict> Run(const Rows& live);
  const std::vector<std::byte>& state() const { return state_; }
  const Shape& shape() const { return *shape_; }

 private:
  Rows Derived(const Rows& rows);
  void FitTransform(const Rows& reference);
  Summary Count(const Rows& rows, uint32_t begin, uint32_t end) const;
  Summary Reread(const Summary& summary) const;
  ReferenceLaw LawOf(const Rows& rows) const;
  Verdict Follow(const Summary& pane, double seconds);
  Verdict Judge(const Summary& pane, double seconds);

  v1::DetectorSpec spec_;
  Choices choices_;
  Detector detector_;
  MadeSignal derived_;             // of its transform, if it is fitted
  std::vector<std::byte> memory_;  // likewise
  std::unique_ptr<Shape> shape_;
  std::unique_ptr<Summary> reference_;
  ReferenceLaw law_;
  double at_s_ = 1e9;  // one row a second
  std::vector<Summary> window_;
  std::vector<std::byte> state_;
};

// A verdict as bytes, to compare bit for bit.
std::string BytesOf(const Verdict& verdict);
std::string BytesOf(const std::vector<Verdict>& verdicts);

// quiet, alarm, cannot_tell.
std::string_view NameOf(VerdictState state);

}  // namespace faultline::testing
