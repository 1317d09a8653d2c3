#pragma once

// For the core, the runtime and whatever shows their messages: no gRPC.
#include "cmake/precompiled/standard.h"
#include "faultline/v1/config.pb.h"
#include "faultline/v1/event.pb.h"
#include "faultline/v1/incident.pb.h"
#include "faultline/v1/model.pb.h"
#include "faultline/v1/reference.pb.h"
