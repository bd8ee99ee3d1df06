// Collectives between devices, each with memory of its own: NCCL or RCCL. Ranks have a device each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "suites/device/element.h"

namespace assay::device {

class Device;

/// All pointers are of the rank's device. Calls begin something, in their order, on a queue of their own;
/// every rank makes the same calls. Throws std::runtime_error with the library's words; what fails once
/// fails from then on.
class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Sums; in place where `to` is `from`.
  virtual void all_reduce(Element element, std::size_t count, const void* from, void* to) = 0;
  virtual void reduce(Element element, std::size_t count, const void* from, void* to, int root) = 0;
  /// `count` for each rank: `from` has size() * count, `to` count. In place: to = from + rank() * count.
  virtual void reduce_scatter(Element element, std::size_t count, const void* from, void* to) = 0;
  /// `from` has count, `to` size() * count. In place: from = to + rank() * count.
  virtual void all_gather(Element element, std::size_t count, const void* from, void* to) = 0;
  virtual void broadcast(Element element, std::size_t count, void* values, int root) = 0;
  /// `count` for each pair of ranks.
  virtual void all_to_all(Element element, std::size_t count, const void* from, void* to) = 0;
  /// Sends to one rank and receives from one at once; -1: neither.
  virtual void exchange(std::size_t bytes, const void* sent, int to_rank, void* received, int from_rank) = 0;

  /// What is begun here from now on waits for what the device's own queue has begun so far.
  virtual void after_device() = 0;
  /// What the device's own queue begins from now on waits for what has been begun here.
  virtual void before_device() = 0;
  /// Waits until everything that was begun here is done. Throws where the library reports an error of another
  /// rank: the communicator is aborted then, so that nothing waits for ever.
  virtual void finish() = 0;
  /// What is begun here between the two is timed by the device's own clock.
  virtual void begin_timing() {}
  virtual void end_timing() {}
  /// Of what was timed last; waits for it. Absent: the device has no clock.
  virtual std::optional<double> timed_s() { return std::nullopt; }
  /// {"library": "NCCL 2.27.3", ...}.
  virtual std::map<std::string, std::string> describe() const = 0;
};

/// How the ranks find one another: what the first rank has, on all of them.
struct Meeting {
  int rank = 0, size = 1;
  std::function<void(void* bytes, std::size_t count)> broadcast_from_first;
};

/// What a library must be able to do. Versions differ.
struct CollectivesNeed {
  Element element = Element::f32;
  bool pairs = false;  ///< all_to_all and exchange
};

/// Why the vendor's library ("nccl", "rccl") cannot serve this device, and what to do; empty: it can.
std::string collectives_missing(const std::string& library, const Device& device,
                                const CollectivesNeed& need = {});
/// Collective. Throws Error(cannot_run); also on the ranks whose own part went well, where the first rank's
/// did not.
std::unique_ptr<Collectives> collectives_of(const std::string& library, Device& device,
                                            const Meeting& meeting);

}  // namespace assay::device
