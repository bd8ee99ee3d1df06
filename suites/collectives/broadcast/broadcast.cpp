// collectives/broadcast: one MPI_Bcast per iteration. Every rank gets the root's buffer; the root's stays.
#include <mpi.h>

#include "suites/collectives/support/family.h"
#include "suites/collectives/support/moved_data.h"

namespace assay::bench {

namespace {

constexpr FamilyMember member{.name = "collectives/broadcast",
                              .title = "Broadcast: every rank gets the root's buffer",
                              .kind = CollectiveKind::broadcast,
                              .bytes_meaning = "size of the root's buffer",
                              .root = true};

class Broadcast final : public Operation {
 public:
  Broadcast(const Parameters& parameters, const Context& context)
      : Operation(context),
        root_(static_cast<int>(integer(parameters, "root"))),
        elements_(elements_of(CollectiveKind::broadcast, parameters, group().size())),
        data_(context.seed),
        communicator_(context) {}

  /// One buffer a rank: on the root the input, elsewhere the result.
  std::size_t input_bytes() const override { return 0; }
  std::size_t result_bytes() const override { return elements_ * sizeof(float); }

  void fill(const Buffers& buffers) const override {
    if (is_root()) data_.fill(buffers.result, elements_, {root_, 0, buffers.slot});
  }
  void poison(const Buffers& buffers) const override {
    if (!is_root()) Operation::poison(whole_result(buffers));
  }

  void call(const Buffers& buffers) override {
    MPI_Bcast(buffers.result, static_cast<int>(elements_), MPI_FLOAT, communicator_.root(root_),
              communicator_.get());
  }
  void start(const Buffers& buffers, MPI_Request* request) override {
    MPI_Ibcast(buffers.result, static_cast<int>(elements_), MPI_FLOAT, communicator_.root(root_),
               communicator_.get(), request);
  }

  void call_on(device::Collectives& collectives, const Buffers& on_device) override {
    collectives.broadcast(element(), elements_, on_device.result, communicator_.root(root_));
  }
  std::string library_call() const override { return "Broadcast"; }
  std::span<std::byte> inputs(const Buffers& buffers) const override {
    return {buffers.result, is_root() ? result_bytes() : 0};
  }
  std::span<std::byte> written(const Buffers& buffers) const override {
    return {buffers.result, is_root() ? 0 : result_bytes()};
  }

  Differences compare(const Buffers& buffers) const override {
    return data_.compare(buffers.result, elements_, {root_, 0, buffers.slot});
  }
  std::int64_t smallest_error_units() const override { return MovedData::smallest_error_units(); }
  std::string how(int slots) const override { return "the root's buffer, " + each_element(slots); }

  std::map<std::string, std::string> path(bool non_blocking) const override {
    return {{"call", non_blocking ? "MPI_Ibcast" : "MPI_Bcast"}};
  }

 private:
  bool is_root() const { return group().rank() == root_; }

  int root_;
  std::size_t elements_;
  MovedData data_;
  CaseCommunicator communicator_;
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  return unsupported_member(member, parameters, context);
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return make_case(member, parameters, context, std::make_unique<Broadcast>(parameters, context));
}

}  // namespace

const Benchmark& collectives_broadcast() {
  static const Benchmark benchmark{describe(member), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
