#include "harness/device/random.hpp"
