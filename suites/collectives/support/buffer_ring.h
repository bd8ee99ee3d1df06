// The ring of buffers of one collective on one rank: filled, poisoned, compared and spoilt alike for the
// whole family.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "suites/collectives/support/device_ring.h"
#include "suites/collectives/support/operation.h"

namespace assay::bench {

class BufferRing {
 public:
  /// Collective where the transport has a device.
  BufferRing(std::unique_ptr<Operation> operation, const Context& context, const Transport& transport = {});

  Operation& operation() const { return *operation_; }
  int slots() const { return slots_; }
  const Buffers& operator[](int slot) const { return buffers_[static_cast<std::size_t>(slot)]; }

  /// The blocking call on one slot; on a device it may be done only after `finish`.
  void call(int slot);
  void finish();
  /// Null: the buffers are the host's.
  const DeviceRing* on_device() const { return on_device_.get(); }
  DeviceRing* on_device() { return on_device_.get(); }

  /// Allocates, poisons and fills: so the timed part touches no page for the first time.
  void prepare();
  void fill();
  void poison();
  /// Compares every slot on every rank; the same on all of them but for `error` when it is not a number.
  Check check(bool non_blocking) const;
  /// Spoils one element of the last slot on the last rank that has a result.
  void plant(Fault fault) const;

  std::map<std::string, std::string> path(bool non_blocking) const;
  /// Of all slots on the fullest node.
  double working_set_bytes() const;

 private:
  std::unique_ptr<Operation> operation_;
  const ProcessGroup& group_;
  int ranks_on_node_;
  int slots_;
  std::unique_ptr<DeviceRing> on_device_;
  std::vector<Buffers> buffers_;  ///< as the host sees them
};

/// Two checks of one case: both must pass.
Check both(const Check& first, const Check& second);

}  // namespace assay::bench
