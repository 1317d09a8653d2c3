#include "daemon/edge/grpc/peer_uid.h"

#include <absl/strings/numbers.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

namespace faultline {
namespace {

constexpr const char* kProperty = "faultline_peer_uid";

// Names the user of a port to every call that comes in by it.
class NameUser final : public grpc::AuthMetadataProcessor {
 public:
  explicit NameUser(std::shared_ptr<const std::atomic<uint32_t>> uid) : uid_(std::move(uid)) {}
  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& /*metadata*/, grpc::AuthContext* context,
                       OutputMetadata* /*consumed*/, OutputMetadata* /*response*/) override {
    context->AddProperty(kProperty, std::to_string(*uid_));
    return grpc::Status::OK;
  }

 private:
  std::shared_ptr<const std::atomic<uint32_t>> uid_;
};

// The user at the other end; nullopt if it is no unix socket.
std::optional<uint32_t> UserOf(int fd) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) return std::nullopt;
  ucred user{};
  size = sizeof user;
  if (own.ss_family != AF_UNIX) return std::nullopt;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size) != 0) return std::nullopt;
  return user.uid;
}

}  // namespace

struct UserPorts::Port {
  std::shared_ptr<std::atomic<uint32_t>> uid = std::make_shared<std::atomic<uint32_t>>(0);
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> intake;
};

UserPorts::UserPorts() = default;
UserPorts::~UserPorts() = default;

void UserPorts::AddPorts(grpc::ServerBuilder* builder) {
  using Builder = grpc::ServerBuilder::experimental_type;
  for (size_t i = 0; i < kPeerUidsMax; ++i) {
    auto port = std::make_unique<Port>();
    const std::shared_ptr<grpc::ServerCredentials> credentials =
        grpc::experimental::LocalServerCredentials(UDS);
    credentials->SetAuthMetadataProcessor(std::make_shared<NameUser>(port->uid));
    port->intake = builder->experimental().AddExternalConnectionAcceptor(
        Builder::ExternalConnectionType::FROM_FD, credentials);
    ports_.push_back(std::move(port));
  }
}

bool UserPorts::Take(int fd) {
  const std::optional<uint32_t> uid = UserOf(fd);
  if (!uid.has_value()) return false;
  const std::lock_guard lock(mutex_);
  size_t place = 0;
  while (place < used_ && *ports_[place]->uid != *uid) ++place;
  if (place == ports_.size()) return false;
  if (place == used_) *ports_[used_++]->uid = *uid;
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.fd = fd;
  ports_[place]->intake->HandleNewConnection(&connection);
  return true;
}

std::optional<uint32_t> PeerUid(const grpc::ServerContext& context) {
  const std::shared_ptr<const grpc::AuthContext> of_call = context.auth_context();
  if (of_call == nullptr) return std::nullopt;
  const std::vector<grpc::string_ref> values = of_call->FindPropertyValues(kProperty);
  uint32_t uid = 0;
  if (values.size() != 1 ||
      !absl::SimpleAtoi(absl::string_view(values[0].data(), values[0].size()), &uid)) {
    return std::nullopt;
  }
  return uid;
}

}  // namespace faultline
