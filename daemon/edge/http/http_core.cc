#include "daemon/edge/http/http_core.h"

#include <boost/asio/post.hpp>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "base/descriptors.h"

namespace faultline {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

namespace {

// Connections at one time that are told that there are too many.
constexpr size_t kRefusedMax = 64;
// After a failed accept, usually because file descriptors ran out.
constexpr std::chrono::milliseconds kAcceptPause{100};

absl::StatusOr<tcp::endpoint> ParseAddress(const std::string& address) {
  const auto refuse = [&] {
    return absl::InvalidArgumentError("\"" + address +
                                      "\": expected an address such as 127.0.0.1:7071");
  };
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return refuse();
  std::string host = address.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  uint16_t port = 0;
  const char* const end = address.data() + address.size();
  const auto [rest, problem] = std::from_chars(address.data() + colon + 1, end, port);
  Error error;
  const auto ip = asio::ip::make_address(host, error);
  if (error || problem != std::errc() || rest != end) return refuse();
  return tcp::endpoint(ip, port);
}

}  // namespace

void HttpCounts::Open() {
  const std::lock_guard lock(mutex_);
  ++reading_.connections;
}

void HttpCounts::Close() {
  const std::lock_guard lock(mutex_);
  --reading_.connections;
}

void HttpCounts::Refuse() {
  const std::lock_guard lock(mutex_);
  ++reading_.connections_refused;
}

void HttpCounts::Answer(std::string_view route, unsigned code) {
  const std::lock_guard lock(mutex_);
  ++reading_.requests[std::string(route) + " " + std::to_string(code)];
}

HttpReading HttpCounts::Read() const {
  const std::lock_guard lock(mutex_);
  return reading_;
}

HttpCore::HttpCore(HttpOptions options, std::vector<HttpRoute> routes)
    : options_(std::move(options)), routes_(std::move(routes)), bodies_(options_.body_bytes_max) {
  gate_->io = &io_;
  for (const HttpRoute& route : routes_) {
    FAULTLINE_CHECK(route.path.starts_with('/'), "the path of a route begins with /");
    FAULTLINE_CHECK(route.handler != nullptr, "a route has a handler");
    FAULTLINE_CHECK(FindRoute(route.path) == &route, "a path has one route");
    FAULTLINE_CHECK(!route.body || route.methods != HttpMethods::kRead, "GET has no body");
    if (route.run != HttpRun::kShared) continue;
    FAULTLINE_CHECK(route.methods == HttpMethods::kRead, "only what is read can be shared");
    shared_.try_emplace(&route, &route, gate_);
  }
}

const HttpRoute* HttpCore::FindRoute(std::string_view path) const {
  const HttpRoute* above = nullptr;
  for (const HttpRoute& route : routes_) {
    if (route.path == path) return &route;
    const bool below = route.subtree && path.starts_with(route.path) &&
                       path.substr(route.path.size()).starts_with('/');
    if (below && (above == nullptr || route.path.size() > above->path.size())) above = &route;
  }
  return above;
}

void HttpCore::Run(const HttpRoute& route, HttpRequest request,
                   const std::shared_ptr<HttpSession>& session) {
  switch (route.run) {
    case HttpRun::kAtOnce:
      return route.handler(request, ReplyFor(session));
    case HttpRun::kShared:
      return shared_.at(&route).Want(session, &pages_);
    case HttpRun::kInTurn:
      break;
  }
  asio::post(in_turn_, [&route, request = std::move(request), reply = ReplyFor(session)] {
    route.handler(request, reply);
  });
}

absl::Status HttpCore::Listen() {
  const std::string& address = options_.address;
  const absl::StatusOr<tcp::endpoint> endpoint = ParseAddress(address);
  if (!endpoint.ok()) return endpoint.status();
  Error error;
  acceptor_.open(endpoint->protocol(), error);
  // Lets a restarted daemon reuse its port at once; two processes can still not share it.
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(*endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return absl::OkStatus();
  if (error == asio::error::address_in_use) {
    return absl::UnavailableError("cannot listen on " + address +
                                  ": the port is in use by another program");
  }
  return absl::ErrnoToStatus(error.value(), "cannot listen on " + address);
}

void HttpCore::Serve() {
  Accept();
  io_.run();
}

void HttpCore::Accept() {
  acceptor_.async_accept([this](Error error, tcp::socket socket) {
    if (stopping_ || error == asio::error::operation_aborted) return;
    if (!error) {
      Accepted(std::move(socket));
      return Accept();
    }
    if (error == asio::error::no_descriptors) MakeRoom();
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](Error cancelled) {
      if (!cancelled && !stopping_) Accept();
    });
  });
}

