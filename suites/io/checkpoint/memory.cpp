#include "suites/io/checkpoint/memory.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "reports/base/error.h"
#include "reports/record/unit.h"
#include "suites/device/device.h"

namespace assay::bench {
namespace {

constexpr std::size_t page = 4096;
constexpr double most_of_available = 0.9;

}  // namespace

StateMemory::StateMemory(std::uint64_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  bytes_.reset(static_cast<std::byte*>(std::aligned_alloc(page, (bytes + page - 1) / page * page)));
  if (!bytes_) throw std::bad_alloc();
  std::memset(bytes_.get(), 0xa5, size_);
}

void StateMemory::Free::operator()(std::byte* bytes) const {
  std::free(bytes);
}

void check_memory(const ProcessGroup& group, std::uint64_t bytes) {
  std::vector<double> wanted(static_cast<std::size_t>(group.size()));
  wanted[static_cast<std::size_t>(group.rank())] = static_cast<double>(bytes);
  group.maximum(wanted);
  double on_node = 0;
  for (int rank = 0; rank < group.size(); ++rank) {
    if (group.node_of(rank) == group.node_of(group.rank())) on_node += wanted[static_cast<std::size_t>(rank)];
  }
  const auto known = device::host().available_bytes();
  const double available = static_cast<double>(known.value_or(0));
  if (!known || on_node <= most_of_available * available) return;
  throw Error(ExitStatus::cannot_run,
              "the state of the ranks on node " + group.node_of(group.rank()) + " takes " +
                  format_value(on_node, "B") + " of memory, " + format_value(available, "B") +
                  " are available",
              "give a smaller scale, or use more nodes");
}

}  // namespace assay::bench
