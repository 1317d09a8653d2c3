// Restoring a model from its records.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "daemon/core/contract/record_versions.h"
#include "daemon/core/model/model_state.h"
#include "daemon/core/signal/verdict_codec.h"

namespace faultline {
namespace {

absl::Status Broken(const char* what) { return absl::DataLossError(what); }

}  // namespace

absl::StatusOr<std::string> ModelNameOfRecord(std::string_view value) {
  const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kModel, value);
  if (!payload.ok()) return payload.status();
  Decoder in(*payload);
  std::string name(in.String());
  if (!in.ok()) return Broken("the record of a model has no name");
  return name;
}

absl::Status ModelState::RestoreModel(std::string_view payload) {
  Decoder in(payload);
  if (in.String() != name_ || in.String() != version_) {
    return Broken("the record of a model has another name");
  }
  generation_ = in.Varint();
  totals_.applied_rows = in.Varint();
  totals_.late_rows = in.Varint();
  totals_.rejected_rows = in.Varint();
  totals_.client_dropped_rows = in.Varint();
  totals_.panes_closed = in.Varint();
  totals_.verdicts = in.Varint();
  totals_.last_event_ns = in.Signed();
  totals_.budget_alarms = in.Varint();
  totals_.budget_deposited = in.Double();
  budget_ordinal_ = in.Varint();
  if (!clock_.Decode(&in)) return Broken("the record of a model has a broken pane clock");
  window_from_ = in.Signed();
  evaluated_ns_ = in.Signed();
  reference_version_ = in.Varint();
  for (uint64_t* rows : {&losses_.applied, &losses_.late, &losses_.refused, &losses_.dropped}) {
    *rows = in.Varint();
  }
  for (double* share : {&losses_.late_share, &losses_.refused_share, &losses_.dropped_share}) {
    *share = in.Double();
  }
  if (!schema_.Decode(&in)) return Broken("the record of a model has a broken schema");
  AddStates();
  for (uint32_t signal = 0; signal < schema_.size(); ++signal) {
    SignalState& state = signals_[signal];
    const uint64_t version = in.Varint();
    const uint64_t previous = in.Varint();
    state.counts_from = in.Signed();
    if (const int64_t tainted = in.Signed(); tainted >= 0) tainted_through_[signal] = tainted;
    const uint64_t learn_rows = in.Varint();
    state.memory_refused = in.Fixed8() != 0;
    const uint64_t most = std::max({version, previous, learn_rows});
    if (!in.ok() || most > UINT32_MAX) return Broken("the record of a model is broken");
    if (most > 0 && !schema_[signal].counted()) return Broken("vectors have no reference");
    if (previous > 0) awaited_previous_[signal] = static_cast<uint32_t>(previous);
    if (version > 0) awaited_[signal] = static_cast<uint32_t>(version);
    if (learn_rows == 0) continue;
    const SignalType type =
        schema_[signal].numeric() ? SignalType::kNumeric : SignalType::kCategorical;
    state.learning = std::make_unique<LearningRows>(type);
    state.learn_rows = static_cast<uint32_t>(learn_rows);
  }
  if (!in.Done()) return Broken("the record of a model is broken");
  return absl::OkStatus();
}

absl::Status ModelState::Restore(const Key& key, std::string_view payload, size_t stored_bytes) {
  switch (key.table) {
    case Table::kAlerts:
      return alerts_.Decode(payload);
    case Table::kReference:
      return RestoreReference(key, payload);
    case Table::kTransform:
      return transforms_.Restore(key, payload, schema_);
    case Table::kClosedPane: {
      Decoder in(payload);
      PaneHeader header;
      if (!header.Decode(&in) || key.pane_index < 0) return Broken("no pane");
      stored_panes_.Add(key.pane_index, header.last_ns, key.block + 1, stored_bytes);
      if (key.pane_index < window_from_) return absl::OkStatus();
      spans_[key.pane_index] = {header.first_ns, header.last_ns};
      break;
    }
    case Table::kIncidentBook:
      return RestoreBook(payload);
    case Table::kScoreHistory:
      return history_.Restore(key.pane_index, key.block, payload, stored_bytes);
    case Table::kBundles:
      return bundles_.Decode(payload);
    default:
      break;
  }
  stash_[BuildKey(key)] = {key, std::string(payload)};
  return absl::OkStatus();
}

