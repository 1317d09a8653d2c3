#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/edge/http/http_server.h"

namespace faultline {

class HttpSession;

// Lets a reply reach the server's thread while there is one. Outlives the server for as long as a
// reply exists.
struct HttpGate {
  std::mutex mutex;
  boost::asio::io_context* io = nullptr;
};

// The answers of one shared route. Runs on the server's thread.
class HttpSharedAnswers {
 public:
  static constexpr size_t kAnswersMax = 4;

  HttpSharedAnswers(const HttpRoute* route, std::shared_ptr<HttpGate> gate)
      : route_(route), gate_(std::move(gate)) {}

  // Answers the session with an answer whose writing on `thread` begins after this call, or, if
  // kAnswersMax are still on their way to slow clients, with the newest of those.
  void Want(const std::shared_ptr<HttpSession>& session, boost::asio::thread_pool* thread);

 private:
  using Answer = std::shared_ptr<const HttpAnswer>;
  using Waiters = std::vector<std::pair<std::weak_ptr<HttpSession>, uint64_t>>;

  void Write(boost::asio::thread_pool* thread);
  void Written(const Answer& answer, boost::asio::thread_pool* thread);

  const HttpRoute* const route_;
  const std::shared_ptr<HttpGate> gate_;
  bool writing_ = false;
  Waiters waiters_;       // for the answer that is being written
  Waiters next_waiters_;  // came after its writing began
  std::vector<std::weak_ptr<const HttpAnswer>> alive_;
};

// What the sessions of a server share. Runs on the server's thread unless marked otherwise.
class HttpCore {
 public:
  HttpCore(HttpOptions options, std::vector<HttpRoute> routes);

  void Accept();
  // Closes the listener and the idle sessions; the others after `grace`.
  void Wind(std::chrono::milliseconds grace);
  void Ended(const std::shared_ptr<HttpSession>& session);
  // Whether the session waits for its client or for the server. `place`: its place among those that
  // wait for their clients, 0 at first.
  void WaitsForClient(HttpSession* session, uint64_t* place);
  void WaitsForServer(uint64_t* place);
  // The route of a path: its own, else that of the longest path above it with a subtree. Null:
  // none.
  const HttpRoute* FindRoute(std::string_view path) const;
  // Runs the handler of a route where it wants to run; the session gets the answer.
  void Run(const HttpRoute& route, HttpRequest request,
           const std::shared_ptr<HttpSession>& session);
  // A reply to the current request of the session.
  HttpReply ReplyFor(const std::shared_ptr<HttpSession>& session);
  // Reserves memory for a body. False if the bodies being received take too much already.
  bool Charge(uint64_t bytes);
  void Discharge(uint64_t bytes) { body_bytes_ -= bytes; }
  void Count(std::string_view route, unsigned code);
  bool stopping() const { return stopping_; }

  const HttpOptions options;
  const std::vector<HttpRoute> routes;
  boost::asio::io_context io{1};
  boost::asio::ip::tcp::acceptor acceptor{io};

  // Any thread.
  HttpReading Read() const;
  // After the server's thread has ended: replies go nowhere from now on.
  void CloseGate();

 private:
  void Accepted(boost::asio::ip::tcp::socket socket);
  void CountRefused();
  // Ends the session that waits for its client longest, if there is one.
  void MakeRoom();

  boost::asio::thread_pool in_turn_{1};
  boost::asio::thread_pool pages_{1};
  boost::asio::steady_timer pause_{io};
  boost::asio::steady_timer grace_{io};
  std::set<std::shared_ptr<HttpSession>> sessions_;
  size_t refused_sessions_ = 0;
  // Those that wait for their client, the longest first.
  std::map<uint64_t, HttpSession*> waiting_sessions_;
  uint64_t last_place_ = 0;
  bool stopping_ = false;
  uint64_t body_bytes_ = 0;
  std::shared_ptr<HttpGate> gate_ = std::make_shared<HttpGate>();
  std::map<const HttpRoute*, HttpSharedAnswers> shared_;

  mutable std::mutex mutex_;
  HttpReading reading_;
};

// One connection: reads a request, answers it, reads the next.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(HttpCore* core, boost::asio::ip::tcp::socket socket);

  void Start();
  // Instead of Start: answers 503 and closes.
  void Refuse();
  bool refused() const { return refused_; }
  // Ends it now if it is between two requests, else after the answer.
  void Wind();
  // Ends it now.
  void Cut();
  // Ends it at once, for another one to take its place.
  void MakeRoom() { End(); }

  // Number of the current request; answers to others are dropped.
  uint64_t ticket() const { return ticket_; }
  void Answer(uint64_t ticket, const std::shared_ptr<const HttpAnswer>& answer);

 private:
  using Error = boost::beast::error_code;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void ReadHeader();
  void HeaderRead(Error error);
  void RequestFailed(Error error);
  void Dispatch();
  void ReceiveBody();
  void ReadBody();
  void BodyRead(Error error);
  void AwaitClient();
  void AwaitReply();
  // Hands the request to its route.
  void Run();
  void Say(unsigned code, std::string_view text, std::string_view header = "");
  void Write(unsigned code, std::string_view content_type, std::shared_ptr<const std::string> body,
             std::string_view header = "");
  void Written(Error error);
  void Linger();
  void End();

  HttpCore* const core_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  boost::asio::steady_timer reply_timer_;
  const HttpRoute* route_ = nullptr;
  uint64_t ticket_ = 0;
  uint64_t charged_ = 0;
  uint64_t place_ = 0;    // among those that wait for their clients
  bool waiting_ = false;  // for the reply to ticket_
  bool idle_ = true;
  bool refused_ = false;
  bool close_ = false;
  bool ended_ = false;
  std::string head_;
  std::shared_ptr<const std::string> body_;
  uint64_t lingered_bytes_ = 0;
};

}  // namespace faultline
