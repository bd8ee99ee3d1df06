#include "suites/device/device.h"

#include <cstring>

namespace assay::device {

void Device::copy(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

void Device::set_bytes(void* at, std::byte value, std::size_t bytes) {
  if (bytes > 0) std::memset(at, static_cast<int>(value), bytes);
}

std::unique_ptr<RecordedWork> Device::record(const std::function<void()>&) {
  return nullptr;
}

}  // namespace assay::device