absl::Status ModelState::RestoreBook(std::string_view payload) {
  Decoder in(payload);
  absl::Status status = book_.Decode(in.String());
  if (!status.ok()) return status;
  deployed_ns_ = in.Signed();
  silenced_until_ns_ = in.Signed();
  const uint64_t count = in.Varint();
  if (!in.ok() || count > kReferencesRememberedMax) return Broken("list of references");
  references_.clear();
  for (uint64_t i = 0; i < count; ++i) {
    v1::Reference& reference = references_.emplace_back();
    reference.set_version(in.Varint());
    reference.set_rows(in.Varint());
    reference.set_signals(static_cast<uint32_t>(in.Varint()));
    const uint8_t flags = in.Fixed8();
    reference.set_imported((flags & 1) != 0);
    reference.set_active((flags & 2) != 0);
    reference.set_promoted((flags & 4) != 0);
    reference.mutable_create_time()->set_seconds(in.Signed());
    reference.mutable_create_time()->set_nanos(static_cast<int32_t>(in.Varint()));
    reference.mutable_activate_time()->set_seconds(in.Signed());
    reference.mutable_activate_time()->set_nanos(static_cast<int32_t>(in.Varint()));
    reference.set_actor(std::string(in.String()));
    reference.set_comment(std::string(in.String()));
  }
  if (!in.Done()) return Broken("list of references");
  book_restored_ = true;
  for (const auto& [id, incident] : early_incidents_) book_.Restore(id, incident);
  early_incidents_.clear();
  return absl::OkStatus();
}

void ModelState::RestoreIncident(uint64_t id, const v1::Incident& incident) {
  if (book_restored_) {
    book_.Restore(id, incident);
  } else {
    early_incidents_[id] = incident;
  }
}

absl::Status ModelState::RestoreReference(const Key& key, std::string_view payload) {
  Decoder in(payload);
  while (in.ok() && in.remaining() > 0) {
    const uint32_t signal = key.block * kBlockSignals + in.Fixed8();
    auto reference = SignalReference::Decode(&in);
    if (!reference.ok()) return reference.status();
    if ((*reference)->version() != key.reference_version) {
      return Broken("reference of another version");
    }
    const bool numeric = (*reference)->shape().type == SignalType::kNumeric;
    if (signal >= schema_.size() || numeric != schema_[signal].numeric()) {
      return Broken("reference of another type");
    }
    const auto is_awaited = [&](const std::map<uint32_t, uint32_t>& awaited) {
      const auto found = awaited.find(signal);
      return found != awaited.end() && found->second == key.reference_version;
    };
    if (is_awaited(awaited_)) {
      awaited_.erase(signal);
      signals_[signal].SetReference(*std::move(reference), *settings_);
    } else if (is_awaited(awaited_previous_)) {
      awaited_previous_.erase(signal);
      signals_[signal].previous = *std::move(reference);
    } else {
      return Broken("reference of a signal that has another one");
    }
  }
  references_stored_.insert({static_cast<uint32_t>(key.reference_version), key.block});
  return in.Done() ? absl::OkStatus() : Broken("no block of references");
}

absl::Status ModelState::RestoreDetectors(uint32_t block, std::string_view payload) {
  detectors_stored_.insert(block);
  Decoder in(payload);
  while (in.ok() && in.remaining() > 0) {
    const uint32_t signal = block * kBlockSignals + in.Fixed8();
    const std::string_view detector = in.String();
    const uint64_t fingerprint = in.Fixed64();
    const std::string_view state = in.String();
    Verdict newest;
    if (!DecodeVerdict(&in, &newest) || signal >= schema_.size())
      return Broken("no block of detector state");
    const CatalogEntry* entry = FindKind(detector);
    if (entry == nullptr) continue;  // The kind is gone.
    FollowState follow;
    follow.detector = entry->name;
    follow.fingerprint = fingerprint;
    follow.newest = std::move(newest);
    follow.state.resize(state.size());
    std::copy_n(reinterpret_cast<const std::byte*>(state.data()), state.size(),
                follow.state.begin());
    restored_follow_[signal].push_back(std::move(follow));
  }
  return in.Done() ? absl::OkStatus() : Broken("no block of detector state");
}

absl::Status ModelState::RestoreLearning(const Key& key, std::string_view payload) {
  uint32_t& chunks = learning_stored_[key.signal / kBlockSignals];
  if (key.chunk != chunks++) return Broken("a chunk of learning rows is missing before it");
  Decoder in(payload);
  while (in.ok() && in.remaining() > 0) {
    const uint32_t signal = key.signal + in.Fixed8();
    if (!in.ok() || signal >= schema_.size() || !signals_[signal].learns() ||
        !signals_[signal].learning->DecodeChunk(&in) ||
        signals_[signal].learning->rows() >= signals_[signal].learn_rows) {
      return Broken("no chunk of learning rows");
    }
  }
  return in.Done() ? absl::OkStatus() : Broken("no chunk of learning rows");
}

