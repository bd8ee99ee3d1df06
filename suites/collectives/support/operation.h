// One collective as its folder describes it: which call, which buffers, what is right. What the family shares
// (the ring, the timing, the check's bookkeeping) is in buffer_ring.h and cases.h.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "suites/collectives/support/arithmetic.h"
#include "suites/collectives/support/differences.h"
#include "suites/device/collectives.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/ring.h"

namespace assay::bench {

/// One slot of the ring on this rank. In place there is no input buffer: inputs are in the result.
struct Buffers {
  std::byte* input = nullptr;
  std::byte* result = nullptr;
  int slot = 0;
};

class Operation {
 public:
  explicit Operation(const Context& context) : group_(context.group) {}
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // ---- Buffers
  virtual std::size_t input_bytes() const = 0;   ///< of a slot on this rank; 0 in place
  virtual std::size_t result_bytes() const = 0;  ///< of a slot on this rank; 0: it has no result
  /// What every rank has of a slot at least; the same on all, the ring is made by it.
  virtual std::size_t ring_bytes() const { return input_bytes() + result_bytes(); }
  /// True when the call destroys its input.
  virtual bool consumes_input() const { return false; }
  /// Memory of `slots` slots, not touched yet; called once. Collective.
  virtual std::vector<Buffers> allocate(int slots);
  /// Writes this rank's inputs.
  virtual void fill(const Buffers& buffers) const = 0;
  /// Poisons everything that the call is to write, and no input that it leaves alone.
  virtual void poison(const Buffers& buffers) const { poison(whole_result(buffers)); }

  // ---- The call: what is timed
  virtual void call(const Buffers& buffers) = 0;
  /// The non-blocking form.
  virtual void start(const Buffers& buffers, MPI_Request* request) = 0;

  /// The same on buffers of a device, by its vendor's library: begins it. Called only where the benchmark's
  /// `unsupported` lets such a case through.
  virtual void call_on(device::Collectives& collectives, const Buffers& on_device);
  /// Its name there: "AllReduce".
  virtual std::string library_call() const { return {}; }
  /// What the call reads of this rank's memory, and what it writes.
  virtual std::span<std::byte> inputs(const Buffers& buffers) const {
    return input_bytes() > 0 ? std::span{buffers.input, input_bytes()} : whole_result(buffers);
  }
  virtual std::span<std::byte> written(const Buffers& buffers) const { return results(buffers); }

  // ---- What is right
  virtual Element element() const { return Element::f32; }
  /// What `compare` looks at; empty on ranks that have no result.
  virtual std::span<std::byte> results(const Buffers& buffers) const { return whole_result(buffers); }
  /// Collective calls are allowed. Indices count from the begin of `results`.
  virtual Differences compare(const Buffers& buffers) const = 0;
  /// The smallest error that a result can have, in units of its type (arithmetic.h): what is planted.
  virtual std::int64_t smallest_error_units() const { return 1; }
  /// What the check compares, and where: "exact sum, each element of 16 slots on 2 ranks".
  virtual std::string how(int slots) const = 0;
  /// What comparing buffers cannot see. Collective; what is wrong, the same text on every rank, or nothing.
  virtual std::string examine(bool /*non_blocking*/) { return {}; }

  /// Joins the record's path: {"call": "MPI_Allreduce"}.
  virtual std::map<std::string, std::string> path(bool non_blocking) const = 0;

  const ProcessGroup& group() const { return group_; }

 protected:
  std::span<std::byte> whole_result(const Buffers& buffers) const { return {buffers.result, result_bytes()}; }
  void poison(std::span<std::byte> bytes) const;
  /// "each element of 16 slots on 2 ranks"
  std::string each_element(int slots) const;

 private:
  ProcessGroup& group_;
  Ring inputs_;
  Ring results_;
};

/// What the calls of a case go through: the group's communicator, or for the fault silent_rank one without
/// the last rank, which then talks to nobody: the others go on without it, and nobody waits.
class CaseCommunicator {
 public:
  explicit CaseCommunicator(const Context& context);  ///< collective
  ~CaseCommunicator();
  CaseCommunicator(const CaseCommunicator&) = delete;
  CaseCommunicator& operator=(const CaseCommunicator&) = delete;

  MPI_Comm get() const { return communicator_; }
  /// The rank there of the group's rank `root`; 0 when it is not there, so that a call without its root
  /// returns.
  int root(int root) const { return root < size_ && !alone_ ? root : 0; }

 private:
  MPI_Comm communicator_;
  bool own_ = false;
  bool alone_ = false;
  int size_ = 1;
};

}  // namespace assay::bench
