#include "storage/segments/segment.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/codec.h"
#include "storage/folder.h"
#include "storage/tables/crc32c.h"
#include "storage/tables/envelope.h"

namespace faultline {
namespace {

constexpr char kHeaderKind = 'S';
constexpr char kRecordKind = 'E';
constexpr char kIndexKind = 'I';
constexpr uint8_t kVersion = 1;
constexpr uint64_t kEnvelopeLengthOffset = 4;
constexpr uint64_t kPlaceBytes = 12;
// Names are shorter than this, so that the front of a record is within its first bytes.
constexpr uint64_t kFrontBytes = 512;

// Takes the rows out of the batch; false if nothing is left of it.
bool EraseRows(const std::vector<uint32_t>& rows, const Redact& redact, RecordedEvents* events) {
  if (rows.size() == events->prediction_ids.size()) return false;
  events->payload = redact(events->payload, rows);
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    events->prediction_ids.erase(events->prediction_ids.begin() + *row);
  }
  events->rows = static_cast<uint32_t>(events->prediction_ids.size());
  return true;
}

}  // namespace

absl::StatusOr<std::shared_ptr<File>> File::Open(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", path));
  return std::shared_ptr<File>(new File(path, descriptor));
}

File::~File() { ::close(descriptor_); }

absl::Status File::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, absl::StrCat("cannot write ", path_));
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status File::Truncate(uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("cannot truncate ", path_));
}

absl::Status File::Sync() {
  if (::fsync(descriptor_) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("cannot sync ", path_));
}

