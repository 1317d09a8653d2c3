#include "daemon/edge/grpc/acceptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/wait.h"

namespace faultline {
namespace {

// Takes the connections and keeps them.
class AcceptorTest : public ::testing::Test {
 protected:
  ~AcceptorTest() override {
    acceptor_.reset();
    CloseAll();
  }
  void Listen(Listener listener, uint32_t connections_max) {
    port_ = listener.port();
    std::vector<Listener> listeners;
    listeners.push_back(std::move(listener));
    auto started = Acceptor::Start(std::move(listeners), connections_max, [this](int fd) {
      std::lock_guard lock(mutex_);
      taken_.push_back(fd);
    });
    ASSERT_TRUE(started.ok()) << started.status();
    acceptor_ = std::move(*started);
  }
  void ListenTcp(uint32_t connections_max) {
    auto listener = Listener::Tcp("127.0.0.1:0");
    ASSERT_TRUE(listener.ok()) << listener.status();
    Listen(std::move(*listener), connections_max);
  }
  static int Unconnected() { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }
  bool Connect(int fd) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port_);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  size_t taken() {
    std::lock_guard lock(mutex_);
    return taken_.size();
  }
  void CloseAll() {
    std::lock_guard lock(mutex_);
    for (const int fd : taken_) close(fd);
    taken_.clear();
  }

  uint16_t port_ = 0;
  std::unique_ptr<Acceptor> acceptor_;
  std::mutex mutex_;
  std::vector<int> taken_;
};

TEST_F(AcceptorTest, HandsOnNonBlockingConnections) {
  ListenTcp(10);
  const int client = Unconnected();
  ASSERT_TRUE(Connect(client));
  ASSERT_TRUE(testing::WaitUntil([&] { return taken() == 1; }));
  EXPECT_NE(fcntl(taken_[0], F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(taken_[0], F_GETFD) & FD_CLOEXEC, 0);
  const ConnectionCounts counts = acceptor_->counts();
  EXPECT_EQ(counts.accepted, 1u);
  EXPECT_EQ(counts.open, 1u);
  close(client);
}

TEST_F(AcceptorTest, ClosesWhatIsBeyondTheCapAndNoticesWhatGoes) {
  ListenTcp(2);
  std::vector<int> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(Unconnected());
    ASSERT_TRUE(Connect(clients.back()));
  }
  ASSERT_TRUE(testing::WaitUntil([&] { return acceptor_->counts().refused == 1; }));
  EXPECT_EQ(taken(), 2u);
  char byte;
  EXPECT_EQ(read(clients[2], &byte, 1), 0);  // closed, not left hanging
  CloseAll();
  EXPECT_TRUE(testing::WaitUntil([&] { return acceptor_->counts().open == 0; }));
  const int next = Unconnected();
  ASSERT_TRUE(Connect(next));
  EXPECT_TRUE(testing::WaitUntil([&] { return taken() == 1; }));
  for (const int fd : clients) close(fd);
  close(next);
}

TEST_F(AcceptorTest, RunningOutOfDescriptorsOnlyDelays) {
  ListenTcp(1'000);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = std::min<rlim_t>(before.rlim_cur, 256);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  const int first = Unconnected();
  const int second = Unconnected();
  std::vector<int> ballast;
  for (int fd = dup(first); fd >= 0; fd = dup(first)) ballast.push_back(fd);

  ASSERT_TRUE(Connect(first));
  EXPECT_TRUE(testing::WaitUntil([&] { return acceptor_->counts().failures > 1; }));
  EXPECT_EQ(taken(), 0u);
  for (const int fd : ballast) close(fd);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(testing::WaitUntil([&] { return taken() == 1; }));
  RecordProperty("recovered_ms",
                 static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::steady_clock::now() - start)
                                      .count()));
  ASSERT_TRUE(Connect(second));
  EXPECT_TRUE(testing::WaitUntil([&] { return taken() == 2; }));
  setrlimit(RLIMIT_NOFILE, &before);
  close(first);
  close(second);
}

TEST_F(AcceptorTest, LeavesTheLastDescriptorsToOthers) {
  ListenTcp(1'000);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = std::min<rlim_t>(before.rlim_cur, 256);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  const int client = Unconnected();
  std::vector<int> ballast;
  for (int fd = dup(client); fd >= 0; fd = dup(client)) ballast.push_back(fd);
  // Ten are free, all of them among the last.
  for (int i = 0; i < 10; ++i) {
    close(ballast.back());
    ballast.pop_back();
  }
  ASSERT_TRUE(Connect(client));
  EXPECT_TRUE(testing::WaitUntil([&] { return acceptor_->counts().refused == 1; }));
  EXPECT_EQ(taken(), 0u);
  for (const int fd : ballast) close(fd);
  setrlimit(RLIMIT_NOFILE, &before);
  close(client);
}

TEST_F(AcceptorTest, RefusesUnixPeersThatNameThemselves) {
  std::string folder = (std::filesystem::temp_directory_path() / "faultline-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  auto listener = Listener::Unix(folder + "/s");
  ASSERT_TRUE(listener.ok()) << listener.status();
  Listen(std::move(*listener), 10);
  const auto name = [&](const std::string& path) {
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    path.copy(out.sun_path, sizeof out.sun_path - 1);
    return out;
  };
  const sockaddr_un to = name(folder + "/s");
  const sockaddr_un odd = name(folder + "/\xff\n");
  const int named = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(named, reinterpret_cast<const sockaddr*>(&odd), sizeof odd), 0);
  ASSERT_EQ(connect(named, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  EXPECT_TRUE(testing::WaitUntil([&] { return acceptor_->counts().refused == 1; }));
  const int plain = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(connect(plain, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  EXPECT_TRUE(testing::WaitUntil([&] { return taken() == 1; }));
  close(named);
  close(plain);
  acceptor_.reset();
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace faultline
