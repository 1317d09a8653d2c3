#pragma once

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
#include <string>
#include <string_view>
#include <vector>

#include "daemon/edge/http/http_server.h"
#include "daemon/edge/http/http_sessions.h"

namespace faultline {

class HttpSession;

// Lets a reply reach the server's thread while there is one. Lives as long as the last reply, which
// may be longer than the server.
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

// Memory for request bodies: four times the largest, for all bodies being received together.
class HttpBodyMemory {
 public:
  explicit HttpBodyMemory(uint64_t body_bytes_max) : bytes_max_(4 * body_bytes_max) {}

  // False if the bytes do not fit beside those that are charged.
  bool Charge(uint64_t bytes) {
    if (bytes_ + bytes > bytes_max_) return false;
    bytes_ += bytes;
    return true;
  }
  void Discharge(uint64_t bytes) { bytes_ -= bytes; }

 private:
  const uint64_t bytes_max_;
  uint64_t bytes_ = 0;
};

// What a server counts. Thread-safe.
class HttpCounts {
 public:
  void Open();
  void Close();
  void Refuse();
  void Answer(std::string_view route, unsigned code);
  HttpReading Read() const;

 private:
  mutable std::mutex mutex_;
  HttpReading reading_;
};

// The listener of a server, and what its sessions share. Runs on the server's thread unless marked
// otherwise.
class HttpCore {
 public:
  HttpCore(HttpOptions options, std::vector<HttpRoute> routes);

  // Before Serve. The errors of HttpServer::Start.
  absl::Status Listen();
  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  // Accepts and serves connections until Wind; its thread is the server's thread.
  void Serve();
  // Closes the listener and the idle sessions; the others after `grace`.
  void Wind(std::chrono::milliseconds grace);
  bool stopping() const { return stopping_; }

  // For sessions.
  HttpSessions& sessions() { return sessions_; }
  HttpBodyMemory& bodies() { return bodies_; }
  HttpCounts& counts() { return counts_; }
  void Ended(const std::shared_ptr<HttpSession>& session, bool refused);
  // The route of a path: its own, else that of the longest path above it with a subtree. Null if
  // there is neither.
  const HttpRoute* FindRoute(std::string_view path) const;
  // Runs the handler of a route on the thread that the route asks for; the session gets the answer.
  void Run(const HttpRoute& route, HttpRequest request,
           const std::shared_ptr<HttpSession>& session);

  // Any thread.
  const HttpOptions& options() const { return options_; }
  boost::asio::io_context& io() { return io_; }
  HttpReading Read() const { return counts_.Read(); }
  // After the server's thread has ended: replies are dropped from now on.
  void CloseGate();

 private:
  void Accept();
  void Accepted(boost::asio::ip::tcp::socket socket);
  // Ends the session that has waited for its client longest, if there is one.
  void MakeRoom();
  // A reply to the current request of the session.
  HttpReply ReplyFor(const std::shared_ptr<HttpSession>& session);

  const HttpOptions options_;
  const std::vector<HttpRoute> routes_;
  boost::asio::io_context io_{1};
  boost::asio::ip::tcp::acceptor acceptor_{io_};
  boost::asio::thread_pool in_turn_{1};
  boost::asio::thread_pool pages_{1};
  boost::asio::steady_timer pause_{io_};
  boost::asio::steady_timer grace_{io_};
  bool stopping_ = false;
  HttpSessions sessions_;
  HttpBodyMemory bodies_;
  HttpCounts counts_;
  std::shared_ptr<HttpGate> gate_ = std::make_shared<HttpGate>();
  std::map<const HttpRoute*, HttpSharedAnswers> shared_;
};

// One connection: reads a request, answers it, reads the next.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(HttpCore* core, boost::asio::ip::tcp::socket socket);

  void Start();
  // Instead of Start: answers 503 and closes.
  void Refuse();
  // Ends it now if it is between two requests, else after the answer.
  void Wind();
  // Ends it now.
  void Cut();
  // Ends it at once to make room for another one.
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
  void FindRoute();
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