absl::StatusOr<std::string> File::Read(uint64_t offset, uint64_t size) const {
  std::string bytes(size, '\0');
  uint64_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::pread(descriptor_, bytes.data() + filled, size - filled,
                                static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, absl::StrCat("cannot read ", path_));
    if (got == 0) break;
    filled += static_cast<uint64_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

absl::StatusOr<uint64_t> File::Size() const {
  struct stat found {};
  if (::fstat(descriptor_, &found) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot stat ", path_));
  }
  return static_cast<uint64_t>(found.st_size);
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string payload;
  Encoder encoder(&payload);
  encoder.Fixed64(header.ordinal);
  encoder.Fixed64(static_cast<uint64_t>(header.created_ns));
  return Seal(kHeaderKind, kVersion, payload);
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  const absl::StatusOr<Opened> opened = Open(kHeaderKind, kVersion, bytes);
  if (!opened.ok()) return opened.status();
  Decoder decoder(opened->payload);
  SegmentHeader header;
  header.ordinal = decoder.Fixed64();
  header.created_ns = static_cast<int64_t>(decoder.Fixed64());
  if (!decoder.Done()) return absl::DataLossError("segment header cannot be read");
  return header;
}

std::string EncodeSegmentRecord(const SegmentRecord& record) {
  const RecordedEvents& events = record.events;
  std::string payload;
  payload.reserve(events.payload.size() + 64 * events.prediction_ids.size() + kFrontBytes);
  Encoder encoder(&payload);
  encoder.String(events.model);
  encoder.Signed(events.first_ns);
  encoder.Signed(events.last_ns);
  encoder.Fixed32(Crc32c(payload));
  encoder.String(events.version);
  encoder.Signed(record.appended_ns);
  encoder.Varint(events.rows);
  encoder.Varint(events.dropped_before);
  encoder.Varint(events.prediction_ids.size());
  for (const std::string& id : events.prediction_ids) encoder.String(id);
  encoder.String(events.payload);
  return Seal(kRecordKind, kVersion, payload);
}

bool SegmentReader::Next() {
  if (next_ >= end_) return false;
  front_.clear();
  const absl::StatusOr<std::string> envelope = file_->Read(next_, kEnvelopeBytes);
  if (!envelope.ok() || envelope->size() < kEnvelopeBytes) {
    damaged_ = true;
    return false;
  }
  const uint64_t length =
      Decoder(std::string_view(*envelope).substr(kEnvelopeLengthOffset)).Fixed32();
  if ((*envelope)[2] != kRecordKind || next_ + kEnvelopeBytes + length > end_) {
    damaged_ = true;
    return false;
  }
  offset_ = next_;
  bytes_ = kEnvelopeBytes + length;
  next_ += bytes_;
  return true;
}

absl::StatusOr<SegmentRecordFront> SegmentReader::ReadFront() {
  absl::StatusOr<std::string> bytes = file_->Read(
      offset_ + kEnvelopeBytes, std::min<uint64_t>(bytes_ - kEnvelopeBytes, kFrontBytes));
  if (!bytes.ok()) return bytes.status();
  front_ = *std::move(bytes);
  Decoder decoder(front_);
  SegmentRecordFront front;
  front.model = decoder.String();
  front.first_ns = decoder.Signed();
  front.last_ns = decoder.Signed();
  const std::string_view checked =
      std::string_view(front_).substr(0, front_.size() - decoder.remaining());
  const uint32_t crc = decoder.Fixed32();
  if (!decoder.ok() || crc != Crc32c(checked)) {
    return absl::DataLossError("recorded batch cannot be skipped");
  }
  return front;
}

absl::StatusOr<SegmentRecord> SegmentReader::Read() {
  const bool damaged_before = damaged_;
  damaged_ = true;  // until it turns out otherwise
  const absl::StatusOr<std::string> sealed = file_->Read(offset_, bytes_);
  if (!sealed.ok()) return sealed.status();
  const absl::StatusOr<Opened> opened = faultline::Open(kRecordKind, kVersion, *sealed);
  if (!opened.ok()) return opened.status();
  Decoder decoder(opened->payload);
  SegmentRecord record;
  RecordedEvents& events = record.events;
  events.model = decoder.String();
  events.first_ns = decoder.Signed();
  events.last_ns = decoder.Signed();
  decoder.Fixed32();  // the front's checksum, itself checked with all the rest
  events.version = decoder.String();
  record.appended_ns = decoder.Signed();
  events.rows = static_cast<uint32_t>(decoder.Varint());
  events.dropped_before = decoder.Varint();
  const uint64_t ids = decoder.Varint();
  if (!decoder.ok() || ids > decoder.remaining()) decoder.Fail();
  for (uint64_t i = 0; i < ids && decoder.ok(); ++i) {
    events.prediction_ids.emplace_back(decoder.String());
  }
  events.payload = decoder.String();
  if (!decoder.Done()) return absl::DataLossError("recorded batch cannot be read");
  damaged_ = damaged_before;
  return record;
}

uint64_t HashPredictionId(std::string_view prediction_id) {
  return XXH3_64bits(prediction_id.data(), prediction_id.size());
}

void AppendPlaces(const RecordedEvents& events, uint64_t offset, std::vector<IdPlace>* places) {
  for (const std::string& id : events.prediction_ids) {
    if (!id.empty()) places->push_back({HashPredictionId(id), static_cast<uint32_t>(offset)});
  }
}

std::string EncodeIdIndex(std::vector<IdPlace>* places, uint64_t ordinal, uint64_t segment_bytes) {
  std::sort(places->begin(), places->end());
  std::string payload;
  payload.reserve(places->size() * kPlaceBytes + 3 * sizeof(uint64_t));
  Encoder encoder(&payload);
  encoder.Fixed64(ordinal);
  encoder.Fixed64(segment_bytes);
  encoder.Fixed64(places->size());
  for (const IdPlace& place : *places) {
    encoder.Fixed64(place.id_hash);
    encoder.Fixed32(place.offset);
  }
  return Seal(kIndexKind, kVersion, payload);
}

absl::StatusOr<std::vector<IdPlace>> DecodeIdIndex(std::string_view bytes, uint64_t ordinal,
                                                   uint64_t segment_bytes) {
  const absl::StatusOr<Opened> opened = Open(kIndexKind, kVersion, bytes);
  if (!opened.ok()) return opened.status();
  Decoder decoder(opened->payload);
  if (decoder.Fixed64() != ordinal || decoder.Fixed64() != segment_bytes) {
    return absl::DataLossError("index belongs to another segment");
  }
  const uint64_t count = decoder.Fixed64();
  if (!decoder.ok() || count != decoder.remaining() / kPlaceBytes) {
    return absl::DataLossError("index cannot be read");
  }
  std::vector<IdPlace> places(count);
  for (IdPlace& place : places) {
    place.id_hash = decoder.Fixed64();
    place.offset = decoder.Fixed32();
  }
  if (!decoder.Done()) return absl::DataLossError("index cannot be read");
  return places;
}

absl::Status ReplaceFile(const std::string& path, std::string_view bytes, bool sync) {
  const std::string temporary = absl::StrCat(path, ".tmp");
  absl::StatusOr<std::shared_ptr<File>> file = File::Open(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->Append(bytes);
  if (status.ok() && sync) status = (*file)->Sync();
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(errno, absl::StrCat("cannot rename ", temporary));
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const absl::StatusOr<std::shared_ptr<File>> file = File::Open(path, O_RDONLY);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  return (*file)->Read(0, *size);
}

absl::StatusOr<std::vector<IdPlace>> ReadIdPlaces(uint64_t ordinal, const std::string& segment_path,
                                                  const std::string& index_path) {
  const absl::StatusOr<std::shared_ptr<File>> file = File::Open(segment_path, O_RDONLY);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (const absl::StatusOr<std::string> index = ReadFile(index_path); index.ok()) {
    absl::StatusOr<std::vector<IdPlace>> places = DecodeIdIndex(*index, ordinal, *size);
    if (places.ok()) return places;
  }
  std::vector<IdPlace> places;
  SegmentReader reader(*file, *size);
  while (reader.Next()) {
    const absl::StatusOr<SegmentRecord> record = reader.Read();
    if (record.ok()) AppendPlaces(record->events, reader.offset(), &places);
  }
  std::sort(places.begin(), places.end());
  return places;
}

absl::StatusOr<RewrittenSegment> RewriteWithout(const std::string& segment_path,
                                                std::string_view prediction_id,
                                                const Redact& redact) {
  const absl::StatusOr<std::shared_ptr<File>> file = File::Open(segment_path, O_RDONLY);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  absl::StatusOr<std::string> header = (*file)->Read(0, kSegmentHeaderBytes);
  if (!header.ok()) return header.status();
  RewrittenSegment rewritten;
  rewritten.bytes = *std::move(header);
  rewritten.bytes.reserve(*size);
  uint64_t gap_rows = 0;  // of batches that went as a whole
  SegmentReader reader(*file, *size);
  while (reader.Next()) {
    absl::StatusOr<SegmentRecord> record = reader.Read();
    if (!record.ok()) continue;
    RecordedEvents& events = record->events;
    std::vector<uint32_t> rows;
    for (uint32_t row = 0; row < events.prediction_ids.size(); ++row) {
      if (events.prediction_ids[row] == prediction_id) rows.push_back(row);
    }
    rewritten.rows_erased += rows.size();
    events.dropped_before += std::exchange(gap_rows, 0);
    if (!rows.empty() && !EraseRows(rows, redact, &events)) {
      gap_rows = events.dropped_before;
      continue;
    }
    AppendPlaces(events, rewritten.bytes.size(), &rewritten.places);
    rewritten.bytes += EncodeSegmentRecord(*record);
  }
  return rewritten;
}

}  // namespace faultline
