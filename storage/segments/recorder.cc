#include "storage/segments/recorder.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "storage/folder.h"
#include "storage/segments/segment.h"

namespace faultline {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSegmentBytesMin = 64ull << 10;
constexpr uint64_t kSegmentBytesMax = 32ull << 20;
// So that whole segments can go without much of what should stay.
constexpr uint64_t kSegmentsPerRecorder = 16;
constexpr int64_t kSegmentsPerAge = 8;
// Bounds the index of the open segment in memory (16 bytes per id).
constexpr size_t kSegmentIdsMax = 1 << 18;
// What is left of the disk for the store: this, or a twentieth of a small disk.
constexpr uint64_t kDiskReserveBytes = 256ull << 20;
constexpr uint64_t kDiskReserveShare = 20;
constexpr int64_t kSecondNs = 1'000'000'000;

struct Segment {
  int64_t created_ns = 0;
  int64_t newest_ns = 0;  // when its last batch came, or later
  uint64_t bytes = 0;
  uint64_t index_bytes = 0;
};

class FileRecorder final : public Recorder {
 public:
  FileRecorder(RecorderOptions options, FolderLock lock)
      : options_(std::move(options)),
        segment_bytes_max_(std::clamp(options_.bytes_max / kSegmentsPerRecorder, kSegmentBytesMin,
                                      kSegmentBytesMax)),
        lock_(std::move(lock)),
        allowance_(static_cast<double>(options_.bytes_per_second_max)) {}

  // Finds the segments that are there.
  absl::Status Load();

  void Append(const RecordedEvents& events, int64_t now_ns) override;
  void Retain(int64_t now_ns) override;
  absl::StatusOr<uint64_t> Erase(std::string_view prediction_id, const Redact& redact) override;
  absl::Status Scan(std::string_view model, int64_t first_ns, int64_t last_ns,
                    const std::function<bool(const RecordedEvents&)>& visit) const override;
  RecorderReading Read() const override;

 private:
  std::string SegmentPath(uint64_t ordinal) const {
    return absl::StrCat(options_.folder, "/segment-", absl::StrFormat("%016x", ordinal), ".events");
  }
  std::string IndexPath(uint64_t ordinal) const {
    return absl::StrCat(options_.folder, "/segment-", absl::StrFormat("%016x", ordinal), ".ids");
  }

  absl::Status LoadSegment(uint64_t ordinal);
  absl::Status ContinueLastSegment();

  // All with mutex_ held.
  bool TakeAllowance(uint64_t bytes, int64_t now_ns);
  bool DiskHasRoom() const;
  absl::Status OpenSegment(int64_t now_ns);
  absl::Status WriteRecord(const SegmentRecord& record, std::string_view bytes);
  void CloseSegment();
  void RemoveSegment(uint64_t ordinal);
  void RemoveBeyondBytes();
  uint64_t BytesOnDisk() const;

  absl::StatusOr<uint64_t> EraseFrom(uint64_t ordinal, std::string_view prediction_id,
                                     const Redact& redact);
  absl::Status Install(uint64_t ordinal, RewrittenSegment* rewritten);

  const RecorderOptions options_;
  const uint64_t segment_bytes_max_;
  const FolderLock lock_;

  std::mutex erase_mutex_;  // before mutex_

  mutable std::mutex mutex_;
  std::map<uint64_t, Segment> segments_;
  uint64_t next_ordinal_ = 1;
  // The last segment while it grows; null between segments.
  std::shared_ptr<File> open_file_;
  std::vector<IdPlace> open_places_;

  double allowance_;  // bytes; below zero after a large batch
  int64_t allowance_time_ns_ = INT64_MIN;
  uint64_t gap_rows_ = 0;
  uint64_t recorded_rows_ = 0;
  uint64_t dropped_rows_ = 0;
};

// The ordinal in segment-<16 hexadecimal digits>.events.
bool ParseSegmentName(const std::string& name, uint64_t* ordinal) {
  constexpr std::string_view kBegin = "segment-";
  constexpr std::string_view kEnd = ".events";
  constexpr size_t kDigits = 16;
  if (name.size() != kBegin.size() + kDigits + kEnd.size()) return false;
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd)) return false;
  const char* first = name.data() + kBegin.size();
  const auto [end, error] = std::from_chars(first, first + kDigits, *ordinal, 16);
  return error == std::errc() && end == first + kDigits;
}

