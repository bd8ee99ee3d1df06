// collectives/alltoall: one MPI_Alltoall per iteration. Block d of rank s becomes block s of rank d.
#include <mpi.h>

#include "suites/collectives/support/family.h"
#include "suites/collectives/support/moved_data.h"

namespace assay::bench {

namespace {

constexpr FamilyMember member{
    .name = "collectives/alltoall",
    .title = "All-to-all: every rank gets a block of its own from each rank",
    .kind = CollectiveKind::alltoall,
    .bytes_meaning = "size of each rank's input: a block for each rank, itself included",
    .in_place = true};

class Alltoall final : public Operation {
 public:
  Alltoall(const Parameters& parameters, const Context& context)
      : Operation(context),
        in_place_(flag(parameters, "in_place")),
        block_(elements_of(CollectiveKind::alltoall, parameters, group().size()) /
               static_cast<std::size_t>(group().size())),
        data_(context.seed),
        communicator_(context) {}

  std::size_t input_bytes() const override { return in_place_ ? 0 : all_bytes(); }
  std::size_t result_bytes() const override { return all_bytes(); }
  bool consumes_input() const override { return in_place_; }

  void fill(const Buffers& buffers) const override {
    std::byte* inputs = in_place_ ? buffers.result : buffers.input;
    for (int destination = 0; destination < group().size(); ++destination)
      data_.fill(block(inputs, destination), block_, {group().rank(), destination, buffers.slot});
  }

  void call(const Buffers& buffers) override {
    const int count = static_cast<int>(block_);
    MPI_Alltoall(in_place_ ? MPI_IN_PLACE : buffers.input, count, MPI_FLOAT, buffers.result, count, MPI_FLOAT,
                 communicator_.get());
  }
  void start(const Buffers& buffers, MPI_Request* request) override {
    const int count = static_cast<int>(block_);
    MPI_Ialltoall(in_place_ ? MPI_IN_PLACE : buffers.input, count, MPI_FLOAT, buffers.result, count,
                  MPI_FLOAT, communicator_.get(), request);
  }

  void call_on(device::Collectives& collectives, const Buffers& on_device) override {
    collectives.all_to_all(element(), block_, on_device.input, on_device.result);
  }
  std::string library_call() const override { return "Send and Recv in one group"; }

  Differences compare(const Buffers& buffers) const override {
    Differences all;
    for (int source = 0; source < group().size(); ++source) {
      all.add(data_.compare(block(buffers.result, source), block_, {source, group().rank(), buffers.slot}),
              block_ * static_cast<std::size_t>(source));
    }
    return all;
  }
  std::int64_t smallest_error_units() const override { return MovedData::smallest_error_units(); }
  std::string how(int slots) const override {
    return "each source's block for its destination, " + each_element(slots);
  }

  std::map<std::string, std::string> path(bool non_blocking) const override {
    return {{"call", non_blocking ? "MPI_Ialltoall" : "MPI_Alltoall"}};
  }

 private:
  std::size_t block_bytes() const { return block_ * sizeof(float); }
  std::size_t all_bytes() const { return block_bytes() * static_cast<std::size_t>(group().size()); }
  std::byte* block(std::byte* blocks, int rank) const {
    return blocks + block_bytes() * static_cast<std::size_t>(rank);
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
  return make_case(member, parameters, context, std::make_unique<Alltoall>(parameters, context));
}

}  // namespace

const Benchmark& collectives_alltoall() {
  static const Benchmark benchmark{describe(member), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
