// collectives/allgather: one MPI_Allgather per iteration. Every rank gets the blocks of all ranks, in their
// order.
#include <mpi.h>

#include "suites/collectives/support/family.h"
#include "suites/collectives/support/moved_data.h"

namespace assay::bench {

namespace {

constexpr FamilyMember member{.name = "collectives/allgather",
                              .title = "All-gather: every rank gets the blocks of all ranks",
                              .kind = CollectiveKind::allgather,
                              .bytes_meaning = "size of each rank's result: a block of each rank",
                              .in_place = true};

class Allgather final : public Operation {
 public:
  Allgather(const Parameters& parameters, const Context& context)
      : Operation(context),
        in_place_(flag(parameters, "in_place")),
        block_(elements_of(CollectiveKind::allgather, parameters, group().size()) /
               static_cast<std::size_t>(group().size())),
        data_(context.seed),
        communicator_(context) {}

  std::size_t input_bytes() const override { return in_place_ ? 0 : block_bytes(); }
  std::size_t result_bytes() const override {
    return block_bytes() * static_cast<std::size_t>(group().size());
  }

  void fill(const Buffers& buffers) const override {
    std::byte* own = in_place_ ? block(buffers, group().rank()) : buffers.input;
    data_.fill(own, block_, {group().rank(), 0, buffers.slot});
  }
  void poison(const Buffers& buffers) const override {
    for (int source = 0; source < group().size(); ++source) {
      const bool input = in_place_ && source == group().rank();  // it stays where it is
      if (!input) Operation::poison({block(buffers, source), block_bytes()});
    }
  }

  void call(const Buffers& buffers) override {
    const int count = static_cast<int>(block_);
    MPI_Allgather(in_place_ ? MPI_IN_PLACE : buffers.input, count, MPI_FLOAT, buffers.result, count,
                  MPI_FLOAT, communicator_.get());
  }
  void start(const Buffers& buffers, MPI_Request* request) override {
    const int count = static_cast<int>(block_);
    MPI_Iallgather(in_place_ ? MPI_IN_PLACE : buffers.input, count, MPI_FLOAT, buffers.result, count,
                   MPI_FLOAT, communicator_.get(), request);
  }

  void call_on(device::Collectives& collectives, const Buffers& on_device) override {
    const std::byte* own = in_place_ ? block(on_device, group().rank()) : on_device.input;
    collectives.all_gather(element(), block_, own, on_device.result);
  }
  std::string library_call() const override { return "AllGather"; }
  std::span<std::byte> inputs(const Buffers& buffers) const override {
    return {in_place_ ? block(buffers, group().rank()) : buffers.input, block_bytes()};
  }

  Differences compare(const Buffers& buffers) const override {
    Differences all;
    for (int source = 0; source < group().size(); ++source) {
      all.add(data_.compare(block(buffers, source), block_, {source, 0, buffers.slot}),
              block_ * static_cast<std::size_t>(source));
    }
    return all;
  }
  std::int64_t smallest_error_units() const override { return MovedData::smallest_error_units(); }
  std::string how(int slots) const override { return "each source's block, " + each_element(slots); }

  std::map<std::string, std::string> path(bool non_blocking) const override {
    return {{"call", non_blocking ? "MPI_Iallgather" : "MPI_Allgather"}};
  }

 private:
  std::size_t block_bytes() const { return block_ * sizeof(float); }
  std::byte* block(const Buffers& buffers, int source) const {
    return buffers.result + block_bytes() * static_cast<std::size_t>(source);
  }

  bool in_place_;
  std::size_t block_;  ///< elements
  MovedData data_;
  CaseCommunicator communicator_;
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  return unsupported_member(member, parameters, context);
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return make_case(member, parameters, context, std::make_unique<Allgather>(parameters, context));
}

}  // namespace

const Benchmark& collectives_allgather() {
  static const Benchmark benchmark{describe(member), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
