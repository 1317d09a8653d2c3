#pragma once

// What most tests of the edges read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmake/precompiled/services.h"
