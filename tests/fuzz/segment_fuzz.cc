// A file of the recorder.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "base/check.h"
#include "daemon/core/settings/settings.h"
#include "daemon/edge/decode/decode.h"
#include "daemon/runtime/recording.h"
#include "storage/segments/recorder.h"
#include "storage/segments/segment.h"
#include "storage/tables/envelope.h"
#include "tests/fuzz/batches.h"
#include "tests/fuzz/core_state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

namespace faultline::fuzz {
namespace {

constexpr uint64_t kOrdinal = 1;

// A folder in memory for the life of the process.
struct MemoryFolder {
  MemoryFolder() { FAULTLINE_CHECK(mkdtemp(path.data()) != nullptr, "there is room in memory"); }
  ~MemoryFolder() { std::filesystem::remove_all(path); }
  std::string path = "/dev/shm/faultline_fuzz_XXXXXX";
};

const std::string& Folder() {
  static const MemoryFolder folder;
  return folder.path;
}

std::string Path(const char* ending) { return Folder() + "/segment-0000000000000001" + ending; }

void CheckPayload(const RecordedEvents& events) {
  v1::InferenceBatch message;
  if (!message.ParseFromString(events.payload)) {
    FAULTLINE_CHECK(RemoveRows(events.payload, {0}).empty(), "unreadable comes back empty");
    return;
  }
  Refusal refusal;
  v1::InferenceBatch copy = message;
  const auto batch = DecodeBatch(&copy, {.received_ns = kNow}, &refusal);
  if (batch == nullptr) return;
  CheckBatch(*batch);
  const std::string fewer = RemoveRows(events.payload, {0, 2, UINT32_MAX});
  FAULTLINE_CHECK(message.ParseFromString(fewer), "what is left is a message");
}

struct Found {
  uint64_t records = 0;
  uint64_t ids = 0;
  std::set<std::string> known;
  std::string id;      // one of them
  std::string absent;  // none of them
};

Found ReadRecords(const std::string& path) {
  Found found;
  const auto file = File::Open(path, O_RDONLY);
  FAULTLINE_CHECK(file.ok(), "it was just written");
  SegmentReader reader(*file, *(*file)->Size());
  uint64_t end = kSegmentHeaderBytes;
  while (reader.Next()) {
    FAULTLINE_CHECK(reader.offset() == end, "records follow each other");
    end += reader.bytes();
    const auto front = reader.ReadFront();
    const auto record = reader.Read();
    if (!record.ok()) {
      FAULTLINE_CHECK(reader.damaged(), "damage shows");
      continue;
    }
    ++found.records;
    if (front.ok()) {
      FAULTLINE_CHECK(front->model == record->events.model &&
                          front->first_ns == record->events.first_ns &&
                          front->last_ns == record->events.last_ns,
                      "what is passed over is what it is");
    }
    for (const std::string& id : record->events.prediction_ids) {
      if (id.empty()) continue;
      ++found.ids;
      found.id = id;
      found.known.insert(id);
    }
    CheckPayload(record->events);
    const std::string written = EncodeSegmentRecord(*record);
    const std::string header = EncodeSegmentHeader({.ordinal = kOrdinal, .created_ns = kNow});
    const std::string copy = Path(".copy");
    FAULTLINE_CHECK(ReplaceFile(copy, header + written, false).ok(), "there is room in memory");
    const auto again = File::Open(copy, O_RDONLY);
    SegmentReader copied(*again, header.size() + written.size());
    FAULTLINE_CHECK(copied.Next(), "ours can be read");
    const auto same = copied.Read();
    FAULTLINE_CHECK(same.ok() && EncodeSegmentRecord(*same) == written, "and stays what it is");
    ::unlink(copy.c_str());
  }
  found.absent = "none";
  while (found.known.contains(found.absent)) found.absent.push_back('!');
  return found;
}

void CheckErasure(const std::string& path, const Found& found) {
  if (found.id.empty()) return;
  const auto rewritten = RewriteWithout(path, found.id, RemoveRows);
  FAULTLINE_CHECK(rewritten.ok() && rewritten->rows_erased > 0, "it was there");
  const auto again = RewriteWithout(path, found.absent, RemoveRows);
  FAULTLINE_CHECK(again.ok() && again->rows_erased == 0, "it was not there");
  FAULTLINE_CHECK(again->places.size() == found.ids, "every id has a place");
  FAULTLINE_CHECK(ReplaceFile(path, rewritten->bytes, false).ok(), "there is room in memory");
  const auto file = File::Open(path, O_RDONLY);
  SegmentReader reader(*file, rewritten->bytes.size());
  while (reader.Next()) {
    const auto record = reader.Read();
    FAULTLINE_CHECK(record.ok(), "ours can be read");
    for (const std::string& id : record->events.prediction_ids) {
      FAULTLINE_CHECK(id != found.id, "erased rows are gone");
    }
  }
  FAULTLINE_CHECK(!reader.damaged(), "ours can be read");
}

// The whole recorder: opens what is there, or refuses it, and goes on recording.
void CheckRecorder(const std::string& path, std::string_view bytes) {
  FAULTLINE_CHECK(ReplaceFile(path, bytes, false).ok(), "there is room in memory");
  ::unlink(Path(".ids").c_str());
  auto recorder = Recorder::Open({.folder = Folder()});
  if (!recorder.ok()) return;
  RecordedEvents events;
  events.model = "credit";
  events.first_ns = events.last_ns = kNow;
  events.rows = 1;
  events.prediction_ids = {"new"};
  events.payload = "payload";
  (*recorder)->Append(events, kNow);
  bool seen = false;
  const absl::Status scanned =
      (*recorder)->Scan("credit", INT64_MIN, INT64_MAX, [&](const RecordedEvents& one) {
        seen = seen || (one.payload == "payload" && one.prediction_ids == events.prediction_ids);
        return true;
      });
  FAULTLINE_CHECK(scanned.ok() || absl::IsDataLoss(scanned), "damage is said to be damage");
  FAULTLINE_CHECK(seen || (*recorder)->Read().dropped_rows > 0, "what is recorded is found");
}

}  // namespace

void Run(std::string_view bytes) {
  const std::string path = Path(".events");
  for (const auto& entry : std::filesystem::directory_iterator(Folder())) {
    std::filesystem::remove(entry.path());
  }
  FAULTLINE_CHECK(ReplaceFile(path, bytes, false).ok(), "there is room in memory");
  const Found found = ReadRecords(path);
  const auto places = ReadIdPlaces(kOrdinal, path, Path(".ids"));
  FAULTLINE_CHECK(places.ok() && places->size() == found.ids, "every id has a place");
  CheckErasure(path, found);
  CheckRecorder(path, bytes);
}

// Header and records one by one.
void Mutate(Random* dice, size_t bytes_max, std::string* bytes) {
  std::vector<std::string> parts;
  std::string_view rest = *bytes;
  while (rest.size() >= kEnvelopeBytes) {
    const uint64_t length = Decoder(rest.substr(4)).Fixed32() + kEnvelopeBytes;
    parts.emplace_back(rest.substr(0, length));
    rest.remove_prefix(std::min<uint64_t>(length, rest.size()));
  }
  const std::string tail(rest);
  if (parts.empty() || dice->Below(16) == 0) return MutateRaw(dice, bytes_max, bytes);
  const size_t at = dice->Below(parts.size());
  if (dice->Below(8) == 0) {
    std::swap(parts[at], parts[dice->Below(parts.size())]);
  } else {
    MutateSealed(
        dice, bytes_max, [&](char, std::string* payload) { MutateRaw(dice, bytes_max, payload); },
        &parts[at]);
  }
  bytes->clear();
  for (const std::string& part : parts) bytes->append(part);
  bytes->append(tail);
  Cut(bytes_max, bytes);
}

std::vector<std::string> Seeds() {
  ModelSettings keep;
  keep.columns = {{.pattern = "*", .record_strings = RecordPolicy::kKeep, .sketches = {}}};
  std::vector<std::string> seeds;
  std::string bytes = EncodeSegmentHeader({.ordinal = kOrdinal, .created_ns = kNow});
  seeds.push_back(bytes);
  for (uint32_t i = 1; i < 4; ++i) {
    SegmentRecord record;
    record.events = EncodeRecording(*DecodedBatch(i, i * 3, kNow + i * kSecond), keep);
    record.events.dropped_before = i - 1;
    record.appended_ns = kNow;
    bytes += EncodeSegmentRecord(record);
    seeds.push_back(bytes);
  }
  seeds.push_back(bytes.substr(0, bytes.size() - 5));
  return seeds;
}

}  // namespace faultline::fuzz
