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

// The evidence of an incident: frozen when it opens, extended until it closes, so that its verdicts
// can later be explained, recomputed bit for bit, and replayed under other settings, even after the
// model's panes, references and settings changed. Two kinds of records; see
// docs/formats/evidence.md.

// What a signal was compared with when it joined the incident; made again when its reference or the
// model's settings change while the incident is open.
struct EvidencePin {
  SignalFacts facts;
  uint32_t stream = 0;      // ordinal of its pane stream, which numbers the panes
  int64_t from = 0;         // number of the first pane recorded for it
  int64_t window_from = 0;  // number of the oldest pane that its window could then hold
  std::string daemon;       // version of the daemon
  std::vector<std::pair<std::string, uint32_t>> detectors;  // with their versions
  std::string config;                                       // see ModelSettings::config
  std::shared_ptr<const SignalReference> reference;
  std::string window;               // SignalWindow::encoded, including the first pane
  std::vector<FollowState> follow;  // before the first pane
};
void EncodePin(const EvidencePin& pin, Encoder* out);
// DATA_LOSS if the bytes are not a pin.
absl::StatusOr<EvidencePin> DecodePin(std::string_view payload);

// One closed pane of one signal of the incident.
struct EvidenceEntry {
  uint32_t pin = 0;                    // its index
  bool counted = false;                // the signal counted in the pane
  bool sent = false;                   // a row had its column
  std::string summary;                 // if counted
  std::optional<std::string> rolling;  // rolling reference, merged; if a detector uses it
  std::vector<std::pair<std::string, Verdict>> verdicts;  // by detector, in order of judging
};

// One closed pane of a stream while the incident was open.
struct EvidencePane {
  uint32_t stream = 0;      // ordinal of its pane stream
  int64_t number = 0;       // in its stream
  int64_t window_from = 0;  // number of the oldest pane that windows could hold
  PaneHeader header;
  PaneIncrement increment;
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
//               incident: the rest is counted, not kept. kBundlesMax incidents and
//               kBundlesBytesMax bytes per model: the oldest lose their evidence first.
class BundleBook {
 public:
  explicit BundleBook(uint64_t model_hash) : model_hash_(model_hash) {}

  // Size of one incident's stored evidence.
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
    // Its newest pane. last_bytes 0: it has no pane yet.
    uint32_t last_stream = 0;
    int64_t last_number = 0;
    uint64_t last_bytes = 0;

    bool Holds(uint32_t stream, uint32_t signal) const;
  };

  // By incident.
  const std::map<uint64_t, Opened>& open() const { return open_; }
  // Whether an open incident holds the signal.
  bool Holds(uint32_t stream, uint32_t signal) const;
  // Null if the incident has no evidence.
  const Kept* Find(uint64_t incident) const;

  // Opens evidence for an incident; returns it, also if it is already open. Null if the incident
  // was reopened: it keeps its earlier evidence, and nothing is added.
  const Opened* Open(uint64_t incident, Effects* effects);
  void CloseUnless(const std::function<bool(uint64_t incident)>& stays);
  // Adds a signal, or a new pin of one, to an open incident. False if the limit is reached.
  bool Add(uint64_t incident, uint32_t signal, const EvidencePin& pin, uint64_t config_digest,
           Effects* effects);
  // The signal's detectors changed state without a pane, so its pin is out of date.
  void Outdate(uint32_t stream, uint32_t signal);
  // Stores a pane of an open incident; if it is already the newest one, again with more entries.
  // False if the limit is reached.
  bool Record(uint64_t incident, const EvidencePane& pane, Effects* effects);
  // The incident was removed.
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
