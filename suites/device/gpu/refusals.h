// Why a rank gets no GPU, or a GPU cannot do what is asked: words made from what was seen. Pure functions, in
// every build; each sentence says what is wrong and, after a semicolon, what to do.
#pragma once

#include <cstdint>
#include <string>

#include "suites/device/element.h"
#include "suites/device/gpu/runtime.h"

namespace assay::gpu {

enum class Vendor { nvidia, amd };

/// What was seen when no device was there.
struct NoDevice {
  Vendor vendor = Vendor::nvidia;
  std::string driver_version;        ///< that the driver supports; empty: none answered
  std::string runtime_version;       ///< that this program was built with
  bool driver_loaded = false;        ///< the kernel shows its sign (/proc/driver/nvidia/version, /dev/kfd)
  bool counted = false;              ///< the runtime counted the devices: none
  bool driver_insufficient = false;  ///< the runtime's own verdict
  std::string said;                  ///< the runtime's words
};
std::string why_no_device(const NoDevice& seen);

/// Ranks of a node that see several GPUs; empty when there are enough.
std::string too_many_ranks(int ranks, int devices);

/// Empty when no other process computes on it.
std::string in_use_by(int others);

/// Empty when this GPU calculates with such elements.
std::string lacks_element(const DeviceFacts& facts, device::Element element);

/// `free_bytes`: that the GPU still has; `said`: the runtime's words.
std::string no_room(std::uint64_t wanted_bytes, std::uint64_t free_bytes, std::uint64_t total_bytes,
                    const std::string& said);

}  // namespace assay::gpu
