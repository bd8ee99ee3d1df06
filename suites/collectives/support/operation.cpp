#include "suites/collectives/support/operation.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace assay::bench {

std::vector<Buffers> Operation::allocate(int slots) {
  if (input_bytes() > 0) inputs_ = Ring(input_bytes(), slots);
  results_ = Ring(result_bytes(), slots);
  std::vector<Buffers> all;
  for (int slot = 0; slot < slots; ++slot)
    all.push_back({input_bytes() > 0 ? inputs_[slot] : nullptr, results_[slot], slot});
  return all;
}

void Operation::call_on(device::Collectives&, const Buffers&) {
  throw std::logic_error("this collective has no form in a vendor's library");
}

void Operation::poison(std::span<std::byte> bytes) const {
  std::array<std::byte, 4096> pattern;  // whole elements of every type
  for (std::size_t byte = 0; byte < pattern.size(); ++byte)
    pattern[byte] = poison_byte(element(), byte % device::bytes_of(element()));
  for (std::size_t done = 0; done < bytes.size(); done += pattern.size())
    std::memcpy(bytes.data() + done, pattern.data(), std::min(pattern.size(), bytes.size() - done));
}

std::string Operation::each_element(int slots) const {
  return "each element of " + std::to_string(slots) + " slots on " + std::to_string(group_.size()) + " ranks";
}

CaseCommunicator::CaseCommunicator(const Context& context)
    : communicator_(context.group.communicator()), size_(context.group.size()) {
  if (context.fault != Fault::silent_rank || context.group.alone()) return;
  alone_ = context.group.rank() == size_ - 1;
  MPI_Comm_split(context.group.communicator(), alone_ ? 1 : 0, context.group.rank(), &communicator_);
  own_ = true;
  --size_;
}

CaseCommunicator::~CaseCommunicator() {
  if (own_) MPI_Comm_free(&communicator_);
}

}  // namespace assay::bench
