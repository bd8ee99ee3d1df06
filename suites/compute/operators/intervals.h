// Timing calls on a device that may work by itself: several are begun and waited for once, so that the wait
// does not show. On the host a call is done when it returns, and is timed alone.
#pragma once

#include "suites/compute/operators/family.h"
#include "suites/device/device.h"
#include "suites/harness/recorder.h"

namespace assay::bench::operators {

/// An interval on a device that works by itself lasts at least so long, where as many calls may follow each
/// other (Family::most_calls): the wait at its end is some ten microseconds.
inline constexpr double shortest_interval_s = 2e-3;

/// Seconds that so many calls of an operator take together, until the device has done them. What comes before
/// them is done before, untimed.
double interval_s(Recorder& recorder, device::Device& device, Family& family, std::size_t which, int calls);

/// How many calls make an interval of shortest_interval_s; tried out, after one call that loads what is to be
/// loaded. One where the device does not work by itself.
int calls_of_interval(Recorder& recorder, device::Device& device, Family& family, std::size_t which);

/// Seconds of an interval that holds next to nothing, one byte set at `place`: the smallest of several.
double wait_s(Recorder& recorder, device::Device& device, void* place);

}  // namespace assay::bench::operators
