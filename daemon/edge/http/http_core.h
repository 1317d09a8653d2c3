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

// What the sessions of a server share. Runs on the server's thread but for what is marked.
class HttpCore {
 public:
  static constexpr size_t kPagesMax = 4;

  HttpCore(HttpOptions options, HttpRoutes routes);

  void Accept();
  // Closes the listener and the idle sessions; the others after `grace`.
  void Wind(std::chrono::milliseconds grace);
  void Ended(const std::shared_ptr<HttpSession>& session);
  // The session goes on when its client does something, or when the server does. `place`: its own,
  // 0 at first.
  void WaitsForClient(HttpSession* session, uint64_t* place);
  void WaitsForServer(uint64_t* place);
  // Answers the session with a page whose reading begins after this call, or, if kPagesMax pages
  // are still on their way to slow scrapers, with the newest of those.
  void WantPage(const std::shared_ptr<HttpSession>& session);
  // A reply for the request the session is at.
  HttpReply ReplyFor(const std::shared_ptr<HttpSession>& session);
  // Bytes of bodies that may be received together.
  bool Charge(uint64_t bytes);
  void Discharge(uint64_t bytes) { body_bytes_ -= bytes; }
  void Count(std::string_view route, unsigned code);
  bool stopping() const { return stopping_; }

  const HttpOptions options;
  const HttpRoutes routes;
  boost::asio::io_context io{1};
  boost::asio::ip::tcp::acceptor acceptor{io};
  boost::asio::thread_pool events{1};

  // Any thread.
  HttpReading Read() const;
  // After the server's thread has ended: replies go nowhere from now on.
  void CloseGate();

 private:
  // Outlives the core for as long as somebody holds a reply.
  struct Gate {
    std::mutex mutex;
    boost::asio::io_context* io = nullptr;
  };
  using Page = std::shared_ptr<const std::string>;
  using Waiters = std::vector<std::pair<std::weak_ptr<HttpSession>, uint64_t>>;

  void Accepted(boost::asio::ip::tcp::socket socket);
  void CountRefused();
  // Ends the session that waits for its client longest, if there is one.
  void MakeRoom();
  void WritePage();
  void PageWritten(const Page& page);

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
  bool writing_page_ = false;
  Waiters waiters_;       // for the page that is being written
  Waiters next_waiters_;  // came after it was begun
  std::vector<std::weak_ptr<const std::string>> alive_pages_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();

  mutable std::mutex mutex_;
  HttpReading reading_;
};

// One connection: reads a request, answers it, reads the next.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(HttpCore* core, boost::asio::ip::tcp::socket socket);

  void Start();
  // Instead of Start: says 503 and closes.
  void Refuse();
  bool refused() const { return refused_; }
  // Ends it now if it is between two requests, else after the answer.
  void Wind();
  // Ends it now.
  void Cut();
  // Ends it at once, for another one to take its place.
  void MakeRoom() { End(); }

  // The request it is at; answers to others are dropped.
  uint64_t ticket() const { return ticket_; }
  void Answer(uint64_t ticket, const HttpAnswer& answer);
  void AnswerPage(uint64_t ticket, std::shared_ptr<const std::string> page);

 private:
  using Error = boost::beast::error_code;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  struct Route;
  static const Route kRoutes[];

  void ReadHeader();
  void HeaderRead(Error error);
  void RequestFailed(Error error);
  void Dispatch();
  const Route* FindRoute(std::string_view path) const;
  void ReceiveBody();
  void ReadBody();
  void BodyRead(Error error);
  void AwaitClient();
  void AwaitReply();
  void Say(unsigned code, std::string_view text, std::string_view header = "");
  void Write(unsigned code, std::string_view content_type, std::shared_ptr<const std::string> body,
             std::string_view header = "");
  void Written(Error error);
  void Linger();
  void End();

  static void Metrics(HttpSession* session);
  static void Healthy(HttpSession* session);
  static void Ready(HttpSession* session);
  static void Reload(HttpSession* session);
  static void Events(HttpSession* session);
  static void Incidents(HttpSession* session);
  static void Front(HttpSession* session);

  HttpCore* const core_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  boost::asio::steady_timer reply_timer_;
  const Route* route_ = nullptr;
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
