// All-reduce through a shared-memory window instead of MPI_Allreduce: what the node's memory could deliver.
//
// Up to 2 KiB, one barrier: each rank copies its input to a stage in the window (two of them, in turns, so
// that the next operation does not disturb a rank that still reads), and after the barrier adds up all stages
// for itself. Beyond, two barriers: each rank adds up its share of the elements of all inputs and writes it
// to all results, so that every byte of an input is read once and every byte of a result written once.
#pragma once

#include <memory>

#include "suites/collectives/allreduce/window_sum.h"
#include "suites/collectives/support/exact_sum.h"
#include "suites/collectives/support/operation.h"
#include "suites/harness/shared_window.h"

namespace assay::bench {

class WindowAllreduce final : public Operation {
 public:
  WindowAllreduce(Element element, std::size_t elements, bool in_place, const Context& context);

  std::size_t input_bytes() const override { return in_place_ ? 0 : bytes_; }
  std::size_t result_bytes() const override { return bytes_; }
  bool consumes_input() const override { return in_place_; }
  Element element() const override { return sums_element_; }
  /// In the window, and one slot more than asked for: the one that copies go through.
  std::vector<Buffers> allocate(int slots) override;
  const Buffers& copy_slot() const { return copy_slot_; }
  /// Whether copies and results go past the cache: the results of one operation exceed half of it.
  bool streams() const { return stream_; }

  void fill(const Buffers& buffers) const override;
  void call(const Buffers& buffers) override;
  void start(const Buffers& buffers, MPI_Request* request) override;
  Differences compare(const Buffers& buffers) const override;
  std::string how(int slots) const override { return sums_.how(group().size()) + each_element(slots); }
  std::map<std::string, std::string> path(bool non_blocking) const override;

  /// Of shared memory, for a ring of so many slots on all ranks of the node.
  static std::uint64_t window_bytes(std::size_t bytes, bool in_place, int slots, int ranks);

 private:
  void sum_stages(const Buffers& buffers);
  void sum_shares(const Buffers& buffers);
  /// The same place in another rank's part of the window.
  std::byte* at(int rank, const std::byte* mine) const;

  Element sums_element_;
  std::size_t bytes_;
  bool in_place_;
  bool stream_;
  bool silent_;  ///< the fault: takes part in barriers, and neither gives nor reduces anything
  ExactSum sums_;
  std::unique_ptr<SharedWindow> window_;
  Buffers copy_slot_;
  std::uint64_t operations_ = 0;
  // For the call alone, so that it allocates nothing.
  std::vector<const std::byte*> inputs_;
  std::vector<std::byte*> results_;
};

/// The same with private buffers: copied into the window before, and out of it after.
class CopiedAllreduce final : public Operation {
 public:
  CopiedAllreduce(WindowAllreduce& window, const Context& context) : Operation(context), window_(window) {}

  std::size_t input_bytes() const override { return window_.input_bytes(); }
  std::size_t result_bytes() const override { return window_.result_bytes(); }
  bool consumes_input() const override { return window_.consumes_input(); }
  Element element() const override { return window_.element(); }
  void fill(const Buffers& buffers) const override { window_.fill(buffers); }
  void call(const Buffers& buffers) override;
  void start(const Buffers& buffers, MPI_Request* request) override;
  Differences compare(const Buffers& buffers) const override { return window_.compare(buffers); }
  std::string how(int slots) const override { return "with copies, " + each_element(slots); }
  std::map<std::string, std::string> path(bool non_blocking) const override {
    return window_.path(non_blocking);
  }

 private:
  WindowAllreduce& window_;
};

}  // namespace assay::bench
