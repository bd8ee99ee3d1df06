#include "suites/harness/chosen_device.h"

#include <map>
#include <utility>

#include "suites/harness/benchmark.h"
#include "suites/harness/parameters.h"

namespace assay::bench {

ParameterSpec device_parameter() {
  return choice_parameter("device", {"host", "gpu"},
                          "what does the work: the processor's cores, or one GPU for each rank");
}

bool wants_gpu(const Parameters& parameters) {
  return text(parameters, "device") == "gpu";
}

std::string shared_devices(const std::vector<std::string>& owners) {
  std::map<std::string, std::size_t> first;
  for (std::size_t rank = 0; rank < owners.size(); ++rank) {
    if (owners[rank].empty()) continue;
    const auto [found, is_new] = first.emplace(owners[rank], rank);
    if (is_new) continue;
    return "ranks " + std::to_string(found->second) + " and " + std::to_string(rank) +
           " see only one GPU, and it is the same; start one rank for each GPU, or let the launcher give "
           "each rank its own";
  }
  return {};
}

device::Selected chosen_device(const Parameters& parameters, const ProcessGroup& group) {
  if (!wants_gpu(parameters)) return {&device::host(), ""};
  const std::string& node = group.node_of(group.rank());
  int place = 0, ranks = 0;
  for (int rank = 0; rank < group.size(); ++rank) {
    if (group.node_of(rank) != node) continue;
    if (rank < group.rank()) ++place;
    ++ranks;
  }
  // Before any rank has one: the first of two that share a GPU would be another process on it to the second.
  const std::string identity = device::gpu_identity(place, ranks);
  const std::string shared = shared_devices(group.all_gather(identity.empty() ? "" : node + " " + identity));
  if (!shared.empty()) return {nullptr, shared};
  return device::gpu(place, ranks);
}

}  // namespace assay::bench