absl::Status FileRecorder::Load() {
  std::vector<uint64_t> ordinals;
  std::error_code error;
  for (fs::directory_iterator at(options_.folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    uint64_t ordinal = 0;
    std::error_code ignored;
    if (name.ends_with(".tmp")) fs::remove(at->path(), ignored);
    if (ParseSegmentName(name, &ordinal)) ordinals.push_back(ordinal);
  }
  if (error) {
    return ErrnoStatus(error.value(), absl::StrCat("cannot list ", options_.folder));
  }
  std::sort(ordinals.begin(), ordinals.end());
  for (const uint64_t ordinal : ordinals) {
    if (absl::Status status = LoadSegment(ordinal); !status.ok()) return status;
  }
  // A segment's last batch came before the next segment was created.
  for (auto at = segments_.begin(); at != segments_.end(); ++at) {
    if (const auto next = std::next(at); next != segments_.end()) {
      at->second.newest_ns = std::max(at->second.created_ns, next->second.created_ns);
    }
  }
  return ContinueLastSegment();
}

absl::Status FileRecorder::LoadSegment(uint64_t ordinal) {
  next_ordinal_ = ordinal + 1;
  const std::string path = SegmentPath(ordinal);
  const absl::StatusOr<std::shared_ptr<File>> file = File::Open(path, O_RDONLY);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  const absl::StatusOr<std::string> bytes = (*file)->Read(0, kSegmentHeaderBytes);
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() < kSegmentHeaderBytes) {  // never got its header
    RemoveSegment(ordinal);
    return absl::OkStatus();
  }
  const absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader(*bytes);
  if (absl::IsFailedPrecondition(header.status())) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", header.status().message()));
  }
  struct stat found {};
  Segment segment;
  if (header.ok()) {
    segment.created_ns = header->created_ns;
  } else if (::stat(path.c_str(), &found) == 0) {
    // Its batches may be whole; that it goes in time is what matters.
    segment.created_ns = found.st_mtim.tv_sec * kSecondNs + found.st_mtim.tv_nsec;
  }
  segment.newest_ns = segment.created_ns;
  segment.bytes = *size;
  if (::stat(IndexPath(ordinal).c_str(), &found) == 0) {
    segment.index_bytes = static_cast<uint64_t>(found.st_size);
  }
  segments_[ordinal] = segment;
  return absl::OkStatus();
}

absl::Status FileRecorder::ContinueLastSegment() {
  if (segments_.empty()) return absl::OkStatus();
  auto& [ordinal, segment] = *segments_.rbegin();
  const std::string path = SegmentPath(ordinal);
  absl::StatusOr<std::shared_ptr<File>> file = File::Open(path, O_RDWR | O_APPEND);
  if (!file.ok()) return file.status();
  SegmentReader reader(*file, segment.bytes);
  uint64_t end = kSegmentHeaderBytes;
  while (reader.Next()) {
    const absl::StatusOr<SegmentRecord> record = reader.Read();
    if (!record.ok()) continue;
    AppendPlaces(record->events, reader.offset(), &open_places_);
    segment.newest_ns = std::max(segment.newest_ns, record->appended_ns);
    end = reader.offset() + reader.bytes();
  }
  if (end < segment.bytes) {
    if (absl::Status status = (*file)->Truncate(end); !status.ok()) return status;
    segment.bytes = end;
  }
  open_file_ = *std::move(file);
  if (segment.index_bytes > 0) CloseSegment();  // it was closed before
  return absl::OkStatus();
}

void FileRecorder::Append(const RecordedEvents& events, int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  SegmentRecord record{events, now_ns};
  record.events.dropped_before = gap_rows_;
  const std::string bytes = EncodeSegmentRecord(record);
  const bool fits = bytes.size() <= options_.bytes_max / 2 && bytes.size() <= INT32_MAX;
  absl::Status status = absl::OkStatus();
  if (!fits || !TakeAllowance(bytes.size(), now_ns) || !DiskHasRoom()) {
    status = absl::ResourceExhaustedError("over a limit");
  }
  if (status.ok() && open_file_ != nullptr &&
      (segments_.rbegin()->second.bytes >= segment_bytes_max_ ||
       open_places_.size() >= kSegmentIdsMax)) {
    CloseSegment();
  }
  if (status.ok() && open_file_ == nullptr) status = OpenSegment(now_ns);
  if (status.ok()) status = WriteRecord(record, bytes);
  if (!status.ok()) {
    gap_rows_ += events.rows;
    dropped_rows_ += events.rows;
    return;
  }
  gap_rows_ = 0;
  recorded_rows_ += events.rows;
  RemoveBeyondBytes();
}

bool FileRecorder::TakeAllowance(uint64_t bytes, int64_t now_ns) {
  const double rate = static_cast<double>(options_.bytes_per_second_max);
  if (allowance_time_ns_ != INT64_MIN && now_ns > allowance_time_ns_) {
    const double seconds = static_cast<double>(now_ns - allowance_time_ns_) / kSecondNs;
    allowance_ = std::min(rate, allowance_ + seconds * rate);
  }
  allowance_time_ns_ = std::max(allowance_time_ns_, now_ns);
  // A batch larger than a second's bytes must fit too: the debt is paid by those after it.
  if (allowance_ <= 0) return false;
  allowance_ -= static_cast<double>(bytes);
  return true;
}

