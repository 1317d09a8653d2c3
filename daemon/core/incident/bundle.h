#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/core/contract/effects.h"
#include "daemon/core/reference/reference.h"
#include "daemon/core/signal/alarm_budget.h"
#include "daemon/core/signal/schema.h"
#include "daemon/core/signal/signal_state.h"
#include "daemon/core/stream/open_pane.h"

namespace faultline {

// The evidence of an incident: what is frozen when it opens and added until it closes, so that its
// verdicts can be explained, recomputed bit for bit, and asked "what if" later, whatever becomes of
// the model's panes, references and settings meanwhile. Two kinds of records, see
// docs/formats/evidence.md.

// What a signal was held against when it joined the incident; made anew when its reference or the
// model's settings change while the incident is open.
struct EvidencePin {
  SignalFacts facts;
  uint32_t stream = 0;      // ordinal of its pane stream, which numbers the panes
  int64_t from = 0;         // number of the first pane that is recorded for it
  int64_t window_from = 0;  // number of the oldest pane that its window could hold then
  std::string daemon;       // version of the daemon
  std::vector<std::pair<std::string, uint32_t>> detectors;  // that judge it, and their versions
  std::string config;                                       // see ModelSettings::config
  std::shared_ptr<const SignalReference> reference;
  std::string window;               // as SignalWindow::encoded, the first pane included
  std::vector<FollowState> follow;  // as they were before the first pane
};
void EncodePin(const EvidencePin& pin, Encoder* out);
// DATA_LOSS if the bytes are no pin.
absl::StatusOr<EvidencePin> DecodePin(std::string_view payload);

// What one closed pane said of one signal of the incident.
struct EvidenceEntry {
  uint32_t pin = 0;                    // its index
  bool counted = false;                // the signal counted in the pane
  bool sent = false;                   // a row came with its column
  std::string summary;                 // if counted
  std::optional<std::string> rolling;  // rolling reference, merged; if a detector looked at it
  std::vector<std::pair<std::string, Verdict>> verdicts;  // by detector, in order of judging
};

// One closed pane of a stream while the incident was open.
struct EvidencePane {
  uint32_t stream = 0;      // ordinal of its pane stream
  int64_t number = 0;       // in its stream
  int64_t window_from = 0;  // number of the oldest pane that windows could hold
  PaneHeader header;
  PaneDeposit deposit;
  std::vector<EvidenceEntry> entries;
};
void EncodeEvidencePane(const EvidencePane& pane, Encoder* out);
absl::StatusOr<EvidencePane> DecodeEvidencePane(std::string_view payload);

inline constexpr uint32_t kBundleSignalsMax = 16;
inline constexpr uint32_t kBundlePinsMax = 64;
inline constexpr uint64_t kBundleBytesMax = 4ull << 20;
inline constexpr size_t kBundlesMax = 64;
inline constexpr uint64_t kBundlesBytesMax = 64ull << 20;

// Which incidents of one model have evidence stored, and how much.
//
// Operation:    Open when an incident opens, Add when a signal joins it, Record per closed pane,
//               CloseUnless when incidents may have closed. All ask for writes in the same commit
//               as the incident's change.
// Concurrency:  none.
// Limitations:  kBundleSignalsMax signals, kBundlePinsMax pins and kBundleBytesMax bytes per
//               incident: what is beyond is counted, not kept. kBundlesMax incidents and
//               kBundlesBytesMax bytes per model: the oldest lose their evidence first.
class BundleBook {
 public:
  explicit BundleBook(uint64_t model_hash) : model_hash_(model_hash) {}

  // What is stored of one incident's evidence.
  struct Kept {
    uint64_t incident = 0;
    uint32_t pins = 0;
    uint32_t panes = 0;
    uint64_t bytes = 0;
    uint32_t panes_left_out = 0;
    uint32_t signals_left_out = 0;
  };
  // A signal of an open incident.
  struct Pinned {
    uint32_t stream = 0;
    uint32_t signal = 0;  // of the stream
    uint32_t pin = 0;
    uint32_t reference_version = 0;
    uint64_t config_digest = 0;
  };

  // An incident to which evidence is added.
  struct Opened {
    std::vector<Pinned> pinned;
    // Its newest pane. No bytes: it has none yet.
    uint32_t last_stream = 0;
    int64_t last_number = 0;
    uint64_t last_bytes = 0;

    bool Holds(uint32_t stream, uint32_t signal) const;
  };

  // By incident.
  const std::map<uint64_t, Opened>& open() const { return open_; }
  // An open incident holds the signal.
  bool Holds(uint32_t stream, uint32_t signal) const;
  // Null if there is none of it.
  const Kept* Find(uint64_t incident) const;

  // An incident that had evidence before and was opened again keeps that: nothing is added.
  // Null then, or what was opened, now or before.
  const Opened* Open(uint64_t incident, Effects* effects);
  void CloseUnless(const std::function<bool(uint64_t incident)>& stays);
  // Adds a signal to an open incident, or its new pin. False if there is no room for it.
  bool Add(uint64_t incident, uint32_t signal, const EvidencePin& pin, uint64_t config_digest,
           Effects* effects);
  // What the signal's detectors remember moved without a pane: its pin no longer holds.
  void Outdate(uint32_t stream, uint32_t signal);
  // Stores a pane of an open incident; if it is the newest one already, again with more entries.
  // False if there is no room for it.
  bool Record(uint64_t incident, const EvidencePane& pane, Effects* effects);
  // The incident is gone.
  void Remove(uint64_t incident, Effects* effects);
  void Clear(Effects* effects);
  size_t memory_bytes() const;

  uint64_t revision() const { return revision_; }
  void Encode(std::string* out) const;
  // DATA_LOSS if the bytes are not what Encode wrote; then the book is unchanged.
  absl::Status Decode(std::string_view payload);

 private:
  Kept& KeptOf(uint64_t incident);
  void Drop(const Kept& kept, Effects* effects);
  void MakeRoom(Effects* effects);

  uint64_t model_hash_;
  std::deque<Kept> kept_;  // oldest first
  std::map<uint64_t, Opened> open_;
  uint64_t bytes_ = 0;  // of all
  uint64_t revision_ = 0;
};

}  // namespace faultline