void HttpCore::MakeRoom() {
  HttpSession* const longest = sessions_.LongestWaiting();
  if (longest == nullptr) return;
  counts_.Refuse();
  longest->MakeRoom();
}

void HttpCore::Accepted(tcp::socket socket) {
  Error ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  // Among the last descriptors: the next one takes the place of the first of two that make room.
  const bool last = socket.native_handle() >= DescriptorsForConnections();
  const bool full = last || sessions_.served() >= options_.connections_max;
  // The session that keeps the server waiting longest makes room; if none does, the new one is
  // refused.
  const bool refuse = full && sessions_.LongestWaiting() == nullptr;
  if (refuse) counts_.Refuse();
  for (int room = full ? last ? 2 : 1 : 0; room > 0; --room) MakeRoom();
  if (refuse && sessions_.refused() >= kRefusedMax) return;
  const auto session = std::make_shared<HttpSession>(this, std::move(socket));
  sessions_.Add(session, refuse);
  if (refuse) return session->Refuse();
  counts_.Open();
  session->Start();
}

void HttpCore::Ended(const std::shared_ptr<HttpSession>& session, bool refused) {
  if (!sessions_.Remove(session.get())) return;
  if (!refused) counts_.Close();
  if (stopping_ && sessions_.empty()) grace_.cancel();
}

void HttpCore::Wind(std::chrono::milliseconds grace) {
  if (stopping_) return;
  stopping_ = true;
  Error ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  for (const auto& session : sessions_.All()) session->Wind();
  if (sessions_.empty()) return;
  grace_.expires_after(grace);
  grace_.async_wait([this](Error cancelled) {
    if (cancelled) return;
    for (const auto& session : sessions_.All()) session->Cut();
  });
}

HttpReply HttpCore::ReplyFor(const std::shared_ptr<HttpSession>& session) {
  return
      [gate = gate_, weak = std::weak_ptr(session), ticket = session->ticket()](HttpAnswer answer) {
        const std::lock_guard lock(gate->mutex);
        if (gate->io == nullptr) return;
        asio::post(*gate->io, [weak, ticket, answer = std::move(answer)] {
          if (const auto alive = weak.lock()) {
            alive->Answer(ticket, std::make_shared<const HttpAnswer>(answer));
          }
        });
      };
}

void HttpCore::CloseGate() {
  {
    const std::lock_guard lock(gate_->mutex);
    gate_->io = nullptr;
  }
  in_turn_.stop();
  in_turn_.join();
  pages_.stop();
  pages_.join();
}

void HttpSharedAnswers::Want(const std::shared_ptr<HttpSession>& session,
                             asio::thread_pool* thread) {
  std::erase_if(alive_, [](const auto& answer) { return answer.expired(); });
  if (alive_.size() >= kAnswersMax) {
    if (const Answer newest = alive_.back().lock()) {
      return session->Answer(session->ticket(), newest);
    }
  }
  next_waiters_.emplace_back(session, session->ticket());
  if (!writing_) Write(thread);
}

void HttpSharedAnswers::Write(asio::thread_pool* thread) {
  writing_ = true;
  waiters_ = std::exchange(next_waiters_, {});
  asio::post(*thread, [this, thread, gate = gate_] {
    route_->handler({}, [this, thread, gate](HttpAnswer answer) {
      const std::lock_guard lock(gate->mutex);
      if (gate->io == nullptr) return;
      asio::post(*gate->io, [this, thread, answer = std::move(answer)]() mutable {
        Written(std::make_shared<const HttpAnswer>(std::move(answer)), thread);
      });
    });
  });
}

void HttpSharedAnswers::Written(const Answer& answer, asio::thread_pool* thread) {
  writing_ = false;
  alive_.push_back(answer);
  for (const auto& [weak, ticket] : std::exchange(waiters_, {})) {
    if (const auto session = weak.lock()) session->Answer(ticket, answer);
  }
  if (!next_waiters_.empty()) Write(thread);
}

}  // namespace faultline
