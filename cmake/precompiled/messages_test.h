#pragma once

// What most tests of the core read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmake/precompiled/messages.h"
