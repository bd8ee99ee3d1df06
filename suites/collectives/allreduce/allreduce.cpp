// collectives/allreduce: one MPI_Allreduce per iteration, or the same sum through a shared-memory window.
// Every rank gets the element-wise sum of all ranks' buffers.
#include <mpi.h>

#include "suites/collectives/allreduce/window_allreduce.h"
#include "suites/collectives/allreduce/window_case.h"
#include "suites/collectives/support/exact_sum.h"
#include "suites/collectives/support/family.h"
#include "suites/harness/parameters.h"

namespace assay::bench {

namespace {

constexpr FamilyMember member{.name = "collectives/allreduce",
                              .title = "All-reduce: every rank gets the sum of all ranks' buffers",
                              .kind = CollectiveKind::allreduce,
                              .bytes_meaning = "message size on each rank",
                              .reduces = true,
                              .in_place = true,
                              .shared_window = true};

class Allreduce final : public Operation {
 public:
  Allreduce(const Parameters& parameters, const Context& context)
      : Operation(context),
        element_(element_of(parameters)),
        in_place_(flag(parameters, "in_place")),
        elements_(elements_of(CollectiveKind::allreduce, parameters, group().size())),
        sums_(element_, context.seed, group().rank(), group().size()),
        sum_(element_, group().alone()),
        communicator_(context) {}

  std::size_t input_bytes() const override { return in_place_ ? 0 : result_bytes(); }
  std::size_t result_bytes() const override { return elements_ * device::bytes_of(element_); }
  bool consumes_input() const override { return in_place_; }
  Element element() const override { return element_; }

  void fill(const Buffers& buffers) const override {
    sums_.fill(in_place_ ? buffers.result : buffers.input, elements_, buffers.slot);
  }

  void call(const Buffers& buffers) override {
    MPI_Allreduce(in_place_ ? MPI_IN_PLACE : buffers.input, buffers.result, static_cast<int>(elements_),
                  sum_.type(), sum_.operation(), communicator_.get());
  }
  void start(const Buffers& buffers, MPI_Request* request) override {
    MPI_Iallreduce(in_place_ ? MPI_IN_PLACE : buffers.input, buffers.result, static_cast<int>(elements_),
                   sum_.type(), sum_.operation(), communicator_.get(), request);
  }

  void call_on(device::Collectives& collectives, const Buffers& on_device) override {
    collectives.all_reduce(element_, elements_, in_place_ ? on_device.result : on_device.input,
                           on_device.result);
  }
  std::string library_call() const override { return "AllReduce"; }

  Differences compare(const Buffers& buffers) const override {
    return sums_.compare(buffers.result, elements_, buffers.slot);
  }
  std::string how(int slots) const override { return sums_.how(group().size()) + each_element(slots); }

  std::map<std::string, std::string> path(bool non_blocking) const override {
    return {{"call", non_blocking ? "MPI_Iallreduce" : "MPI_Allreduce"},
            {"operation", ElementSum::name(element_)}};
  }

 private:
  Element element_;
  bool in_place_;
  std::size_t elements_;
  ExactSum sums_;
  ElementSum sum_;
  CaseCommunicator communicator_;
};

bool in_window(const Parameters& parameters) {
  return text(parameters, "implementation") == "shared_window";
}

std::string unsupported_window(const Parameters& parameters, const Context& context) {
  if (text(parameters, "call") == "nonblocking")
    return "implementation=shared_window has no non-blocking form; give call=blocking";
  if (!context.group.one_node()) {
    return "implementation=shared_window needs all ranks on one node, and this start has more; give one node "
           "all of its ranks";
  }
  const bool in_place = flag(parameters, "in_place");
  const auto bytes = static_cast<std::size_t>(integer(parameters, "bytes"));
  const int ranks = context.group.size();
  const int slots = ring_slots(bytes, in_place ? 1 : 2, ranks, context.last_level_cache_bytes);
  const std::uint64_t needed = WindowAllreduce::window_bytes(bytes, in_place, slots, ranks);
  const std::uint64_t free = free_shared_memory_bytes();
  if (free > 0 && needed > free) {
    return "the window needs " + std::to_string(needed) + " bytes of shared memory, and /dev/shm has " +
           std::to_string(free) + " left; give smaller bytes or fewer ranks, or enlarge /dev/shm";
  }
  return {};
}

std::string unsupported(const Parameters& parameters, const Context& context) {
  std::string reason = unsupported_member(member, parameters, context);
  if (reason.empty() && in_window(parameters)) reason = unsupported_window(parameters, context);
  return reason;
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  if (!in_window(parameters))
    return make_case(member, parameters, context, std::make_unique<Allreduce>(parameters, context));
  const int ranks = context.group.size();
  const Element element = element_of(parameters);
  const std::size_t elements = elements_of(CollectiveKind::allreduce, parameters, ranks);
  auto window = std::make_unique<WindowAllreduce>(element, elements, flag(parameters, "in_place"), context);
  // Single operations are timed from outside, like those of MPI; with copies in throughput mode only.
  if (text(parameters, "mode") == "latency") return make_case(member, parameters, context, std::move(window));
  const auto bytes = static_cast<double>(elements * device::bytes_of(element));
  return std::make_unique<WindowCase>(std::move(window), rating(CollectiveKind::allreduce, bytes, ranks),
                                      context);
}

BenchmarkSpec describe_allreduce() {
  BenchmarkSpec spec = describe(member);
  spec.foms.push_back({"with_copies", "s", Better::lower,
                       "time of one operation with copies from and to private buffers, in throughput mode",
                       std::pair<std::string, std::string>{"implementation", "shared_window"}});
  return spec;
}

}  // namespace

const Benchmark& collectives_allreduce() {
  static const Benchmark benchmark{describe_allreduce(), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