bool FileRecorder::DiskHasRoom() const {
  struct statvfs disk {};
  if (::statvfs(options_.folder.c_str(), &disk) != 0) return true;
  const uint64_t block = disk.f_frsize;
  const uint64_t reserve = std::min(kDiskReserveBytes, disk.f_blocks * block / kDiskReserveShare);
  return disk.f_bavail * block >= reserve;
}

absl::Status FileRecorder::OpenSegment(int64_t now_ns) {
  const uint64_t ordinal = next_ordinal_;
  const std::string path = SegmentPath(ordinal);
  absl::StatusOr<std::shared_ptr<File>> file =
      File::Open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND);
  if (!file.ok()) return file.status();
  ++next_ordinal_;
  if (absl::Status status = (*file)->Append(EncodeSegmentHeader({ordinal, now_ns})); !status.ok()) {
    RemoveSegment(ordinal);
    return status;
  }
  open_file_ = *std::move(file);
  segments_[ordinal] = {now_ns, now_ns, kSegmentHeaderBytes, 0};
  return absl::OkStatus();
}

absl::Status FileRecorder::WriteRecord(const SegmentRecord& record, std::string_view bytes) {
  Segment& segment = segments_.rbegin()->second;
  absl::Status status = open_file_->Append(bytes);
  if (!status.ok()) {
    // What was written in part must not stand before the next batch.
    if (!open_file_->Truncate(segment.bytes).ok()) CloseSegment();
    return status;
  }
  AppendPlaces(record.events, segment.bytes, &open_places_);
  segment.bytes += bytes.size();
  segment.newest_ns = std::max(segment.newest_ns, record.appended_ns);
  return absl::OkStatus();
}

void FileRecorder::CloseSegment() {
  auto& [ordinal, segment] = *segments_.rbegin();
  const std::string index = EncodeIdIndex(&open_places_, ordinal, segment.bytes);
  // Without its index the segment is read when an id is looked for.
  segment.index_bytes =
      ReplaceFile(IndexPath(ordinal), index, /*sync=*/false).ok() ? index.size() : 0;
  open_file_ = nullptr;
  open_places_ = {};
}

void FileRecorder::RemoveSegment(uint64_t ordinal) {
  ::unlink(SegmentPath(ordinal).c_str());
  ::unlink(IndexPath(ordinal).c_str());
  segments_.erase(ordinal);
}

uint64_t FileRecorder::BytesOnDisk() const {
  uint64_t bytes = 0;
  for (const auto& [ordinal, segment] : segments_) bytes += segment.bytes + segment.index_bytes;
  return bytes;
}

void FileRecorder::RemoveBeyondBytes() {
  for (uint64_t bytes = BytesOnDisk(); bytes > options_.bytes_max && segments_.size() > 1;
       bytes = BytesOnDisk()) {
    RemoveSegment(segments_.begin()->first);
  }
}

void FileRecorder::Retain(int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  const int64_t age = options_.age_max_ns;
  if (age > 0) {
    if (open_file_ != nullptr &&
        now_ns - segments_.rbegin()->second.created_ns > age / kSegmentsPerAge) {
      CloseSegment();
    }
    while (!segments_.empty() && now_ns - segments_.begin()->second.newest_ns > age) {
      if (segments_.size() == 1 && open_file_ != nullptr) break;
      RemoveSegment(segments_.begin()->first);
    }
  }
  RemoveBeyondBytes();
}

absl::Status FileRecorder::Install(uint64_t ordinal, RewrittenSegment* rewritten) {
  const std::string path = SegmentPath(ordinal);
  const std::string staged = path + ".new.tmp";
  if (absl::Status status = ReplaceFile(staged, rewritten->bytes, /*sync=*/true); !status.ok()) {
    return status;
  }
  const std::string index = EncodeIdIndex(&rewritten->places, ordinal, rewritten->bytes.size());
  {
    const std::lock_guard lock(mutex_);
    const auto segment = segments_.find(ordinal);
    if (segment == segments_.end()) {  // retention was faster
      ::unlink(staged.c_str());
      return absl::OkStatus();
    }
    // The old index goes first: it must never meet the new segment.
    ::unlink(IndexPath(ordinal).c_str());
    segment->second.index_bytes = 0;
    if (::rename(staged.c_str(), path.c_str()) != 0) {
      return ErrnoStatus(errno, absl::StrCat("cannot rename ", staged));
    }
    segment->second.bytes = rewritten->bytes.size();
    if (ReplaceFile(IndexPath(ordinal), index, /*sync=*/false).ok()) {
      segment->second.index_bytes = index.size();
    }
  }
  return SyncFolder(options_.folder);
}

