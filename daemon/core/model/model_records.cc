// Records: the bytes that make a model survive. See docs/formats/model.md.
#include <algorithm>
#include <utility>

#include "daemon/core/contract/record_versions.h"
#include "daemon/core/model/model_state.h"
#include "daemon/core/signal/verdict_codec.h"

namespace faultline {
namespace {

void Write(Table table, std::string key, std::string_view payload, Effects* effects) {
  effects->writes.push_back({std::move(key), SealRecord(table, payload)});
}

void Erase(std::string key, Effects* effects) {
  effects->writes.push_back({std::move(key), std::nullopt});
}

std::string_view SeverityName(v1::Severity severity) {
  if (severity == v1::SEVERITY_CRITICAL) return "critical";
  return severity == v1::SEVERITY_INFO ? "info" : "warning";
}

}  // namespace

std::string ModelState::EncodeModel() const {
  std::string payload;
  Encoder out(&payload);
  out.String(name_);
  out.String(version_);
  out.Varint(generation_);
  out.Varint(totals_.applied_rows);
  out.Varint(totals_.late_rows);
  out.Varint(totals_.rejected_rows);
  out.Varint(totals_.client_dropped_rows);
  out.Varint(totals_.panes_closed);
  out.Varint(totals_.verdicts);
  out.Signed(totals_.last_event_ns);
  out.Varint(totals_.budget_alarms);
  out.Double(totals_.budget_deposited);
  out.Varint(budget_ordinal_);
  clock_.Encode(&out);
  out.Signed(window_from_);
  out.Signed(evaluated_ns_);
  out.Varint(reference_version_);
  for (const uint64_t rows : {losses_.applied, losses_.late, losses_.refused, losses_.dropped}) {
    out.Varint(rows);
  }
  for (const double share : {losses_.late_share, losses_.refused_share, losses_.dropped_share}) {
    out.Double(share);
  }
  schema_.Encode(&out);
  for (const SignalState& signal : signals_) {
    out.Varint(signal.reference == nullptr ? 0 : signal.reference->version());
    out.Varint(signal.previous == nullptr ? 0 : signal.previous->version());
    out.Signed(signal.counts_from);
    out.Signed(signal.tainted_through);
    out.Varint(signal.learns() ? signal.learn_rows : 0);
    out.Fixed8(signal.memory_refused ? 1 : 0);
  }
  return payload;
}

std::string ModelState::EncodeBook() const {
  std::string payload;
  Encoder out(&payload);
  std::string book;
  book_.Encode(&book);
  out.String(book);
  out.Signed(deployed_ns_);
  out.Signed(silenced_until_ns_);
  out.Varint(references_.size());
  for (const v1::Reference& reference : references_) {
    out.Varint(reference.version());
    out.Varint(reference.rows());
    out.Varint(reference.signals());
    out.Fixed8(static_cast<uint8_t>((reference.imported() ? 1 : 0) | (reference.active() ? 2 : 0) |
                                    (reference.promoted() ? 4 : 0)));
    out.Signed(reference.create_time().seconds());
    out.Varint(static_cast<uint64_t>(reference.create_time().nanos()));
    out.Signed(reference.activate_time().seconds());
    out.Varint(static_cast<uint64_t>(reference.activate_time().nanos()));
    out.String(reference.actor());
    out.String(reference.comment());
  }
  return payload;
}

// Empty if no signal of the block is followed.
std::string ModelState::EncodeDetectors(uint32_t block) const {
  std::string payload;
  Encoder out(&payload);
  const uint32_t begin = block * kBlockSignals;
  const uint32_t end = std::min<uint32_t>(begin + kBlockSignals, schema_.size());
  for (uint32_t signal = begin; signal < end; ++signal) {
    for (const FollowState& follow : signals_[signal].follow) {
      out.Fixed8(static_cast<uint8_t>(signal - begin));
      out.String(follow.detector);
      out.Fixed64(follow.fingerprint);
      out.Varint(follow.state.size());
      out.Raw(follow.state.data(), follow.state.size());
      EncodeVerdict(follow.newest, &out);
    }
  }
  return payload;
}

void ModelState::CutOpenPanes(Effects* effects) {
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    OpenPane& pane = panes_[slot];
    if (pane.started() && pane.dirty()) {
      open_stored_[slot] = BlocksOf(schema_.size());
      for (uint32_t block = 0; block < open_stored_[slot]; ++block) {
        std::string payload;
        Encoder out(&payload);
        pane.EncodeBlock(block, schema_.size(), &out);
        Write(Table::kOpenPane, OpenPaneKey(hash_, slot, block), payload, effects);
      }
      pane.ClearDirty();
    } else if (!pane.started()) {
      for (uint32_t block = 0; block < open_stored_[slot]; ++block) {
        Erase(OpenPaneKey(hash_, slot, block), effects);
      }
      open_stored_[slot] = 0;
    }
  }
}

