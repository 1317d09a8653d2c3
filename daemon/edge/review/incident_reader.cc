#include "daemon/edge/review/incident_reader.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "storage/tables/incident_id.h"
#include "storage/tables/keys.h"

namespace faultline::review {
namespace {

constexpr size_t kPrefixMin = 4;
// For errors: what an id looks like.
constexpr std::string_view kIdWords =
    "an incident's id has 13 digits and small letters, such as 6amzh02dbsqqg, of which the first 4 "
    "or more do; 'faultline incidents list' shows them";

// The first key after all of [first, last].
std::string EndOfIncidents(uint64_t last) {
  return last == UINT64_MAX ? TableRange(Table::kIncident).end : IncidentKey(last + 1);
}

absl::Status Named(const absl::Status& status, std::string_view key) {
  if (status.ok()) return status;
  return {status.code(), absl::StrCat(DescribeKey(key), ": ", status.message())};
}

template <typename Value>
bool IsAmong(const std::vector<Value>& values, Value value) {
  return values.empty() || std::find(values.begin(), values.end(), value) != values.end();
}

bool Fits(const IncidentHead& head, const IncidentFilter& filter) {
  if (!filter.model.empty() && head.model != filter.model) return false;
  if (filter.version.has_value() && head.version != *filter.version) return false;
  return IsAmong(filter.states, head.state) && head.severity >= filter.severity_min &&
         IsAmong(filter.failure_modes, head.failure_mode);
}

bool Fits(const v1::Incident& incident, const IncidentFilter& filter) {
  const auto& opened = incident.open_time();
  const int64_t opened_ns = opened.seconds() * 1'000'000'000 + opened.nanos();
  if (opened_ns < filter.opened_from_ns) return false;
  if (filter.opened_before_ns > 0 && opened_ns >= filter.opened_before_ns) return false;
  return filter.signal.empty() ||
         std::any_of(incident.alerts().begin(), incident.alerts().end(),
                     [&](const v1::Alert& alert) { return alert.signal() == filter.signal; });
}

// Adds the incident if it passes the filter. False if the page is full.
absl::StatusOr<bool> AddToPage(std::string_view value, const IncidentFilter& filter, uint32_t count,
                               size_t* bytes, IncidentPage* page) {
  const absl::StatusOr<IncidentHead> head = OpenIncidentHead(value);
  if (!head.ok()) return head.status();
  if (!Fits(*head, filter)) return true;
  absl::StatusOr<v1::Incident> incident = OpenIncidentLine(value);
  if (!incident.ok()) return incident.status();
  if (!Fits(*incident, filter)) return true;
  *bytes += incident->ByteSizeLong();
  page->incidents.push_back(*std::move(incident));
  return page->incidents.size() < count && *bytes < kPageBytesMax;
}

}  // namespace

absl::StatusOr<FoundIncident> FindIncident(const Store& store, std::string_view id) {
  if (id.size() < kPrefixMin) {
    return absl::InvalidArgumentError(absl::StrCat("id: too short; give at least the first ",
                                                   kPrefixMin,
                                                   " characters: ", std::string(kIdWords)));
  }
  const absl::StatusOr<IncidentIdRange> range = ParseIncidentIdPrefix(id);
  if (!range.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("id: '", Escaped(id), "' is not an incident id: ", std::string(kIdWords)));
  }
  FoundIncident found;
  std::vector<uint64_t> ids;
  absl::Status status;
  const absl::Status scanned =
      store.Scan(IncidentKey(range->first), EndOfIncidents(range->last),
                 [&](std::string_view key, std::string_view value) {
                   const absl::StatusOr<Key> parsed = ParseKey(key);
                   absl::StatusOr<v1::Incident> incident = OpenIncident(value);
                   status = !parsed.ok() ? parsed.status() : Named(incident.status(), key);
                   if (!status.ok()) return false;
                   ids.push_back(parsed->incident_id);
                   if (ids.size() == 1) found = {ids[0], *std::move(incident)};
                   return ids.size() < 2;
                 });
  if (!scanned.ok()) return scanned;
  if (!status.ok()) return status;
  if (ids.empty()) {
    return absl::NotFoundError(absl::StrCat("there is no incident ", std::string(id),
                                            "; 'faultline incidents list' shows all incidents"));
  }
  if (ids.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "id: ", std::string(id), " fits more than one incident, for example ",
        FormatIncidentId(ids[0]), " and ", FormatIncidentId(ids[1]), "; give more characters"));
  }
  return found;
}

absl::StatusOr<IncidentPage> ListIncidents(const Store& store, const IncidentFilter& filter,
                                           uint64_t below, uint32_t count) {
  const KeyRange all = TableRange(Table::kIncidentLine);
  IncidentPage page;
  absl::Status status;
  size_t bytes = 0;
  uint32_t looked_at = 0;
  bool room = true;
  const absl::Status scanned = store.ScanBackwards(
      all.begin, below == 0 ? all.end : IncidentLineKey(below),
      [&](std::string_view key, std::string_view value) {
        if (!room || looked_at == kIncidentsLookedAtMax) {
          page.complete = false;
          return false;
        }
        ++looked_at;
        const absl::StatusOr<Key> parsed = ParseKey(key);
        const absl::StatusOr<bool> more = AddToPage(value, filter, count, &bytes, &page);
        status = !parsed.ok() ? parsed.status() : Named(more.status(), key);
        if (!status.ok()) return false;
        page.last_id = parsed->incident_id;
        room = *more;
        return true;
      });
  if (!scanned.ok()) return scanned;
  if (!status.ok()) return status;
  return page;
}

absl::StatusOr<uint64_t> LastChange(const Store& store) {
  const KeyRange all = TableRange(Table::kIncidentChange);
  uint64_t last = 0;
  absl::Status status;
  const absl::Status scanned =
      store.ScanBackwards(all.begin, all.end, [&](std::string_view key, std::string_view) {
        const absl::StatusOr<Key> parsed = ParseKey(key);
        if (parsed.ok()) last = parsed->change_sequence;
        status = parsed.status();
        return false;
      });
  if (!scanned.ok()) return scanned;
  if (!status.ok()) return status;
  return last;
}

absl::Status ReadChanges(const Store& store, uint64_t after, uint32_t count,
                         const std::function<bool(IncidentChangeRecord record)>& visit) {
  const absl::StatusOr<uint64_t> last = LastChange(store);
  if (!last.ok()) return last.status();
  const auto out_of_range = [](const char* why) {
    return absl::OutOfRangeError(absl::StrCat(
        "resume_token: ", why, "; list the incidents again, then watch without a token"));
  };
  if (after > *last) return out_of_range("is of changes that this daemon does not have");
  if (after == *last || count == 0) return absl::OkStatus();
  absl::Status status;
  uint64_t next = after + 1;
  const absl::Status scanned =
      store.Scan(IncidentChangeKey(next), TableRange(Table::kIncidentChange).end,
                 [&](std::string_view key, std::string_view value) {
                   absl::StatusOr<IncidentChangeRecord> record = OpenIncidentChange(value);
                   if (!record.ok()) {
                     status = Named(record.status(), key);
                     return false;
                   }
                   if (record->sequence != next) {
                     status = out_of_range("is too old");
                     return false;
                   }
                   ++next;
                   return visit(*std::move(record)) && --count > 0;
                 });
  return scanned.ok() ? status : scanned;
}

}  // namespace faultline::review
