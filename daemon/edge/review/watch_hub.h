#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "faultline/v1/incident_service.pb.h"
#include "storage/store.h"

namespace faultline::review {

struct WatchLimits {
  uint32_t watchers_max = 64;
  // Changes that a watcher may fall behind once it has caught up.
  uint64_t behind_max = 1'000;
};

// Sends committed changes of incidents to watchers.
//
// Operation:    a watcher is a position in the stored change log; whenever Publish announces more,
//               it reads on from there. So nothing is queued for it, resuming after a broken stream
//               or a restart is no special case, and it gets exactly the log, without gaps or
//               repeats. Without a resume token it gets the open incidents first.
// Concurrency:  thread-safe. Publish never waits. Serve keeps the calling thread for the life of
//               the watch; at most watchers_max at a time.
// Limitations:  a watcher that has caught up and falls more than behind_max changes behind ends
//               with RESOURCE_EXHAUSTED and its resume token in the message; one that does not read
//               at all is cancelled at four times that.
class WatchHub {
 public:
  using Writer = grpc::ServerWriter<v1::WatchIncidentsResponse>;

  // `store` must outlive it.
  explicit WatchHub(const Store* store, WatchLimits limits = {});
  ~WatchHub();

  // Changes up to this sequence are committed.
  void Publish(uint64_t change_sequence);
  grpc::Status Serve(grpc::ServerContext* context, const v1::WatchIncidentsRequest& request,
                     Writer* writer);
  // Ends every watch with UNAVAILABLE, and every later one at once.
  void Shutdown();

  uint32_t watchers() const;

 private:
  struct Watcher;
  enum class Wake { kMore, kShutdown, kGone };

  grpc::Status Follow(Watcher* watcher, const v1::WatchIncidentsRequest& request);
  grpc::Status SendOpen(Watcher* watcher, const v1::WatchIncidentsRequest& request);
  grpc::Status SendLog(Watcher* watcher, const v1::WatchIncidentsRequest& request, uint64_t* sent);
  Wake WaitForMore(Watcher* watcher);
  bool FellBehind(Watcher* watcher, uint64_t* behind);

  const Store* const store_;
  const WatchLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable published_;
  uint64_t last_published_ = 0;
  bool shut_down_ = false;
  std::vector<Watcher*> watchers_;
};

}  // namespace faultline::review
