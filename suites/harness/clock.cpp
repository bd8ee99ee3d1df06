#include "suites/harness/clock.h"

#include <time.h>

#include <algorithm>
#include <limits>

namespace assay::bench {

double SteadyClock::now_s() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double reading_cost_s(Clock& clock) {
  constexpr int runs = 8;
  constexpr int readings = 1000;
  double cost = std::numeric_limits<double>::infinity();
  for (int run = 0; run < runs; ++run) {
    const double begin = clock.now_s();
    double end = begin;
    for (int i = 0; i < readings; ++i) end = clock.now_s();
    cost = std::min(cost, (end - begin) / readings);
  }
  return cost;
}

}  // namespace assay::bench
