// collectives/reduce: one MPI_Reduce per iteration. The root gets the element-wise sum of all ranks' buffers.
#include <mpi.h>

#include "suites/collectives/support/exact_sum.h"
#include "suites/collectives/support/family.h"
#include "suites/harness/device_transport.h"
#include "suites/harness/mpi_library.h"

namespace assay::bench {

namespace {

constexpr FamilyMember member{.name = "collectives/reduce",
                              .title = "Reduce: the root gets the sum of all ranks' buffers",
                              .kind = CollectiveKind::reduce,
                              .bytes_meaning = "size of each rank's buffer",
                              .reduces = true,
                              .in_place = true,
                              .root = true};

class Reduction final : public Operation {
 public:
  Reduction(const Parameters& parameters, const Context& context)
      : Operation(context),
        element_(element_of(parameters)),
        in_place_(flag(parameters, "in_place")),
        room_for_all_(context.fault == Fault::silent_rank),
        root_(static_cast<int>(integer(parameters, "root"))),
        elements_(elements_of(CollectiveKind::reduce, parameters, group().size())),
        sums_(element_, context.seed, group().rank(), group().size()),
        sum_(element_, group().alone()),
        communicator_(context) {}

  /// In place the root's input is in its result; the others have an input in any case.
  std::size_t input_bytes() const override { return in_place_ && is_root() ? 0 : bytes(); }
  std::size_t result_bytes() const override { return is_root() || room_for_all_ ? bytes() : 0; }
  std::size_t ring_bytes() const override { return bytes(); }
  bool consumes_input() const override { return in_place_; }
  Element element() const override { return element_; }

  void fill(const Buffers& buffers) const override {
    sums_.fill(in_place_ && is_root() ? buffers.result : buffers.input, elements_, buffers.slot);
  }

  void call(const Buffers& buffers) override {
    MPI_Reduce(input(buffers), buffers.result, static_cast<int>(elements_), sum_.type(), sum_.operation(),
               communicator_.root(root_), communicator_.get());
  }
  void start(const Buffers& buffers, MPI_Request* request) override {
    MPI_Ireduce(input(buffers), buffers.result, static_cast<int>(elements_), sum_.type(), sum_.operation(),
                communicator_.root(root_), communicator_.get(), request);
  }

  void call_on(device::Collectives& collectives, const Buffers& on_device) override {
    collectives.reduce(element_, elements_, on_device.input != nullptr ? on_device.input : on_device.result,
                       on_device.result, communicator_.root(root_));
  }
  std::string library_call() const override { return "Reduce"; }

  std::span<std::byte> results(const Buffers& buffers) const override {
    return {buffers.result, is_root() ? bytes() : 0};
  }
  Differences compare(const Buffers& buffers) const override {
    return is_root() ? sums_.compare(buffers.result, elements_, buffers.slot) : Differences{};
  }
  std::string how(int slots) const override {
    return sums_.how(group().size()) + "each element of " + std::to_string(slots) +
           " slots on the root, rank " + std::to_string(root_);
  }

  std::map<std::string, std::string> path(bool non_blocking) const override {
    return {{"call", non_blocking ? "MPI_Ireduce" : "MPI_Reduce"}, {"operation", ElementSum::name(element_)}};
  }

 private:
  bool is_root() const { return group().rank() == root_; }
  std::size_t bytes() const { return elements_ * device::bytes_of(element_); }
  const void* input(const Buffers& buffers) const {
    return buffers.input != nullptr ? buffers.input : MPI_IN_PLACE;
  }

  Element element_;
  bool in_place_;
  bool room_for_all_;  ///< the ranks without the silent one, and that one alone, have a root of their own
  int root_;
  std::size_t elements_;
  ExactSum sums_;
  ElementSum sum_;
  CaseCommunicator communicator_;
};

/// MPI_Reduce of these versions reads from MPI_IN_PLACE as from an address when another rank than 0 is the
/// root of more than 2 KiB (pmodels/mpich issue 6540, which names 4.0.2 and 4.1.1): the start would crash.
bool crashes_in_place() {
  const std::string library = mpi_library();
  return library.rfind("MPICH 4.0", 0) == 0 || library.rfind("MPICH 4.1", 0) == 0;
}

std::string unsupported(const Parameters& parameters, const Context& context) {
  std::string reason = unsupported_member(member, parameters, context);
  const bool in_question = flag(parameters, "in_place") && integer(parameters, "root") != 0 &&
                           text(parameters, "call") == "blocking" && !by_library(parameters);
  if (reason.empty() && in_question && crashes_in_place()) {
    reason = "MPI_Reduce of " + mpi_library() +
             " crashes in place with another root than 0 (pmodels/mpich issue 6540); give root=0, or "
             "in_place=false";
  }
  return reason;
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return make_case(member, parameters, context, std::make_unique<Reduction>(parameters, context));
}

}  // namespace

const Benchmark& collectives_reduce() {
  static const Benchmark benchmark{describe(member), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