void ModelState::CutDetectors(Effects* effects) {
  for (const uint32_t block : detector_blocks_) {
    const std::string payload = EncodeDetectors(block);
    if (!payload.empty()) {
      Write(Table::kDetectorState, DetectorStateKey(hash_, block), payload, effects);
      detectors_stored_.insert(block);
    } else if (detectors_stored_.erase(block) > 0) {
      Erase(DetectorStateKey(hash_, block), effects);
    }
  }
  detector_blocks_.clear();
}

void ModelState::CutBooks(Effects* effects) {
  if (alerts_.revision() != alerts_revision_) {
    alerts_revision_ = alerts_.revision();
    std::string payload;
    alerts_.Encode(&payload);
    Write(Table::kAlerts, AlertsKey(hash_), payload, effects);
  }
  if (book_changed_ || book_.revision() != book_revision_) {
    book_changed_ = false;
    book_revision_ = book_.revision();
    Write(Table::kIncidentBook, IncidentBookKey(hash_), EncodeBook(), effects);
  }
  if (bundles_.revision() != bundles_revision_) {
    bundles_revision_ = bundles_.revision();
    std::string payload;
    bundles_.Encode(&payload);
    Write(Table::kBundles, BundlesKey(hash_), payload, effects);
  }
}

// The rows of the signals of a block share chunks: chunk i has rows [i, i + 1) *
// kLearningChunkRows of each signal that learns.
void ModelState::CutLearning(Effects* effects) {
  for (const auto& [block, from] : learning_from_) {
    const uint32_t begin = block * kBlockSignals;
    const uint32_t end = std::min<uint32_t>(begin + kBlockSignals, schema_.size());
    uint32_t chunks = 0;
    for (uint32_t signal = begin; signal < end; ++signal) {
      if (!signals_[signal].learns()) continue;
      const uint32_t rows = signals_[signal].learning->rows();
      chunks = std::max(chunks, (rows + kLearningChunkRows - 1) / kLearningChunkRows);
    }
    for (uint32_t chunk = from; chunk < chunks; ++chunk) {
      std::string payload;
      Encoder out(&payload);
      for (uint32_t signal = begin; signal < end; ++signal) {
        if (!signals_[signal].learns()) continue;
        if (signals_[signal].learning->rows() <= chunk * kLearningChunkRows) continue;
        out.Fixed8(static_cast<uint8_t>(signal - begin));
        signals_[signal].learning->EncodeChunk(chunk, &out);
      }
      Write(Table::kLearningRows, LearningRowsKey(hash_, begin, chunk), payload, effects);
    }
    uint32_t& stored = learning_stored_[block];
    for (uint32_t chunk = chunks; chunk < stored; ++chunk) {
      Erase(LearningRowsKey(hash_, begin, chunk), effects);
    }
    stored = chunks;
  }
  learning_from_.clear();
}

void ModelState::CutReferences(Effects* effects) {
  for (const auto& [version, block] : reference_blocks_) {
    std::string payload;
    Encoder out(&payload);
    const uint32_t begin = block * kBlockSignals;
    const uint32_t end = std::min<uint32_t>(begin + kBlockSignals, schema_.size());
    for (uint32_t signal = begin; signal < end; ++signal) {
      for (const auto& reference : {signals_[signal].reference, signals_[signal].previous}) {
        if (reference == nullptr || reference->version() != version) continue;
        out.Fixed8(static_cast<uint8_t>(signal - begin));
        reference->Encode(&out);
      }
    }
    if (!payload.empty()) {
      Write(Table::kReference, ReferenceKey(hash_, version, block), payload, effects);
      references_stored_.insert({version, block});
    } else if (references_stored_.erase({version, block}) > 0) {
      Erase(ReferenceKey(hash_, version, block), effects);
    }
  }
  reference_blocks_.clear();
}

void ModelState::CutRolling(Effects* effects) {
  for (const auto& [block, slot] : rolling_slots_) {
    std::string payload;
    Encoder out(&payload);
    const uint32_t begin = block * kBlockSignals;
    const uint32_t end = std::min<uint32_t>(begin + kBlockSignals, schema_.size());
    for (uint32_t signal = begin; signal < end; ++signal) {
      const auto& rolling = signals_[signal].rolling;
      if (rolling == nullptr || rolling->Empty(slot)) continue;
      out.Fixed8(static_cast<uint8_t>(signal - begin));
      rolling->EncodeSlot(slot, &out);
    }
    if (!payload.empty()) {
      Write(Table::kRolling, RollingKey(hash_, block, slot), payload, effects);
      rolling_stored_.insert({block, slot});
    } else if (rolling_stored_.erase({block, slot}) > 0) {
      Erase(RollingKey(hash_, block, slot), effects);
    }
  }
  rolling_slots_.clear();
}

void ModelState::Cut(Effects* effects) {
  if (!changed_) return;
  changed_ = false;
  CutOpenPanes(effects);
  CutDetectors(effects);
  CutBooks(effects);
  transforms_.Cut(effects);
  CutLearning(effects);
  CutReferences(effects);
  CutRolling(effects);
  history_.Cut(effects);
  Write(Table::kModel, ModelKey(hash_), EncodeModel(), effects);
  Publish(effects);
}

