#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "daemon/runtime/pipeline.h"
#include "tests/sim/shadow.h"
#include "tests/sim/sim_store.h"

namespace faultline::sim {

// What must be true, kept in the plainest way beside the pipeline: it is told of everything that
// goes in and looks at everything that comes out. The first invariant that does not hold is kept.
class Oracle {
 public:
  Oracle(const SimStore* store, std::shared_ptr<const Settings> settings, uint32_t shards);

  // What goes in.
  void Submitted(Admission admission, Input batch, uint64_t bytes, uint64_t queue_max);
  void Rejected(v1::RejectReason reason, uint64_t rows);
  void Shed(uint64_t rows);
  void Commanded(Input command);
  void Reloaded(std::shared_ptr<const Settings> settings, int64_t now_ns);
  void Ticked(int64_t now_ns);
  // A line was drawn through the shards.
  void Line();
  // A shard did its oldest thing.
  void ShardDid(uint32_t shard);
  // A commit's writes are in the store.
  void There(const SimStore::Writes& writes);
  // A commit was refused.
  void Refused();
  // The process is gone. The next one has these settings.
  void Crashed(std::shared_ptr<const Settings> settings, uint32_t shards);

  // Actual and expected results.
  void Acknowledged(const Input& batch, const BatchResult& result);
  void Told(uint64_t change_sequence, const IncidentChange& change);
  void Committed(const Pipeline& pipeline);
  void Greeted(const std::string& producer, uint64_t epoch, uint64_t committed);
  void Check(const Pipeline& pipeline, bool between_commits);
  // Everything that is stored, against everything that should be.
  void CheckStore();
  // Nothing is under way any more.
  void CheckQuiet(const Pipeline& pipeline);

  void Violate(const char* invariant, const std::string& what);
  // "I1: ...", or empty.
  const std::string& violation() const { return violation_; }

  const Shadow& shadow() const { return shadow_; }
  // The model of a stored incident.
  std::string OwnerOf(uint64_t incident) const;
  // Up to which sequence an epoch of a producer is committed.
  uint64_t CommittedThrough(const std::string& producer, uint64_t epoch) const;

 private:
  struct Rows {
    uint64_t received = 0, duplicate = 0, shed = 0, applied = 0, late = 0;
    std::array<uint64_t, v1::RejectReason_ARRAYSIZE> rejected{};
    void Add(const Rows& other);
  };
  void Push(uint32_t shard, Input input);
  void PushToAll(const Input& input);
  void FoldShard(uint32_t shard);
  void TakeBatches();
  void CheckChanges(const SimStore::Writes& writes);
  void CheckCommittedSequences();
  void CheckRows();
  void CheckKeys(const std::set<std::string>& keys);
  RowTotals Totals() const;

  const SimStore* const store_;
  Shadow shadow_;
  std::string violation_;

  // Of this process.
  std::vector<std::deque<Input>> queues_;  // pushed, not done
  std::vector<std::deque<Input>> done_;    // done, not committed
  std::vector<std::shared_ptr<const Settings>> reconcile_;
  Rows since_line_;  // edge rows since the last line
  Rows of_line_;     // and before it, until its commit
  bool line_there_ = false;
  uint64_t charged_ = 0, charged_of_line_ = 0;
  uint64_t failures_ = 0;
  uint64_t told_ = 0;

  std::multiset<std::tuple<std::string, uint64_t, uint64_t>> batches_;  // of the commit at hand

  // Of all processes: what is committed.
  Rows rows_;
  std::map<std::pair<std::string, uint64_t>, uint64_t> committed_;  // producer, epoch
  std::map<std::pair<std::string, uint64_t>, uint64_t> acknowledged_;
  std::map<std::string, uint64_t> epochs_;
  uint64_t changes_ = 0;
};

}  // namespace faultline::sim
