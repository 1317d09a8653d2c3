#pragma once

// What most sources of the edges read: the core's, gRPC and the services.
#include <grpcpp/grpcpp.h>

#include "cmake/precompiled/core.h"
#include "faultline/v1/admin.grpc.pb.h"
#include "faultline/v1/incident.grpc.pb.h"
#include "faultline/v1/ingestion.grpc.pb.h"
#include "faultline/v1/model.grpc.pb.h"
#include "faultline/v1/reference.grpc.pb.h"
