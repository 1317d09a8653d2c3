#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/core/incident/bundle.h"
#include "faultline/v1/event.pb.h"
#include "faultline/v1/incident.pb.h"
#include "storage/segments/recorder.h"

namespace faultline::review {

// Reads recorded events.

// Calls visit with each recorded batch of one version of a model until it returns false. Skips
// damaged batches; otherwise fails as Recorder::Scan does.
absl::Status ForEachRecorded(const Recorder& recorder, const std::string& model,
                             const std::string& version, int64_t first_ns, int64_t last_ns,
                             const std::function<bool(const v1::InferenceBatch&)>& visit);

// One value of a recorded column: NaN or empty where missing.
struct RecordedValue {
  bool missing = true;
  double number = 0;
  std::string text;  // of strings
};
// Row `row` of a column. Of vectors: missing.
RecordedValue ValueOf(const v1::Column& column, int row);
// Null if the batch does not have it.
const v1::Column* ColumnOf(const v1::InferenceBatch& batch, const std::string& name);

// How many of the counted rows the recorder has, over all panes that were recounted.
struct RecordedShare {
  uint64_t counted = 0;
  uint64_t found = 0;
};

struct RecountedPane {
  int64_t number = 0;
  bool sent = false;
  Summary summary;
  PaneIncrement increment;
};
struct RecountedSignal {
  std::shared_ptr<const SignalReference> reference;  // of the recorded rows between the two times
  // The panes before the incident's first one, as far as a window reaches, numbered backwards from
  // it, then the incident's. Panes without rows are left out, except the incident's.
  std::vector<RecountedPane> panes;
  bool all_rows = false;  // every counted row of the incident's panes was found
};

// Recounts the recorded rows of one signal against a reference made of the rows recorded between
// two event times. FAILED_PRECONDITION, saying what is missing, if there are too few rows, if the
// column is not recorded, or if panes are closed by rows: recorded events do not tell which rows a
// pane had.
inline constexpr size_t kReferenceRowsMax = 100'000;
absl::StatusOr<RecountedSignal> RecountSignal(const v1::Incident& incident, const EvidencePin& pin,
                                              const std::vector<const EvidencePane*>& panes,
                                              uint32_t window_panes, int64_t reference_first_ns,
                                              int64_t reference_last_ns, const Recorder* recorder,
                                              RecordedShare* share);

}  // namespace faultline::review
