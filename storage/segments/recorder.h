#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace faultline {

// One recorded event batch, already redacted, as opaque bytes plus what finds it again.
struct RecordedEvents {
  std::string model;
  std::string version;
  int64_t first_ns = 0;  // event times
  int64_t last_ns = 0;
  uint32_t rows = 0;
  std::vector<std::string> prediction_ids;  // empty, or one per row
  std::string payload;                      // an InferenceBatch message
  // The gap before this batch: rows of any model that were dropped since the batch that the
  // recorder wrote before it. Set by Scan, not looked at by Append.
  uint64_t dropped_before = 0;
};

struct RecorderOptions {
  std::string folder;
  // Over the long run; bursts may be as long as a second. 0: nothing is recorded.
  uint64_t bytes_per_second_max = 8ull << 20;
  uint64_t bytes_max = 1ull << 30;
  int64_t age_max_ns = 0;  // 0: no limit
};

struct RecorderReading {
  uint64_t bytes = 0;          // on disk
  uint64_t recorded_rows = 0;  // since start
  uint64_t dropped_rows = 0;   // over the byte rate, or the disk failed
  uint64_t segments = 0;
};

// Keeps raw events in segment files, oldest first out. Beside the state: losing its tail in a crash
// is allowed, a failed write stops recording of that batch and is counted, and gaps are recorded in
// the batch that follows them. When the disk is nearly full it stops before the store has to. See
// docs/formats/recorder.md.
//
// Concurrency:  thread-safe. Append waits for no reader and no disk sync.
// Failures:     Open: FAILED_PRECONDITION if the folder is in use or of a newer version.
//               Scan: DATA_LOSS if part of what it should have shown is damaged; the rest was
//               shown.
//               Erase: every segment is either rewritten or as before; after a failure, call it
//               again. Damaged batches in a rewritten segment go.
class Recorder {
 public:
  // Opens or creates the folder; a damaged tail of the last segment is cut off.
  static absl::StatusOr<std::unique_ptr<Recorder>> Open(RecorderOptions options);
  virtual ~Recorder() = default;

  // Appends; drops and counts what exceeds the byte rate. now_ns: the daemon's clock.
  virtual void Append(const RecordedEvents& events, int64_t now_ns) = 0;
  // Deletes segments beyond age and bytes.
  virtual void Retain(int64_t now_ns) = 0;
  // Removes the rows with this prediction id from every segment: `redact` gets a batch's payload
  // and the rows to remove, and returns the payload without them. Returns the rows removed.
  virtual absl::StatusOr<uint64_t> Erase(
      std::string_view prediction_id,
      const std::function<std::string(std::string_view payload, const std::vector<uint32_t>& rows)>&
          redact) = 0;
  // Calls `visit` for the recorded batches of a model whose times touch [first_ns, last_ns], oldest
  // first, until it returns false.
  virtual absl::Status Scan(std::string_view model, int64_t first_ns, int64_t last_ns,
                            const std::function<bool(const RecordedEvents&)>& visit) const = 0;
  virtual RecorderReading Read() const = 0;
};

}  // namespace faultline