absl::StatusOr<uint64_t> FileRecorder::EraseFrom(uint64_t ordinal, std::string_view prediction_id,
                                                 const Redact& redact) {
  const absl::StatusOr<std::vector<IdPlace>> places =
      ReadIdPlaces(ordinal, SegmentPath(ordinal), IndexPath(ordinal));
  if (absl::IsNotFound(places.status())) return 0;  // retention was faster
  if (!places.ok()) return places.status();
  const uint64_t hash = HashPredictionId(prediction_id);
  const auto place = std::lower_bound(places->begin(), places->end(), IdPlace{hash, 0});
  if (place == places->end() || place->id_hash != hash) return 0;
  absl::StatusOr<RewrittenSegment> rewritten =
      RewriteWithout(SegmentPath(ordinal), prediction_id, redact);
  if (absl::IsNotFound(rewritten.status())) return 0;
  if (!rewritten.ok()) return rewritten.status();
  if (rewritten->rows_erased == 0) return 0;  // another id with the same hash
  if (absl::Status status = Install(ordinal, &*rewritten); !status.ok()) return status;
  return rewritten->rows_erased;
}

absl::StatusOr<uint64_t> FileRecorder::Erase(std::string_view prediction_id, const Redact& redact) {
  if (prediction_id.empty()) return absl::InvalidArgumentError("an empty id names no row");
  const std::lock_guard erase_lock(erase_mutex_);
  std::vector<uint64_t> ordinals;
  {
    const std::lock_guard lock(mutex_);
    const uint64_t hash = HashPredictionId(prediction_id);
    const bool in_open = std::any_of(open_places_.begin(), open_places_.end(),
                                     [hash](const IdPlace& at) { return at.id_hash == hash; });
    if (in_open) CloseSegment();  // only closed segments are rewritten
    for (const auto& [ordinal, segment] : segments_) ordinals.push_back(ordinal);
    if (open_file_ != nullptr) ordinals.pop_back();
  }
  uint64_t erased = 0;
  for (const uint64_t ordinal : ordinals) {
    const absl::StatusOr<uint64_t> rows = EraseFrom(ordinal, prediction_id, redact);
    if (!rows.ok()) return rows.status();
    erased += *rows;
  }
  return erased;
}

absl::Status FileRecorder::Scan(std::string_view model, int64_t first_ns, int64_t last_ns,
                                const std::function<bool(const RecordedEvents&)>& visit) const {
  std::vector<uint64_t> ordinals;
  std::shared_ptr<const File> open_file;
  uint64_t open_bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [ordinal, segment] : segments_) ordinals.push_back(ordinal);
    open_file = open_file_;
    if (open_file != nullptr) open_bytes = segments_.rbegin()->second.bytes;
  }
  bool damaged = false;
  for (const uint64_t ordinal : ordinals) {
    std::shared_ptr<const File> file = open_file;
    uint64_t end = open_bytes;
    if (open_file == nullptr || ordinal != ordinals.back()) {
      const absl::StatusOr<std::shared_ptr<File>> opened =
          File::Open(SegmentPath(ordinal), O_RDONLY);
      if (absl::IsNotFound(opened.status())) continue;  // retention was faster
      if (!opened.ok()) return opened.status();
      const absl::StatusOr<uint64_t> size = (*opened)->Size();
      if (!size.ok()) return size.status();
      file = *opened;
      end = *size;
    }
    SegmentReader reader(file, end);
    while (reader.Next()) {
      const absl::StatusOr<SegmentRecordFront> front = reader.ReadFront();
      if (front.ok() &&
          (front->model != model || front->last_ns < first_ns || front->first_ns > last_ns)) {
        continue;
      }
      const absl::StatusOr<SegmentRecord> record = reader.Read();
      if (!record.ok()) continue;
      const RecordedEvents& events = record->events;
      if (events.model != model || events.last_ns < first_ns || events.first_ns > last_ns) continue;
      if (!visit(events)) return absl::OkStatus();
    }
    damaged = damaged || reader.damaged();
  }
  if (!damaged) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("some recorded events in ", options_.folder, " are damaged and were left out"));
}

RecorderReading FileRecorder::Read() const {
  const std::lock_guard lock(mutex_);
  return {BytesOnDisk(), recorded_rows_, dropped_rows_, segments_.size()};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Recorder>> Recorder::Open(RecorderOptions options) {
  if (absl::Status status = CreatePrivateFolder(options.folder); !status.ok()) return status;
  absl::StatusOr<FolderLock> lock = FolderLock::Acquire(options.folder);
  if (!lock.ok()) return lock.status();
  auto recorder = std::make_unique<FileRecorder>(std::move(options), *std::move(lock));
  if (absl::Status status = recorder->Load(); !status.ok()) return status;
  return recorder;
}

}  // namespace faultline