absl::Status ModelState::RestoreOpenPane(const Key& key, std::string_view payload) {
  PaneHeader header;
  std::vector<PaneEntry> entries;
  if (key.pane_index < 0 || key.pane_index >= kSlots ||
      !DecodePaneBlock(payload, key.block, &header, &entries)) {
    return Broken("no block of an open pane");
  }
  const size_t slot = static_cast<size_t>(key.pane_index);
  OpenPane& pane = panes_[slot];
  absl::Status status = pane.Restore(header);
  for (size_t i = 0; i < entries.size() && status.ok(); ++i) {
    const PaneEntry& entry = entries[i];
    if (entry.signal >= schema_.size() || signals_[entry.signal].reference == nullptr ||
        signals_[entry.signal].reference->version() != entry.reference_version) {
      return Broken("an open pane counts against a reference that is gone");
    }
    status = pane.RestoreEntry(entry, *signals_[entry.signal].reference);
  }
  open_stored_[slot] = std::max(open_stored_[slot], key.block + 1);
  return status;
}

absl::Status ModelState::RestoreClosedPane(const Key& key, std::string_view payload) {
  PaneHeader header;
  std::vector<PaneEntry> entries;
  if (!DecodePaneBlock(payload, key.block, &header, &entries)) {
    return Broken("no block of a closed pane");
  }
  for (const PaneEntry& entry : entries) {
    if (entry.signal >= schema_.size()) return Broken("a pane of a signal that is not there");
    SignalState& signal = signals_[entry.signal];
    // Panes counted against an earlier reference no longer belong to the window.
    if (signal.reference == nullptr || signal.reference->version() != entry.reference_version ||
        key.pane_index < signal.counts_from) {
      continue;
    }
    absl::StatusOr<Summary> pane = Summary::Decode(&signal.reference->shape(), entry.summary);
    if (!pane.ok()) return absl::DataLossError(pane.status().message());
    signal.window->Add(key.pane_index, entry.sent, *pane);
  }
  return absl::OkStatus();
}

absl::Status ModelState::RestoreRolling(const Key& key, std::string_view payload) {
  Decoder in(payload);
  while (in.ok() && in.remaining() > 0) {
    const uint32_t signal = key.block * kBlockSignals + in.Fixed8();
    if (signal >= schema_.size() || signals_[signal].reference == nullptr ||
        key.index >= RollingReference::kSections) {
      return Broken("quiet panes of a signal without a reference");
    }
    auto& rolling = signals_[signal].rolling;
    if (rolling == nullptr) {
      rolling = std::make_unique<RollingReference>(&signals_[signal].reference->shape());
    }
    if (!rolling->DecodeSlot(key.index, &in)) return Broken("no quiet panes");
  }
  rolling_stored_.insert({key.block, key.index});
  return in.Done() ? absl::OkStatus() : Broken("no quiet panes");
}

// In order of keys: detector state, learning rows by chunk, open panes, closed panes by number,
// quiet panes.
absl::Status ModelState::FinishRestore() {
  for (const auto* awaited : {&awaited_, &awaited_previous_}) {
    if (awaited->empty()) continue;
    return absl::DataLossError(absl::StrCat("the reference of signal ",
                                            schema_[awaited->begin()->first].name, " is missing"));
  }
  for (const auto& [signal, number] : tainted_through_) signals_[signal].tainted_through = number;
  tainted_through_.clear();
  for (auto record = stash_.begin(); record != stash_.end(); record = stash_.erase(record)) {
    const auto& [key, payload] = record->second;
    absl::Status status;
    if (key.table == Table::kDetectorState) status = RestoreDetectors(key.block, payload);
    if (key.table == Table::kLearningRows) status = RestoreLearning(key, payload);
    if (key.table == Table::kOpenPane) status = RestoreOpenPane(key, payload);
    if (key.table == Table::kClosedPane) status = RestoreClosedPane(key, payload);
    if (key.table == Table::kRolling) status = RestoreRolling(key, payload);
    if (!status.ok()) {
      return {status.code(),
              absl::StrCat(DescribeKey(record->first), ": ", std::string(status.message()))};
    }
  }
  for (auto& [signal, follow] : restored_follow_) signals_[signal].follow = std::move(follow);
  restored_follow_.clear();
  for (const auto& [id, incident] : early_incidents_) book_.Restore(id, incident);
  early_incidents_.clear();
  if (absl::Status status = transforms_.FinishRestore(); !status.ok()) return status;
  for (const SignalState& signal : signals_) shard_->learning_bytes += signal.learning_bytes();
  Recount();
  detector_blocks_.clear();
  alerts_revision_ = alerts_.revision();
  book_revision_ = book_.revision();
  bundles_revision_ = bundles_.revision();
  book_changed_ = false;
  for (OpenPane& pane : panes_) pane.ClearDirty();
  return book_.FinishRestore();
}

}  // namespace faultline
