// collectives/reduce_scatter: one MPI_Reduce_scatter_block per iteration. The input has a block for each
// rank; rank r gets the sum of all ranks' blocks number r.
#include <mpi.h>

#include "suites/collectives/support/exact_sum.h"
#include "suites/collectives/support/family.h"
#include "suites/harness/device_transport.h"

namespace assay::bench {

namespace {

constexpr FamilyMember member{
    .name = "collectives/reduce_scatter",
    .title = "Reduce-scatter: every rank gets its block of the sum of all ranks' buffers",
    .kind = CollectiveKind::reduce_scatter,
    .bytes_meaning = "size of each rank's input: a block for each rank",
    .reduces = true,
    .in_place = true};

class ReduceScatter final : public Operation {
 public:
  ReduceScatter(const Parameters& parameters, const Context& context)
      : Operation(context),
        element_(element_of(parameters)),
        in_place_(flag(parameters, "in_place")),
        in_own_block_(in_place_ && by_library(parameters)),
        block_(elements_of(CollectiveKind::reduce_scatter, parameters, group().size()) /
               static_cast<std::size_t>(group().size())),
        sums_(element_, context.seed, group().rank(), group().size()),
        sum_(element_, group().alone()),
        communicator_(context) {}

  std::size_t input_bytes() const override { return in_place_ ? 0 : all_bytes(); }
  /// In place the buffer holds all blocks, and the result takes the place of the first; in a vendor's library
  /// that of the rank's own.
  std::size_t result_bytes() const override { return in_place_ ? all_bytes() : block_bytes(); }
  bool consumes_input() const override { return in_place_; }
  Element element() const override { return element_; }

  void fill(const Buffers& buffers) const override {
    sums_.fill(in_place_ ? buffers.result : buffers.input, elements(), buffers.slot);
  }

  void call(const Buffers& buffers) override {
    MPI_Reduce_scatter_block(in_place_ ? MPI_IN_PLACE : buffers.input, buffers.result,
                             static_cast<int>(block_), sum_.type(), sum_.operation(), communicator_.get());
  }
  void start(const Buffers& buffers, MPI_Request* request) override {
    MPI_Ireduce_scatter_block(in_place_ ? MPI_IN_PLACE : buffers.input, buffers.result,
                              static_cast<int>(block_), sum_.type(), sum_.operation(), communicator_.get(),
                              request);
  }

  void call_on(device::Collectives& collectives, const Buffers& on_device) override {
    collectives.reduce_scatter(element_, block_, in_place_ ? on_device.result : on_device.input,
                               own_result(on_device));
  }
  std::string library_call() const override { return "ReduceScatter"; }

  std::span<std::byte> results(const Buffers& buffers) const override {
    return {own_result(buffers), block_bytes()};
  }
  Differences compare(const Buffers& buffers) const override {
    return sums_.compare(own_result(buffers), block_, buffers.slot,
                         block_ * static_cast<std::size_t>(group().rank()));
  }
  std::string how(int slots) const override { return sums_.how(group().size()) + each_element(slots); }

  std::map<std::string, std::string> path(bool non_blocking) const override {
    return {{"call", non_blocking ? "MPI_Ireduce_scatter_block" : "MPI_Reduce_scatter_block"},
            {"operation", ElementSum::name(element_)}};
  }

 private:
  std::size_t elements() const { return block_ * static_cast<std::size_t>(group().size()); }
  std::size_t block_bytes() const { return block_ * device::bytes_of(element_); }
  std::size_t all_bytes() const { return elements() * device::bytes_of(element_); }

  std::byte* own_result(const Buffers& buffers) const {
    return buffers.result + (in_own_block_ ? block_bytes() * static_cast<std::size_t>(group().rank()) : 0);
  }

  Element element_;
  bool in_place_;
  bool in_own_block_;
  std::size_t block_;  ///< elements
  ExactSum sums_;
  ElementSum sum_;
  CaseCommunicator communicator_;
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  return unsupported_member(member, parameters, context);
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return make_case(member, parameters, context, std::make_unique<ReduceScatter>(parameters, context));
}

}  // namespace

const Benchmark& collectives_reduce_scatter() {
  static const Benchmark benchmark{describe(member), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
