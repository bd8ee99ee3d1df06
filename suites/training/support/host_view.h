// A device's memory as the host sees it, piece by piece, so that the host never holds a copy of all of it:
// for what is looked at, filled or sent between steps. Where the device is the host, a piece is the memory
// itself and nothing is copied.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

#include "suites/device/device.h"

namespace assay::training {

/// Whether what the device works on is not the host's memory.
inline bool apart(const device::Device& device) {
  return device.works_by_itself();
}

class HostView {
 public:
  /// `most_bytes`: of a piece. Takes as much memory of the device, and of the host, where they are apart.
  /// Throws std::bad_alloc.
  HostView(device::Device& device, std::size_t most_bytes);

  bool direct() const { return room_ == nullptr; }
  std::size_t most_bytes() const { return most_bytes_; }

  /// What is at `at` now, until the next call: waits for what the device has begun.
  std::byte* get(void* at, std::size_t bytes) const;
  /// Where the host writes what `put` brings to `at`; until the next call.
  std::byte* room(void* at) const;
  void put(void* at, std::size_t bytes) const;
  /// What was written into the room, in the device's memory; not where it is direct. Only begun.
  void* pushed(std::size_t bytes) const;

  /// each(piece, offset, bytes) over all of it: in one where it is direct.
  template <typename Each>
  void read(void* at, std::size_t bytes, const Each& each) const {
    for (std::size_t done = 0, part = 0; done < bytes; done += part) {
      part = direct() ? bytes : std::min(most_bytes_, bytes - done);
      each(static_cast<const std::byte*>(get(static_cast<std::byte*>(at) + done, part)), done, part);
    }
  }

 private:
  device::Device& device_;
  const std::size_t most_bytes_;
  std::unique_ptr<device::Buffer> room_;
};

}  // namespace assay::training
