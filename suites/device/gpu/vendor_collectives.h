// NCCL, or RCCL, whose interface is the same: opened at run time, so that every build has the binding and a
// program starts without the library.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "suites/device/collectives.h"

namespace assay::gpu {

struct CollectivesFunctions;

/// A library as it was found.
struct CollectivesLibrary {
  std::shared_ptr<const CollectivesFunctions> functions;  ///< null: `missing` says why and what to do
  std::string name;                                       ///< "NCCL 2.28.9"
  int version = 0;                                        ///< 22809, as the library counts
  std::string missing;
};

/// Opens the first of `files` that is there. It stays open.
CollectivesLibrary open_collectives(const std::string& library, const std::vector<std::string>& files);
/// "nccl" or "rccl" where they usually are, opened once.
const CollectivesLibrary& collectives_library(const std::string& library);

/// What this version cannot do, and what to do about it; empty: it can. Also when the library is missing.
std::string collectives_lacks(const CollectivesLibrary& library, const device::CollectivesNeed& need);

/// What the binding needs of a GPU: a queue beside the device's own, and the order between the two.
class CollectivesQueue {
 public:
  virtual ~CollectivesQueue() = default;
  virtual void* stream() = 0;        ///< the vendor's
  virtual bool done() = 0;           ///< whether all that was begun is done; does not wait
  virtual void after_device() = 0;   ///< collectives.h
  virtual void before_device() = 0;  ///< collectives.h
  virtual void begin_timing() {}
  virtual void end_timing() {}
  virtual std::optional<double> timed_s() { return std::nullopt; }
};

/// Collective over the ranks that meet; the thread's device is the rank's. Throws Error(cannot_run).
std::unique_ptr<device::Collectives> vendor_collectives(const CollectivesLibrary& library,
                                                        std::unique_ptr<CollectivesQueue> queue,
                                                        const device::Meeting& meeting);

}  // namespace assay::gpu
