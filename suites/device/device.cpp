#include "suites/device/device.h"

#include <cstring>

#include "reports/base/error.h"
#include "suites/device/collectives.h"

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

std::string Device::collectives_missing(const std::string& library, const CollectivesNeed&) const {
  return library + " moves what is in the memory of GPUs, and this is a device of kind " + kind() +
         "; choose mpi, or run it on GPUs";
}

std::unique_ptr<Collectives> Device::collectives(const std::string& library, const Meeting&) {
  throw Error(ExitStatus::cannot_run, Device::collectives_missing(library, {}));
}

std::string collectives_missing(const std::string& library, const Device& device,
                                const CollectivesNeed& need) {
  return device.collectives_missing(library, need);
}

std::unique_ptr<Collectives> collectives_of(const std::string& library, Device& device,
                                            const Meeting& meeting) {
  return device.collectives(library, meeting);
}

}  // namespace assay::device
