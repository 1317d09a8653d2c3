#include "daemon/edge/review/services.h"

namespace faultline::review {

std::vector<std::unique_ptr<grpc::Service>> MakeReviewServices(const ReviewParts& parts) {
  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(MakeModelService(parts));
  services.push_back(MakeReferenceService(parts));
  services.push_back(MakeIncidentService(parts));
  services.push_back(MakeAdminService(parts));
  return services;
}

}  // namespace faultline::review