void ModelState::Delete(Effects* effects) {
  book_.Clear();
  TakeIncidents(effects);
  bundles_.Clear(effects);
  history_.Clear(effects);
  Erase(BundlesKey(hash_), effects);
  Erase(ModelKey(hash_), effects);
  Erase(AlertsKey(hash_), effects);
  Erase(IncidentBookKey(hash_), effects);
  transforms_.Delete(effects);
  for (const auto& [block, slot] : rolling_stored_) {
    Erase(RollingKey(hash_, block, slot), effects);
  }
  for (const uint32_t block : detectors_stored_) Erase(DetectorStateKey(hash_, block), effects);
  for (const auto& [version, block] : references_stored_) {
    Erase(ReferenceKey(hash_, version, block), effects);
  }
  for (const auto& [block, chunks] : learning_stored_) {
    for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
      Erase(LearningRowsKey(hash_, block * kBlockSignals, chunk), effects);
    }
  }
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    for (uint32_t block = 0; block < open_stored_[slot]; ++block) {
      Erase(OpenPaneKey(hash_, slot, block), effects);
    }
  }
  stored_panes_.Clear([&](int64_t number, uint32_t blocks) {
    for (uint32_t block = 0; block < blocks; ++block) {
      Erase(ClosedPaneKey(hash_, number, block), effects);
    }
  });
  effects->publications.push_back({name_, version_, nullptr});
}

// What is shown between pane closings: learning goes on, references and alerts change.
void ModelState::RenewSignals() {
  auto renewed = std::make_shared<ModelSignals>();
  renewed->signals.reserve(signals_.size());
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    std::vector<DetectorReading> readings;
    if (shown_ == nullptr || signal >= shown_->signals.size() || review_.contains(signal)) {
      ReviewSignal(*settings_, signals_[signal], &readings);
    } else {
      readings = shown_->signals[signal].readings;
    }
    for (DetectorReading& reading : readings) {
      FillAlert(schema_[signal].name, &reading);
    }
    renewed->signals.push_back(
        ReadSignal(schema_[signal], *settings_, signals_[signal], std::move(readings)));
  }
  Show(std::move(renewed));
}

void ModelState::Show(std::shared_ptr<ModelSignals> signals) {
  signals->evaluated_ns = evaluated_ns_;
  signals->references.assign(references_.rbegin(), references_.rend());
  std::set<uint64_t> previous;
  for (const SignalState& state : signals_) {
    if (state.previous != nullptr) previous.insert(state.previous->version());
  }
  for (v1::Reference& reference : signals->references) {
    reference.set_previous(previous.contains(reference.version()));
  }
  signals->rolling = RollingMessage();
  for (const uint32_t signal : learners_) {
    signals->learning_rows =
        std::max<uint64_t>(signals->learning_rows, signals_[signal].learning->rows());
    signals->learn_rows = std::max<uint64_t>(signals->learn_rows, signals_[signal].learn_rows);
  }
  shown_ = std::move(signals);
  review_.clear();
  signals_changed_ = false;
}

void ModelState::Publish(Effects* effects) {
  if (signals_changed_) RenewSignals();
  memory_bytes_ = sizeof *this + schema_.memory_bytes() + plan_.memory_bytes() +
                  stored_panes_.memory_bytes() + history_.memory_bytes() +
                  transforms_.memory_bytes();
  for (const SignalState& signal : signals_) memory_bytes_ += signal.memory_bytes();
  for (const OpenPane& pane : panes_) memory_bytes_ += pane.memory_bytes();
  for (const SignalReading& reading : shown_->signals) {
    memory_bytes_ += sizeof reading + reading.readings.capacity() * sizeof(DetectorReading);
  }
  if (IsTest() && book_.open() == 0) {
    effects->publications.push_back({name_, version_, nullptr});
    return;
  }
  auto snapshot = std::make_shared<ModelSnapshot>();
  snapshot->name = name_;
  snapshot->version = version_;
  snapshot->totals = totals_;
  snapshot->signals = shown_;
  alerts_.ForEach([&](const AlertKey& key, const Alert& alert) {
    if (alert.state != v1::ALERT_STATE_FIRING) return;
    snapshot->alerts.push_back({key.signal, key.detector, std::string(SeverityName(alert.severity)),
                                alert.silenced || book_.Suppresses(key)});
  });
  if (IsTest()) {
    snapshot->alerts.push_back(
        {"test", "alert_test", std::string(SeverityName(settings_->severity)), false});
  }
  snapshot->labels.assign(settings_->labels.begin(), settings_->labels.end());
  const double threshold =
      BudgetDivision::ThresholdOf(settings_->budget, budget_ordinal_, shard_->settings->shards);
  if (std::isfinite(threshold)) snapshot->budget_threshold = threshold;
  snapshot->budget = settings_->budget;
  snapshot->incidents_open = book_.open();
  snapshot->incidents_total = book_.total();
  snapshot->silenced_until_ns = silenced_until_ns_;
  snapshot->deployed_ns = deployed_ns_;
  effects->publications.push_back({name_, version_, std::move(snapshot)});
}

}  // namespace faultline
