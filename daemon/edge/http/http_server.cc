#include "daemon/edge/http/http_server.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <thread>

#include "base/check.h"
#include "base/descriptors.h"
#include "daemon/edge/http/http_core.h"

namespace faultline {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

namespace {

// Connections that are told that there are too many, at one time.
constexpr size_t kRefusedMax = 64;
// After a failed accept, usually for want of file descriptors.
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

absl::Status Listen(const std::string& address, tcp::acceptor* acceptor) {
  const absl::StatusOr<tcp::endpoint> endpoint = ParseAddress(address);
  if (!endpoint.ok()) return endpoint.status();
  Error error;
  acceptor->open(endpoint->protocol(), error);
  // Only lets a restarted daemon have its port back at once; two can still not share it.
  if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor->bind(*endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (!error) return absl::OkStatus();
  if (error == asio::error::address_in_use) {
    return absl::UnavailableError("cannot listen on " + address +
                                  ": the port is in use by another program");
  }
  return absl::ErrnoToStatus(error.value(), "cannot listen on " + address);
}

}  // namespace

std::string_view HttpRequest::Header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == headers.end() ? std::string_view() : found->second;
}

HttpHandler ProbeHandler(std::string text, std::function<absl::Status()> check) {
  return [text = std::move(text), check = std::move(check)](const HttpRequest&,
                                                            const HttpReply& reply) {
    const absl::Status status = check();
    HttpAnswer answer;
    answer.code = status.ok() ? 200 : 503;
    answer.body = (status.ok() ? text : status.ToString()) + "\n";
    reply(std::move(answer));
  };
}

HttpCore::HttpCore(HttpOptions given_options, std::vector<HttpRoute> given_routes)
    : options(std::move(given_options)), routes(std::move(given_routes)) {
  gate_->io = &io;
  for (const HttpRoute& route : routes) {
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
  for (const HttpRoute& route : routes) {
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

void HttpCore::Accept() {
  acceptor.async_accept([this](Error error, tcp::socket socket) {
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

void HttpCore::CountRefused() {
  const std::lock_guard lock(mutex_);
  ++reading_.connections_refused;
}

void HttpCore::MakeRoom() {
  if (waiting_sessions_.empty()) return;
  CountRefused();
  waiting_sessions_.begin()->second->MakeRoom();
}

void HttpCore::Accepted(tcp::socket socket) {
  Error ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  // Among the last descriptors: the next one takes the place of the first of two that make room.
  const bool last = socket.native_handle() >= DescriptorsForConnections();
  const bool full = last || sessions_.size() - refused_sessions_ >= options.connections_max;
  // Who keeps the server waiting longest makes room.
  const bool refuse = full && waiting_sessions_.empty();
  if (refuse) CountRefused();
  for (int room = full ? last ? 2 : 1 : 0; room > 0; --room) MakeRoom();
  if (refuse && refused_sessions_ >= kRefusedMax) return;
  const auto session = std::make_shared<HttpSession>(this, std::move(socket));
  sessions_.insert(session);
  if (refuse) {
    ++refused_sessions_;
    session->Refuse();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    ++reading_.connections;
  }
  session->Start();
}

void HttpCore::WaitsForClient(HttpSession* session, uint64_t* place) {
  WaitsForServer(place);
  *place = ++last_place_;
  waiting_sessions_.emplace(*place, session);
}

void HttpCore::WaitsForServer(uint64_t* place) {
  if (*place != 0) waiting_sessions_.erase(std::exchange(*place, 0));
}

void HttpCore::Ended(const std::shared_ptr<HttpSession>& session) {
  if (sessions_.erase(session) == 0) return;
  if (session->refused()) {
    --refused_sessions_;
  } else {
    const std::lock_guard lock(mutex_);
    --reading_.connections;
  }
  if (stopping_ && sessions_.empty()) grace_.cancel();
}

void HttpCore::Wind(std::chrono::milliseconds grace) {
  if (stopping_) return;
  stopping_ = true;
  Error ignored;
  acceptor.close(ignored);
  pause_.cancel();
  const auto all = sessions_;
  for (const auto& session : all) session->Wind();
  if (sessions_.empty()) return;
  grace_.expires_after(grace);
  grace_.async_wait([this](Error cancelled) {
    if (cancelled) return;
    const auto left = sessions_;
    for (const auto& session : left) session->Cut();
  });
}

bool HttpCore::Charge(uint64_t bytes) {
  if (body_bytes_ + bytes > 4 * options.body_bytes_max) return false;
  body_bytes_ += bytes;
  return true;
}

void HttpCore::Count(std::string_view route, unsigned code) {
  const std::lock_guard lock(mutex_);
  ++reading_.requests[std::string(route) + " " + std::to_string(code)];
}

HttpReading HttpCore::Read() const {
  const std::lock_guard lock(mutex_);
  return reading_;
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

struct HttpServer::Impl {
  Impl(HttpOptions options, std::vector<HttpRoute> routes)
      : core(std::move(options), std::move(routes)) {}
  HttpCore core;
  uint16_t port = 0;
  std::thread thread;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpOptions options,
                                                              std::vector<HttpRoute> routes) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(routes));
  HttpCore& core = impl->core;
  if (absl::Status listening = Listen(core.options.address, &core.acceptor); !listening.ok()) {
    return listening;
  }
  impl->port = core.acceptor.local_endpoint().port();
  core.Accept();
  impl->thread = std::thread([&core] { core.io.run(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::~HttpServer() { Stop(std::chrono::milliseconds(0)); }

void HttpServer::Stop(std::chrono::milliseconds grace) {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->core.io, [this, grace] { impl_->core.Wind(grace); });
  impl_->thread.join();
  impl_->core.CloseGate();
}

uint16_t HttpServer::port() const { return impl_->port; }

std::string HttpServer::address() const {
  const std::string& wanted = impl_->core.options.address;
  return wanted.substr(0, wanted.rfind(':') + 1) + std::to_string(impl_->port);
}

HttpReading HttpServer::Read() const { return impl_->core.Read(); }

}  // namespace faultline
