#include "tests/support/daemon_calls.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "faultline/v1/admin.grpc.pb.h"
#include "faultline/v1/incident_service.grpc.pb.h"
#include "faultline/v1/model.grpc.pb.h"

namespace faultline::testing {
namespace {

std::shared_ptr<grpc::Channel> ChannelTo(const DaemonChild& daemon) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(256 << 20);
  // A channel of its own: one that saw the daemon die would wait before it tries again.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(daemon.socket_address(), grpc::InsecureChannelCredentials(),
                                   arguments);
}

template <typename Service, typename Request, typename Response>
Response Call(const DaemonChild& daemon,
              grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                                    Response*),
              const Request& request) {
  const auto stub = Service::NewStub(ChannelTo(daemon));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(120));
  Response response;
  const grpc::Status status = (stub.get()->*method)(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message() << "\n" << daemon.log();
  return response;
}

}  // namespace

v1::DigestStateResponse DigestState(const DaemonChild& daemon) {
  return Call<v1::AdminService>(daemon, &v1::AdminService::Stub::DigestState,
                                v1::DigestStateRequest());
}

v1::GetStatusResponse GetStatus(const DaemonChild& daemon) {
  return Call<v1::AdminService>(daemon, &v1::AdminService::Stub::GetStatus, v1::GetStatusRequest());
}

v1::Model GetModel(const DaemonChild& daemon, const std::string& name, const std::string& version) {
  v1::GetModelRequest request;
  request.set_name(name);
  request.set_version(version);
  return Call<v1::ModelService>(daemon, &v1::ModelService::Stub::GetModel, request).model();
}

v1::GetModelStatusResponse GetModelStatus(const DaemonChild& daemon, const std::string& name,
                                          const std::string& version) {
  v1::GetModelStatusRequest request;
  request.set_name(name);
  request.set_version(version);
  return Call<v1::ModelService>(daemon, &v1::ModelService::Stub::GetModelStatus, request);
}

void RecordDeploy(const DaemonChild& daemon, const std::string& name, const std::string& version) {
  v1::RecordDeployRequest request;
  request.set_name(name);
  request.set_version(version);
  Call<v1::ModelService>(daemon, &v1::ModelService::Stub::RecordDeploy, request);
}

namespace {

v1::ListIncidentsResponse ListIncidents(const DaemonChild& daemon) {
  v1::ListIncidentsRequest list;
  list.set_page_size(1000);
  return Call<v1::IncidentService>(daemon, &v1::IncidentService::Stub::ListIncidents, list);
}

}  // namespace

size_t CountIncidents(const DaemonChild& daemon) {
  return static_cast<size_t>(ListIncidents(daemon).incidents_size());
}

std::vector<v1::Incident> Incidents(const DaemonChild& daemon) {
  const v1::ListIncidentsResponse page = ListIncidents(daemon);
  std::vector<v1::Incident> incidents;
  for (const v1::Incident& listed : page.incidents()) {
    v1::GetIncidentRequest get;
    get.set_id(listed.id());
    incidents.push_back(
        Call<v1::IncidentService>(daemon, &v1::IncidentService::Stub::GetIncident, get).incident());
  }
  std::reverse(incidents.begin(), incidents.end());
  return incidents;
}

v1::ReplayIncidentResponse Replay(const DaemonChild& daemon,
                                  const v1::ReplayIncidentRequest& request) {
  return Call<v1::IncidentService>(daemon, &v1::IncidentService::Stub::ReplayIncident, request);
}

}  // namespace faultline::testing
