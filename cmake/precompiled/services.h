#pragma once

// For gRPC services and their clients.
#include <grpcpp/grpcpp.h>

#include "cmake/precompiled/messages.h"
#include "faultline/v1/admin.grpc.pb.h"
#include "faultline/v1/incident_service.grpc.pb.h"
#include "faultline/v1/ingestion.grpc.pb.h"
#include "faultline/v1/model.grpc.pb.h"
#include "faultline/v1/reference.grpc.pb.h"
