#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/segments/recorder.h"

namespace faultline {

// The bytes of the recorder's files, see docs/formats/recorder.md.

// A file that closes itself.
class File {
 public:
  // `flags` as for open(2). Only the file's owner may read and write it.
  static absl::StatusOr<std::shared_ptr<File>> Open(const std::string& path, int flags);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  absl::Status Append(std::string_view bytes);
  absl::Status Truncate(uint64_t size);
  absl::Status Sync();
  // Fewer bytes than wanted at the end of the file.
  absl::StatusOr<std::string> Read(uint64_t offset, uint64_t size) const;
  absl::StatusOr<uint64_t> Size() const;
  const std::string& path() const { return path_; }

 private:
  File(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  const std::string path_;
  const int descriptor_;
};

struct SegmentHeader {
  uint64_t ordinal = 0;
  int64_t created_ns = 0;
};
inline constexpr uint64_t kSegmentHeaderBytes = 28;

std::string EncodeSegmentHeader(const SegmentHeader& header);
// DATA_LOSS, or FAILED_PRECONDITION if written by a newer version.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);

struct SegmentRecord {
  RecordedEvents events;
  int64_t appended_ns = 0;
};
std::string EncodeSegmentRecord(const SegmentRecord& record);

// The front of a record, enough to skip it.
struct SegmentRecordFront {
  std::string_view model;
  int64_t first_ns = 0;
  int64_t last_ns = 0;
};

// Iterates over the records of a segment up to byte `end`.
class SegmentReader {
 public:
  SegmentReader(std::shared_ptr<const File> file, uint64_t end)
      : file_(std::move(file)), end_(end) {}

  // Moves to the next record. False at the end, or where no record begins.
  bool Next();
  // Where the record begins, and its bytes.
  uint64_t offset() const { return offset_; }
  uint64_t bytes() const { return bytes_; }
  // Points into this. DATA_LOSS if it is damaged, or the model's name too long: then Read.
  absl::StatusOr<SegmentRecordFront> ReadFront();
  // DATA_LOSS if the record is damaged; Next continues after it.
  absl::StatusOr<SegmentRecord> Read();
  // True if Next ended before `end`, or a Read failed.
  bool damaged() const { return damaged_; }

 private:
  std::shared_ptr<const File> file_;
  uint64_t end_;
  uint64_t next_ = kSegmentHeaderBytes;
  uint64_t offset_ = 0;
  uint64_t bytes_ = 0;
  std::string front_;
  bool damaged_ = false;
};

// Where an id occurs in a segment: the batch at `offset`.
struct IdPlace {
  uint64_t id_hash = 0;
  uint32_t offset = 0;

  auto operator<=>(const IdPlace&) const = default;
};
uint64_t HashPredictionId(std::string_view prediction_id);

// Adds the places of a batch's ids; an empty id has none.
void AppendPlaces(const RecordedEvents& events, uint64_t offset, std::vector<IdPlace>* places);

// Sorts the places. The segment's ordinal and size tie the index to it.
std::string EncodeIdIndex(std::vector<IdPlace>* places, uint64_t ordinal, uint64_t segment_bytes);
// Sorted. DATA_LOSS also if it is the index of another segment, or of one of another size.
absl::StatusOr<std::vector<IdPlace>> DecodeIdIndex(std::string_view bytes, uint64_t ordinal,
                                                   uint64_t segment_bytes);

// Writes a whole file under a temporary name first; synced if `sync`.
absl::Status ReplaceFile(const std::string& path, std::string_view bytes, bool sync);
absl::StatusOr<std::string> ReadFile(const std::string& path);

// The index of a segment; built from the segment if it has no index or one that does not fit.
// NOT_FOUND if there is no segment.
absl::StatusOr<std::vector<IdPlace>> ReadIdPlaces(uint64_t ordinal, const std::string& segment_path,
                                                  const std::string& index_path);

// The bytes of a segment without the rows of one prediction id, and its new index. Damaged batches
// are left out.
struct RewrittenSegment {
  std::string bytes;
  std::vector<IdPlace> places;
  uint64_t rows_erased = 0;
};
using Redact =
    std::function<std::string(std::string_view payload, const std::vector<uint32_t>& rows)>;
absl::StatusOr<RewrittenSegment> RewriteWithout(const std::string& segment_path,
                                                std::string_view prediction_id,
                                                const Redact& redact);

}  // namespace faultline
