// The ring of one collective in the memory of a device: moved there and back, and called on by MPI or the
// vendor's library.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "suites/collectives/support/operation.h"
#include "suites/harness/device_transport.h"

namespace assay::bench {

class DeviceRing {
 public:
  /// `operation` outlives it. Collective.
  DeviceRing(Operation& operation, Transport transport, const Context& context);

  /// Buffers of each slot as the host sees them, to be filled and compared. Collective: the library's ranks
  /// meet.
  std::vector<Buffers> allocate(int slots);
  /// All slots: the host's view to the device, and back.
  void push();
  void pull();
  /// Keeps what is on the device now for `restore`, so that a refill does not go through the host.
  void keep_inputs();
  bool keeps_inputs() const { return kept_input_ != nullptr || kept_result_ != nullptr; }
  void restore();

  /// Begins the call on one slot; it is done after `finish`.
  void call(int slot);
  void finish();
  /// Has the device time all that is begun between two `finish`.
  void time_intervals() { timed_ = true; }
  /// Of one call, by the device's own clock, in the latest interval; absent: the device was not asked.
  std::optional<double> device_time_s() const { return device_time_s_; }

  const Transport& transport() const { return transport_; }
  std::map<std::string, std::string> path() const { return path_of(transport_, collectives_.get()); }

 private:
  void call_staged(int slot);
  std::byte* on_device(int slot, const std::byte* host) const;

  Operation& operation_;
  Transport transport_;
  CaseCommunicator communicator_;
  std::unique_ptr<device::Collectives> collectives_;
  std::unique_ptr<device::Buffer> input_, result_;
  std::unique_ptr<device::Buffer> kept_input_, kept_result_;
  std::vector<Buffers> host_, device_;
  bool timed_ = false;
  int begun_ = 0;  ///< since the latest finish
  std::optional<double> device_time_s_;
};

}  // namespace assay::bench
