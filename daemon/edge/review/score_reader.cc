#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/codec.h"
#include "daemon/core/contract/streams.h"
#include "daemon/core/settings/limits.h"
#include "daemon/core/settings/settings.h"
#include "daemon/core/stream/score_history.h"
#include "daemon/edge/review/answer.h"
#include "daemon/edge/review/evidence_calls.h"
#include "daemon/edge/review/incident_reader.h"
#include "daemon/edge/review/page_token.h"
#include "faultline/v1/incident_service.pb.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

// QueryScores.

namespace faultline::review {
namespace {

using google::protobuf::util::TimeUtil;

constexpr uint32_t kPoints = 10'000;
constexpr uint32_t kPointsMax = 100'000;
constexpr int kNamesMax = 100;
constexpr int64_t kDay = 86'400LL * 1'000'000'000;
// A point as a message, about.
constexpr size_t kPointBytes = 64;

struct Query {
  uint64_t model = 0;
  int64_t first = 0;  // spans
  int64_t last = 0;
  uint32_t points_max = 0;
  const v1::QueryScoresRequest* request = nullptr;

  bool Wants(std::string_view signal, std::string_view detector) const {
    const auto& signals = request->signals();
    const auto& detectors = request->detectors();
    return (signals.empty() || std::any_of(signals.begin(), signals.end(),
                                           [&](const std::string& pattern) {
                                             return MatchesPattern(pattern, signal);
                                           })) &&
           (detectors.empty() ||
            std::find(detectors.begin(), detectors.end(), detector) != detectors.end());
  }
};

// What must be equal on all pages of a list.
std::string QueryText(const v1::QueryScoresRequest& request) {
  v1::QueryScoresRequest same = request;
  same.clear_page_token();
  same.clear_page_size();
  return same.SerializeAsString();
}

// The span of the newest score; nullopt without scores.
absl::StatusOr<std::optional<int64_t>> NewestSpan(const Store& store, uint64_t model) {
  const KeyRange range = ModelRange(Table::kScoreHistory, model);
  std::optional<int64_t> newest;
  absl::Status status;
  const absl::Status scanned =
      store.ScanBackwards(range.begin, range.end, [&](std::string_view, std::string_view value) {
        const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kScoreHistory, value);
        status = payload.status();
        if (status.ok()) newest = Decoder(*payload).Signed();
        return false;
      });
  if (!scanned.ok()) return scanned;
  if (!status.ok()) return status;
  return newest;
}

absl::Status CheckRequest(const v1::QueryScoresRequest& request) {
  if (absl::Status status = CheckModel("model", request.model(), request.version()); !status.ok()) {
    return status;
  }
  if (request.signals_size() > kNamesMax || request.detectors_size() > kNamesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("signals, detectors: at most ", kNamesMax, " of each are taken"));
  }
  for (const auto* names : {&request.signals(), &request.detectors()}) {
    for (const std::string& name : *names) {
      absl::Status status = CheckText("signals, detectors", name, 1, kNameBytesMax);
      if (!status.ok()) return status;
    }
  }
  for (const auto* time : {&request.start_time(), &request.end_time()}) {
    if (!IsTime(*time)) {
      return absl::InvalidArgumentError("start_time, end_time: expected times since 1970");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Query> ReadQuery(const Store& store, const v1::QueryScoresRequest& request) {
  if (absl::Status status = CheckRequest(request); !status.ok()) return status;
  Query query;
  query.request = &request;
  query.model = ModelHash(request.model(), request.version());
  query.points_max = request.page_size();
  absl::Status status = CheckPageSize(&query.points_max, kPoints, kPointsMax);
  if (!status.ok()) return status;
  const auto newest = NewestSpan(store, query.model);
  if (!newest.ok()) return newest.status();
  int64_t end_ns = (newest->value_or(0) + 1) * kHistorySpanNs;
  if (request.has_end_time()) {
    end_ns = std::min(end_ns, TimeUtil::TimestampToNanoseconds(request.end_time()));
  }
  const int64_t start_ns = request.has_start_time()
                               ? TimeUtil::TimestampToNanoseconds(request.start_time())
                               : std::max<int64_t>(end_ns - kDay, 0);
  query.first = start_ns / kHistorySpanNs;
  query.last = (end_ns - 1) / kHistorySpanNs;
  if (request.page_token().empty()) return query;
  const absl::StatusOr<std::string> position =
      ReadToken(TokenKind::kScores, QueryText(request), request.page_token(), "page_token");
  if (!position.ok()) return position.status();
  Decoder decoder(*position);
  query.first = std::max(query.first, decoder.Signed());
  if (!decoder.Done())
    return absl::InvalidArgumentError("page_token: is damaged; start without it");
  return query;
}

using SeriesMap = std::map<std::pair<std::string, std::string>, v1::ScoreSeries>;

void AddScores(int64_t span, const SpanScores& scores, v1::ScoreSeries* series) {
  v1::ScorePoint* point = series->add_points();
  *point->mutable_time() = ToTimestamp(span * kHistorySpanNs);
  if (!std::isnan(scores.lowest)) point->set_lowest(scores.lowest);
  if (!std::isnan(scores.highest)) point->set_highest(scores.highest);
  if (!std::isnan(scores.threshold)) point->set_threshold(scores.threshold);
  point->set_state(static_cast<v1::VerdictState>(scores.state));
  point->set_verdicts(scores.verdicts);
  for (const SpanScores::Change& each : scores.changes) {
    v1::StateChange* change = series->add_changes();
    *change->mutable_time() = ToTimestamp(each.at_ns);
    change->set_state(static_cast<v1::VerdictState>(each.state));
    if (!std::isnan(each.score)) change->set_score(each.score);
  }
}

}  // namespace

absl::Status QueryScores(const Store& store, const v1::QueryScoresRequest& request,
                         v1::QueryScoresResponse* response) {
  const absl::StatusOr<Query> query = ReadQuery(store, request);
  if (!query.ok()) return query.status();
  SeriesMap all;
  size_t points = 0;
  int64_t newest = query->first - 1;
  std::optional<int64_t> next;
  absl::Status status;
  const WantsSeries wants = [&](std::string_view signal, std::string_view detector) {
    return query->Wants(signal, detector);
  };
  const auto visit = [&](std::string_view key, std::string_view value) {
    const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kScoreHistory, value);
    int64_t span = 0;
    absl::StatusOr<SpanBlock> block =
        payload.ok() ? DecodeSpanBlock(*payload, &span, wants) : payload.status();
    if (!block.ok()) {
      status = {block.status().code(),
                absl::StrCat(DescribeKey(key), ": ", std::string(block.status().message()))};
      return false;
    }
    if (span < query->first || span > query->last) return span < query->first;
    // A page ends between spans, so that the next one can begin there.
    if (span != newest && (points >= query->points_max || points * kPointBytes > kPageBytesMax)) {
      next = span;
      return false;
    }
    newest = span;
    for (const auto& [name, scores] : *block) {
      if (scores.verdicts == 0) continue;
      AddScores(span, scores, &all[name]);
      points += 1 + scores.changes.size();
    }
    return true;
  };
  // The current span comes last in the order of keys, whatever its number.
  absl::Status scanned = store.Scan(ScoreHistoryKey(query->model, query->first, 0, 0),
                                    ModelRange(Table::kScoreHistory, query->model).end, visit);
  if (!scanned.ok()) return scanned;
  if (!status.ok()) return status;
  for (auto& [name, series] : all) {
    series.set_signal(name.first);
    series.set_detector(name.second);
    *response->add_series() = std::move(series);
  }
  if (next.has_value()) {
    std::string position;
    Encoder(&position).Signed(*next);
    response->set_next_page_token(MakeToken(TokenKind::kScores, QueryText(request), position));
  }
  return absl::OkStatus();
}

}  // namespace faultline::review
