// Whether a barrier waits for a rank that is late: told by messages, so that no clocks are compared.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "suites/harness/process_group.h"

namespace assay::bench {

/// Which ranks are late in turn: all of up to four, else the first, the second, the middle and the last.
std::vector<int> late_ranks(int ranks);

/// Each late rank in turn stays away for at least 5 ms, while the others enter; whoever leaves tells the late
/// rank. A message that reaches it before it has entered proves that someone did not wait; in a barrier that
/// holds there can be none, so a right one never fails. Collective. Which ranks were not waited for, or
/// nothing.
std::string left_without_late_rank(const ProcessGroup& group, const std::function<void()>& barrier);

}  // namespace assay::bench
