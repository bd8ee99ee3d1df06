#include "suites/compute/operators/intervals.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "suites/training/support/host_view.h"

namespace assay::bench::operators {

double interval_s(Recorder& recorder, device::Device& device, Family& family, std::size_t which, int calls) {
  family.before_calls(which, calls);
  device.finish();
  const double begin_s = recorder.now_s();
  recorder.begin_own_part();
  for (int call = 0; call < calls; ++call) family.call(which, call);
  device.finish();
  const double seconds = recorder.now_s() - begin_s;
  family.after_calls(which, calls);
  return seconds;
}

int calls_of_interval(Recorder& recorder, device::Device& device, Family& family, std::size_t which) {
  if (!training::apart(device)) return 1;
  family.begin(which);
  interval_s(recorder, device, family, which, 1);
  const int most = family.most_calls(which);
  constexpr double fastest_s = 1e-7, reserve = 1.1;
  for (int calls = 1;;) {
    const double seconds = interval_s(recorder, device, family, which, calls);
    if (seconds >= shortest_interval_s || calls >= most) return calls;
    // What the wait takes makes the first guesses too small: at least twice as many.
    const double each_s = std::max(seconds / calls, fastest_s);
    const double enough = std::max(2.0 * calls, std::ceil(reserve * shortest_interval_s / each_s));
    calls = static_cast<int>(std::min<double>(most, enough));
  }
}

double wait_s(Recorder& recorder, device::Device& device, void* place) {
  constexpr int tries = 20;
  device.finish();
  double least_s = std::numeric_limits<double>::infinity();
  for (int i = 0; i < tries; ++i) {
    const double begin_s = recorder.now_s();
    device.set_bytes(place, std::byte{}, 1);
    device.finish();
    least_s = std::min(least_s, recorder.now_s() - begin_s);
  }
  return least_s;
}

}  // namespace assay::bench::operators
